import type { ComponentChildren } from 'preact';

/** A select whose choice is written over as many lines as it takes: browsers cut it off. */
export function Choice(props: {
  value: string | number;
  /** The chosen one as it reads. */
  text: string;
  label: string;
  choose: (value: string) => void;
  children: ComponentChildren;
}) {
  const { value, text, label, choose, children } = props;
  return (
    <span class="choice">
      <span aria-hidden="true">{text}</span>
      <select
        value={value}
        aria-label={label}
        onChange={({ currentTarget }) => choose(currentTarget.value)}
      >
        {children}
      </select>
    </span>
  );
}

import type { EngineInfo } from '../../../wasm/engine';

type Methods = EngineInfo['methods'];

/** What a select of methods holds: those that answer at once, the slow ones, and what is no answer. */
export function MethodOptions({ methods }: { methods: Methods }) {
  const groups: [string, Methods][] = [
    ['At once', methods.filter((each) => !each.is_slow && !each.is_decoration)],
    [
      'Slow: asks the network again and again',
      methods.filter((each) => each.is_slow),
    ],
    [
      'Decoration: edges, not evidence',
      methods.filter((each) => each.is_decoration),
    ],
  ];
  return (
    <>
      {groups.map(([label, members]) => (
        <optgroup key={label} label={label}>
          {members.map(({ name, title }) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </optgroup>
      ))}
    </>
  );
}

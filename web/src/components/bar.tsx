/** A probability as a bar; a decoration of the number. */
export function Bar({ probability }: { probability: number }) {
  return (
    <span class="bar" aria-hidden="true">
      <span style={{ width: `${100 * probability}%` }} />
    </span>
  );
}

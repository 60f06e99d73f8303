import { chosen, groups, hasGroups } from '../groups';

/** How many photos show what; shows those of one group alone. */
export function Groups() {
  if (!hasGroups.value) return null;
  return (
    <div class="groups" role="group" aria-label="Show only">
      {groups.value.map(({ name, count }) => (
        <button
          key={name}
          class="button"
          type="button"
          aria-pressed={chosen.value === name}
          onClick={() => {
            chosen.value = chosen.value === name ? undefined : name;
          }}
        >
          {name} <span class="count">{count}</span>
        </button>
      ))}
    </div>
  );
}

import { choose, chosen, groups, hasGroups, showAll, shown } from '../groups';
import { photos } from '../photos';

/** How many photos show what; shows those of one group alone. */
export function Groups() {
  if (!hasGroups.value) return null;
  return (
    <div class="groups" role="group" aria-labelledby="groups-name">
      <span id="groups-name">Show only</span>
      {groups.value.map(({ name, count }) => (
        <button
          key={name}
          class="button"
          type="button"
          aria-pressed={chosen.value === name}
          onClick={() => (chosen.value === name ? showAll() : choose(name))}
        >
          {name} <span class="count">{count}</span>
        </button>
      ))}
      {shown.value.length < photos.value.length && (
        <button class="link-button" type="button" onClick={showAll}>
          All photos
        </button>
      )}
    </div>
  );
}

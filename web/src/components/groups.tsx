import { choose, chosen, groups, hasGroups, showAll } from '../groups';
import { nameInText } from '../name';
import { photos } from '../photos';

/** How many photos show what; shows those of one group alone. */
export function Groups() {
  if (!hasGroups.value) return null;
  return (
    <div class="groups" role="group" aria-labelledby="groups-name">
      <span id="groups-name">Show</span>
      <Choice
        name="All"
        count={photos.value.length}
        isChosen={chosen.value === undefined}
        choose={showAll}
      />
      {groups.value.map(({ name, count }) => (
        <Choice
          key={name}
          name={name}
          count={count}
          isChosen={chosen.value === name}
          choose={() => choose(name)}
        />
      ))}
    </div>
  );
}

function Choice(props: {
  name: string;
  count: number;
  isChosen: boolean;
  choose: () => void;
}) {
  const { name, count, isChosen } = props;
  return (
    <button
      class="button"
      type="button"
      aria-pressed={isChosen}
      onClick={() => (isChosen ? showAll() : props.choose())}
    >
      {nameInText(name)} <span class="count">{count}</span>
    </button>
  );
}

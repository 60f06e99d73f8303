import {
  chosen,
  groups,
  hasGroups,
  showAll,
  showGroup,
} from '../photos/groups';
import { photos } from '../photos/photos';
import { nameInText } from '../words/name-in-text';

/** How many photos show what; shows those of one group alone. */
export function Groups() {
  if (!hasGroups.value) return null;
  return (
    <div class="groups" role="group" aria-labelledby="groups-name">
      <span id="groups-name">Show</span>
      <GroupButton
        name="All"
        count={photos.value.length}
        isChosen={chosen.value === undefined}
        choose={showAll}
      />
      {groups.value.map(({ name, count }) => (
        <GroupButton
          key={name}
          name={name}
          count={count}
          isChosen={chosen.value === name}
          choose={() => showGroup(name)}
        />
      ))}
    </div>
  );
}

function GroupButton(props: {
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

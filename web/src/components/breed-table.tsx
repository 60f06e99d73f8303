import { useSignal } from '@preact/signals';
import { Fragment } from 'preact';
import type { Others, Prediction } from '../../../wasm/engine';
import { classNoun } from '../backend/network';
import { choose } from '../photos/maps';
import type { Photo } from '../photos/photo';
import { breed, breedName, capitalised } from '../words/names';
import { chance } from '../words/numbers';
import { useUnfolded } from './use-unfolded';
import { Bar } from './bar';

/** So many rows are shown at first, two if the others have hardly a chance, and the chosen one. */
const MOST_FIRST = 5;
const LEAST_FIRST = 2;
const HARDLY = 0.01;
/** With more classes than this, the rows that are folded away are not even made. */
const MANY_CLASSES = 64;

/** The probabilities; a click on a breed makes the heatmap answer for it. */
export function BreedTable(props: {
  photo: Photo;
  predictions: readonly Prediction[];
  others: Others | null;
}) {
  const { photo, predictions, others } = props;
  const all = useSignal(false);
  useUnfolded(all.value);
  const sought = useSignal('');
  const { one, many } = classNoun.value;
  const likely = predictions
    .slice(0, MOST_FIRST)
    .filter(({ probability }) => probability >= HARDLY).length;
  const first = Math.max(likely, LEAST_FIRST);
  const isSearched = all.value && predictions.length > MANY_CLASSES;
  const words = isSearched ? sought.value.trim().toLowerCase() : '';
  const rows =
    all.value || predictions.length <= MANY_CLASSES
      ? predictions.filter(({ label }) =>
          breedName(label).toLowerCase().includes(words),
        )
      : predictions.filter(
          ({ index }, rank) => rank < first || index === photo.target.value,
        );
  // In its place among the rows that are always shown, or else behind them all.
  const before = others
    ? rows
        .slice(0, first)
        .findIndex(({ probability }) => probability < others.probability)
    : -1;
  return (
    <div class="breeds">
      {isSearched && (
        <input
          type="search"
          aria-label={`Find a ${one}`}
          placeholder={`Find a ${one}`}
          value={sought.value}
          onInput={({ currentTarget }) => {
            sought.value = currentTarget.value;
          }}
        />
      )}
      <table>
        <caption class="visually-hidden">
          {capitalised(many)} by probability; choose one to see where the
          network looked for it
        </caption>
        <thead class="visually-hidden">
          <tr>
            <th scope="col">{capitalised(one)}</th>
            <th scope="col">Probability</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((prediction, rank) => {
            const chosen = photo.target.value === prediction.index;
            return (
              <Fragment key={prediction.index}>
                {others && rank === before && <OthersRow others={others} />}
                <BreedRow
                  prediction={prediction}
                  chosen={chosen}
                  hidden={!all.value && rank >= first && !chosen}
                  choose={() => choose(photo, prediction.index)}
                />
              </Fragment>
            );
          })}
          {others && before < 0 && <OthersRow others={others} />}
        </tbody>
      </table>
      {rows.length === 0 && <p>No {one} has that in its name.</p>}
      {predictions.length > first && (
        <button
          class="link-button"
          type="button"
          aria-expanded={all.value}
          onClick={() => {
            all.value = !all.value;
            sought.value = '';
          }}
        >
          {all.value ? 'Show fewer' : `Show all ${predictions.length}`}
        </button>
      )}
    </div>
  );
}

function BreedRow(props: {
  prediction: Prediction;
  chosen: boolean;
  hidden: boolean;
  choose: () => void;
}) {
  const { label, probability } = props.prediction;
  return (
    <tr
      data-label={label}
      data-probability={probability}
      hidden={props.hidden}
      onClick={props.choose}
    >
      <th scope="row">
        <button class="cell" type="button" aria-pressed={props.chosen}>
          <span>{breed(label)}</span>
          <Bar probability={probability} />
        </button>
      </th>
      <td>{chance(probability)}</td>
    </tr>
  );
}

/** What is none of the breeds has no heatmap to choose. */
function OthersRow({ others: { label, probability } }: { others: Others }) {
  return (
    <tr class="others" data-others={label} data-probability={probability}>
      <th scope="row">
        <span class="cell">
          <span>{breed(label)}</span>
          <Bar probability={probability} />
        </span>
      </th>
      <td>{chance(probability)}</td>
    </tr>
  );
}

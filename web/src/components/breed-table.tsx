import { useSignal } from '@preact/signals';
import type { Prediction } from '../../../wasm/engine';
import { breed, percent } from '../describe';
import { retarget } from '../maps';
import type { Photo } from '../photo';

const FIRST_ROWS = 5;
/** With more classes than this, the rows that are folded away are not even made. */
const MANY_CLASSES = 64;

/** The probabilities; a click on a breed makes the heatmap answer for it. */
export function BreedTable(props: {
  photo: Photo;
  predictions: readonly Prediction[];
}) {
  const { photo, predictions } = props;
  const all = useSignal(false);
  const rows =
    all.value || predictions.length <= MANY_CLASSES
      ? predictions
      : predictions.slice(0, FIRST_ROWS);
  return (
    <div class="breeds">
      <table>
        <caption class="visually-hidden">
          Breeds by probability; choose one to see where the network looked for
          it
        </caption>
        <thead class="visually-hidden">
          <tr>
            <th scope="col">Breed</th>
            <th scope="col">Probability</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((prediction, rank) => (
            <BreedRow
              key={prediction.index}
              prediction={prediction}
              chosen={photo.target.value === prediction.index}
              hidden={!all.value && rank >= FIRST_ROWS}
              choose={() => retarget(photo, prediction.index)}
            />
          ))}
        </tbody>
      </table>
      {predictions.length > FIRST_ROWS && (
        <button
          class="link-button"
          type="button"
          aria-expanded={all.value}
          onClick={() => {
            all.value = !all.value;
          }}
        >
          {all.value
            ? `Show the first ${FIRST_ROWS}`
            : `Show all ${predictions.length}`}
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
        <button type="button" aria-pressed={props.chosen}>
          <span>{breed(label)}</span>
          <span class="bar" aria-hidden="true">
            <span style={{ width: `${100 * probability}%` }} />
          </span>
        </button>
      </th>
      <td>{percent(probability)}</td>
    </tr>
  );
}

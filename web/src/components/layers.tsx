import type { ModelInfo } from '../../../wasm/engine';
import { classNoun } from '../backend/network';
import { outputsBeside } from '../words/models';

const TIMES = ' × ';

/** The network's layers, from the photo to the answer. */
export function Layers({ model }: { model: ModelInfo }) {
  const { many } = classNoun.value;
  const beside = outputsBeside(model);
  return (
    <details class="layers">
      <summary>Its {model.layers.length} layers with weights</summary>
      {/* It may have to be scrolled on a phone. */}
      <div class="table" tabIndex={0} role="group" aria-label="Layers">
        <table>
          <thead>
            <tr>
              <th scope="col">Layer</th>
              <th scope="col">Weights</th>
              <th scope="col">Gives</th>
              <th scope="col">Stored as</th>
              <th scope="col">Run by</th>
            </tr>
          </thead>
          <tbody>
            {model.layers.map(({ name, weight, output, dtype, algorithm }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{weight.join(TIMES)}</td>
                <td>{output.join(TIMES)}</td>
                <td>{dtype}</td>
                <td>{algorithm}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {beside && (
        <p>
          The last layer gives one score for each of the {model.labels.length}{' '}
          {many}, and {beside}, whose probabilities are added up.
        </p>
      )}
    </details>
  );
}

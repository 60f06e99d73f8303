import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { breedInText, percent } from '../describe';
import { askEvidence } from '../maps';
import { labelOf, type Photo, type PhotoResult } from '../photo';
import { HeatCanvas } from './heat-canvas';
import { useObjectUrl } from './object-url';
import { Trouble } from './trouble';
import { useWanted } from './wanted';

/** The map of one photo for one breed, taken apart: channels, weights, sum. */
export function HowMade(props: { photo: Photo; result: PhotoResult }) {
  const { photo, result } = props;
  const isOpen = useSignal(false);
  const target = photo.target.value;
  const evidence = photo.evidence.value.get(target);
  const breed = breedInText(labelOf(result, target));
  useWanted(photo.tracing, isOpen.value && !evidence, target, () =>
    askEvidence(photo, target),
  );
  return (
    <details
      class="how"
      onToggle={({ currentTarget }) => {
        isOpen.value = currentTarget.open;
      }}
    >
      <summary>How this map was made</summary>
      {!evidence ? (
        <p>
          {photo.tracing.failure ? (
            <Trouble
              failure={photo.tracing.failure}
              again={() => void askEvidence(photo, target)}
            />
          ) : (
            'Looking at the channels…'
          )}
        </p>
      ) : (
        <ol>
          <li>
            <h3>The network’s last maps</h3>
            <p>
              Its last layer of filters made {evidence.total} small maps of{' '}
              {evidence.rows} by {evidence.cols} numbers. Each lights up where
              its filter found what it looks for. These speak for it most:
            </p>
            <ul class="channels">
              {evidence.channels.map(({ channel, alpha, share, values }) => (
                <li key={channel}>
                  <Thumbnail result={result}>
                    <HeatCanvas
                      heatmap={{
                        rows: evidence.rows,
                        cols: evidence.cols,
                        values: brightest(values),
                      }}
                      width={96}
                      height={96}
                    />
                  </Thumbnail>
                  <p>
                    map {channel}
                    <br />
                    weight {signed(alpha)}
                    <br />
                    <strong>{percent(share)}</strong> of all
                  </p>
                </li>
              ))}
            </ul>
          </li>
          <li>
            <h3>How much each counts</h3>
            <p>
              For every map the page asks back: if it were a little stronger,
              how much would the score of <strong>{breed}</strong> rise? That is
              its weight. A weight below zero speaks against it.
            </p>
          </li>
          <li>
            <h3>Added up</h3>
            <p>
              All maps are added, each times its weight; the percentages above
              are of all that is added or taken away. What is below zero is cut
              off, and the highest number becomes 1.
            </p>
            <details class="formula">
              <summary>As a formula</summary>
              <p>
                L<sup>c</sup> = ReLU( Σ<sub>k</sub> α<sub>k</sub>
                <sup>c</sup> A<sup>k</sup> ), α<sub>k</sub>
                <sup>c</sup> = 1/Z Σ<sub>i</sub> Σ<sub>j</sub> ∂y<sup>c</sup>/∂A
                <sub>ij</sub>
                <sup>k</sup>, where A<sup>k</sup> is map k, y<sup>c</sup> the
                score of breed c before the softmax, and Z the {evidence.rows} ×{' '}
                {evidence.cols} places (Selvaraju et al., 2017).
              </p>
            </details>
          </li>
        </ol>
      )}
    </details>
  );
}

/** What the network saw of the photo, small, with something over it. */
function Thumbnail(props: {
  result: PhotoResult;
  children: ComponentChildren;
}) {
  const { width, height, crop, preview } = props.result;
  const url = useObjectUrl(preview);
  return (
    <div class="thumbnail">
      <img
        src={url}
        alt=""
        style={{
          width: `${(100 * width) / crop.width}%`,
          height: `${(100 * height) / crop.height}%`,
          left: `${(-100 * crop.x) / crop.width}%`,
          top: `${(-100 * crop.y) / crop.height}%`,
        }}
      />
      {props.children}
    </div>
  );
}

function brightest(values: Float32Array): Float32Array<ArrayBuffer> {
  const max = Math.max(...values, Number.MIN_VALUE);
  return Float32Array.from(values, (value) => value / max);
}

function signed(value: number): string {
  const text = Math.abs(value).toPrecision(2);
  return value < 0 ? `−${text}` : `+${text}`;
}

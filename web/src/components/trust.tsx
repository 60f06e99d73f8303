import { useSignal } from '@preact/signals';
import type { Curves, Trust } from '../../../wasm/engine';
import { methodOf } from '../backend';
import {
  breedInText,
  centreVerdict,
  chance,
  coveredVerdict,
  curvesVerdict,
  percent,
  untestable,
} from '../describe';
import { measure } from '../maps';
import { labelOf, type Photo, type PhotoResult } from '../photo';
import { method } from '../settings';
import { Pending } from './pending';
import { useWanted } from './wanted';

/** The network itself is asked whether the map shows what it used. */
export function TrustPanel(props: { photo: Photo; result: PhotoResult }) {
  const { photo, result } = props;
  const isOpen = useSignal(false);
  const target = photo.target.value;
  const label = labelOf(result, target);
  const made = photo.maps.value.get(target);
  const obstacle =
    made &&
    untestable(
      made,
      methodOf(method.value),
      label,
      result.predictions.find(({ index }) => index === target)?.probability ??
        0,
    );
  const map = obstacle === undefined ? made : undefined;
  const known = photo.trust.value;
  const found = known && known.map === map ? known.found : undefined;
  const isAsking =
    photo.measuring.state.value !== 'stopped' && !photo.measuring.failure;
  const isWanted = isOpen.value && map?.status === 'ok' && !found;
  useWanted(photo.measuring, isWanted, map, () => measure(photo, map!));
  return (
    <details
      class="how trust"
      onToggle={({ currentTarget }) => {
        isOpen.value = currentTarget.open;
      }}
    >
      <summary>Can this map be trusted?</summary>
      {obstacle ? (
        <p>There is nothing to test: {obstacle}.</p>
      ) : found ? (
        <Findings found={found} breed={breedInText(label)} />
      ) : (
        <p>
          {!map && 'There is no map to test yet.'}
          {map &&
            isAsking &&
            'Asking the network again, with parts of the photo taken away… '}
          {map && (
            <Pending
              errand={photo.measuring}
              name="the test"
              again={() => void measure(photo, map)}
            />
          )}
        </p>
      )}
    </details>
  );
}

function Findings({ found, breed }: { found: Trust; breed: string }) {
  const { probability, covered, drop, increase, random, centre } = found;
  return (
    <ol>
      <li>
        <h3>Without the warm part</h3>
        <p>
          With it covered ({percent(covered.area)} of what it saw), the network
          gives <strong>{breed}</strong> {chance(covered.probability)} instead
          of {chance(probability)}.{' '}
          {coveredVerdict(probability, covered.probability)}
        </p>
      </li>
      <li>
        <h3>With the warm part alone</h3>
        <p>
          Dimmed where the map is cold,{' '}
          {increase ? (
            'the photo convinces the network even more.'
          ) : (
            <>
              the photo loses <strong>{percent(drop)}</strong> of the network’s
              confidence.
            </>
          )}
        </p>
      </li>
      <li>
        <h3>Bit by bit</h3>
        <p>
          The warmest pixels first, and in random order for comparison.{' '}
          {curvesVerdict(found)}
        </p>
        <div class="curves">
          <Chart
            title="Shown in a blurred photo"
            good="a large area is good"
            curve={found.insertion_curve}
            area={found.insertion}
            other={random.insertion_curve}
            otherArea={random.insertion}
          />
          <Chart
            title="Taken away from the photo"
            good="a small area is good"
            curve={found.deletion_curve}
            area={found.deletion}
            other={random.deletion_curve}
            otherArea={random.deletion}
          />
        </div>
        <p>
          A round spot in the middle of the photo, which knows nothing of the
          network, has the areas {centre.insertion.toFixed(2)} and{' '}
          {centre.deletion.toFixed(2)}. {centreVerdict(found)}
        </p>
      </li>
    </ol>
  );
}

const WIDTH = 160;
const HEIGHT = 100;

/** A probability from none of the pixels to all of them, over that of random order. */
function Chart(props: {
  title: string;
  good: string;
  curve: Curves['insertion_curve'];
  area: number;
  other: Curves['insertion_curve'];
  otherArea: number;
}) {
  const { title, good, curve, area, other, otherArea } = props;
  const words = `area ${area.toFixed(2)}, in random order ${otherArea.toFixed(2)}`;
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <svg
        viewBox={`-36 -8 ${WIDTH + 42} ${HEIGHT + 26}`}
        role="img"
        aria-label={`${title}: ${words}`}
      >
        <path class="axes" d={`M0 0V${HEIGHT}H${WIDTH}`} />
        <path
          class="area"
          d={`${lineOf(curve)}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`}
        />
        <path class="random" d={lineOf(other)} />
        <path class="map" d={lineOf(curve)} />
        <text x="-4" y="4" text-anchor="end">
          100 %
        </text>
        <text x="-4" y={HEIGHT} text-anchor="end">
          0 %
        </text>
        <text x="0" y={HEIGHT + 14}>
          no pixels
        </text>
        <text x={WIDTH} y={HEIGHT + 14} text-anchor="end">
          all of them
        </text>
      </svg>
      <p>
        <strong>Area {area.toFixed(2)}</strong>, in random order (dashed){' '}
        {otherArea.toFixed(2)}; {good}.
      </p>
    </figure>
  );
}

function lineOf(curve: readonly number[]): string {
  const points = curve.map((p, i) => {
    const x = (WIDTH * i) / (curve.length - 1);
    return `${x.toFixed(1)} ${(HEIGHT * (1 - p)).toFixed(1)}`;
  });
  return `M${points.join('L')}`;
}

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { Trust } from '../../../wasm/engine';
import { methodOf } from '../backend/network';
import { measure } from '../photos/maps';
import { labelOf, type Photo, type PhotoResult } from '../photos/photo';
import { method } from '../settings';
import { breedInText } from '../words/names';
import { chance, percent } from '../words/numbers';
import {
  coveredStanding,
  shownStanding,
  trustVerdict,
  untestable,
} from '../words/trust';
import { Pending } from './pending';
import { useSpoken } from './spoken';
import { useUnfolded } from './use-unfolded';
import { useWanted } from './use-wanted';

/** The network itself is asked whether the map shows what it used. */
export function TrustPanel(props: { photo: Photo; result: PhotoResult }) {
  const { photo, result } = props;
  const isOpen = useSignal(false);
  useUnfolded(isOpen.value);
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
  const { probability, covered_area, covered, covered_centre } = found;
  const [verdict, why] = trustVerdict(
    coveredStanding(found),
    shownStanding(found),
  );
  const text = useSpoken(true);
  return (
    <>
      <p ref={text}>
        <strong>{verdict}:</strong> {why} The guess knows no map: it is the
        middle of what it saw, where most people put what they photograph, or
        chance.
      </p>
      <ol>
        <li>
          <h3>Covered</h3>
          <p>
            With the warm part covered ({percent(covered_area)} of what it saw)
            the network gives {breed} <strong>{chance(covered)}</strong> instead
            of {chance(probability)}. With as much covered in the middle of the
            photo it gives {chance(covered_centre)}.
          </p>
        </li>
        <li>
          <h3>Shown first</h3>
          <p>
            The photo is blurred and gets its pixels back, the warmest first. If
            the map is good, the network names {breed} early, and the area under
            the line is large.
          </p>
          <Chart found={found} />
        </li>
      </ol>
    </>
  );
}

const WIDTH = 160;
const HEIGHT = 100;

/** A probability from none of the pixels to all of them, over those of what knows nothing. */
function Chart({ found }: { found: Trust }) {
  const { map, centre, random_order } = found;
  return (
    <figure class="chart">
      <svg
        viewBox={`-36 -8 ${WIDTH + 42} ${HEIGHT + 26}`}
        role="img"
        aria-label="The chance with ever more of the pixels shown"
      >
        <path class="axes" d={`M0 0V${HEIGHT}H${WIDTH}`} />
        <path
          class="area"
          d={`${lineOf(map.curve)}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`}
        />
        <path class="random" d={lineOf(random_order.curve)} />
        <path class="centre" d={lineOf(centre.curve)} />
        <path class="map" d={lineOf(map.curve)} />
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
      <figcaption>
        <Key line="map">warmest first: area {map.area.toFixed(2)}</Key>
        <Key line="centre">middle first: area {centre.area.toFixed(2)}</Key>
        <Key line="random">
          in random order: area {random_order.area.toFixed(2)}
        </Key>
      </figcaption>
    </figure>
  );
}

/** Which line is whose. */
function Key(props: { line: string; children: ComponentChildren }) {
  return (
    <span>
      <svg viewBox="0 0 24 8" aria-hidden="true">
        <path class={props.line} d="M0 4H24" />
      </svg>
      {props.children}
    </span>
  );
}

function lineOf(curve: readonly number[]): string {
  const points = curve.map((p, i) => {
    const x = (WIDTH * i) / (curve.length - 1);
    return `${x.toFixed(1)} ${(HEIGHT * (1 - p)).toFixed(1)}`;
  });
  return `M${points.join('L')}`;
}

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import {
  USUAL_METHOD,
  type Evidence,
  type ModelInfo,
} from '../../../wasm/engine';
import { classNoun, methodOf, presentModel } from '../backend/network';
import { square } from '../photos/cells';
import { askEvidence } from '../photos/maps';
import { labelOf, type Photo, type PhotoResult } from '../photos/photo';
import { layer, method } from '../settings';
import { outputsBeside } from '../words/models';
import { breedInText } from '../words/names';
import { chance } from '../words/numbers';
import { useUnfolded } from './use-unfolded';
import { Borders } from './borders';
import { HeatCanvas } from './heat-canvas';
import { useObjectUrl } from './use-object-url';
import { AGAINST, FOR, SignedCanvas } from './signed-canvas';
import { Trouble } from './trouble';
import { useWanted } from './use-wanted';

/** The map of one photo for one breed, taken apart: from its score to the heat. */
export function HowMade(props: { photo: Photo; result: PhotoResult }) {
  const { photo, result } = props;
  const isOpen = useSignal(false);
  useUnfolded(isOpen.value);
  const target = photo.target.value;
  const evidence = photo.evidence.value.get(target);
  const isGradCam = method.value === USUAL_METHOD;
  useWanted(
    photo.tracing,
    isOpen.value && isGradCam && !evidence,
    `${target} ${layer.value}`,
    () => askEvidence(photo, target),
  );
  return (
    <details
      class="how how-made"
      onToggle={({ currentTarget }) => {
        isOpen.value = currentTarget.open;
      }}
    >
      <summary>How this map was made</summary>
      {!isGradCam ? (
        <p>
          The steps shown here are those of Grad-CAM, and this map is by{' '}
          {methodOf(method.value)?.title}. Choose Grad-CAM as the method to see
          them.
        </p>
      ) : evidence ? (
        <Steps result={result} target={target} evidence={evidence} />
      ) : (
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
      )}
    </details>
  );
}

/** What the scores are divided by, so that what is called 90 % is right 9 times of 10. */
function dividedBy({ temperature }: ModelInfo): string {
  if (temperature === 1) return '';
  return ` divided by ${Number(temperature.toPrecision(3))} (the model’s temperature)`;
}

function Steps(props: {
  result: PhotoResult;
  target: number;
  evidence: Evidence;
}) {
  const { result, target, evidence } = props;
  const { rows, cols, channels, others, sum, alphas } = evidence;
  const breed = <strong>{breedInText(labelOf(result, target))}</strong>;
  const prediction = result.predictions.find(({ index }) => index === target);
  const model = presentModel();
  const beside = model && outputsBeside(model);
  const made = useMemo(() => {
    const most = Math.max(...range(sum), Number.MIN_VALUE);
    const warm = sum.map((value) => Math.max(0, value) / most);
    return { rows, cols, values: warm };
  }, [evidence]);
  const [least, most] = range(sum);
  if (!Number.isFinite(most - least)) {
    return <p>The numbers overflowed: there is nothing to take apart.</p>;
  }
  const whole = channels.reduce((sum, { share }) => sum + share, others.share);
  const signedMap = (values: Float32Array) => (
    <Seen result={result} isGrey>
      <SignedCanvas rows={rows} cols={cols} values={values} />
    </Seen>
  );
  return (
    <>
      <ol class="making">
        <li class="text">
          <h3>Score</h3>
          <p>
            The score of {breed} before softmax is{' '}
            <strong>{prediction?.logit.toFixed(1).replace('-', '−')}</strong>.
            Softmax turns the scores of all {classNoun.value.many}
            {beside && `, and ${beside},`}
            {model && dividedBy(model)} into probabilities, here{' '}
            <strong>{chance(prediction?.probability ?? 0)}</strong>.
          </p>
        </li>
        <li class="weights">
          <h3>Gradient and weights</h3>
          <p>
            How much would that score rise if a number in one of the{' '}
            {alphas.length} maps of {layer.value} were a little higher? That is
            the gradient. Its mean over a map is the map’s weight α<sub>k</sub>.
          </p>
          <WeightsChart alphas={alphas} />
        </li>
        <li class="parts">
          <h3>Maps times weights</h3>
          <ul>
            {channels.map(({ channel, alpha, share, values }) => (
              <li key={channel}>
                {signedMap(values.map((value) => Math.sign(alpha) * value))}
                <p>
                  map {channel}
                  <br />α {signed(alpha)}
                  <br />
                  <strong>{ofAll(share)}</strong>
                </p>
              </li>
            ))}
            <li>
              {signedMap(others.values)}
              <p>
                all others
                <br />
                {alphas.length - channels.length} maps
                <br />
                <strong>{ofAll(others.share)}</strong>
              </p>
            </li>
          </ul>
          <p>
            A map is strong where its filter found what it looks for. Orange
            speaks for {breed}, blue against it; the percentages are of all that
            is added or taken away.
          </p>
        </li>
        <li>
          <h3>Sum</h3>
          {signedMap(sum)}
          <p>
            all together
            <br />
            {signed(least)} to {signed(most)}
            <br />
            <strong>{ofAll(whole)}</strong>
          </p>
        </li>
        <li>
          <h3>ReLU</h3>
          {signedMap(made.values)}
          <p>
            cut off below zero
            {most > 0 ? `, ${signed(most)} becomes 1` : ': nothing is left'}
          </p>
        </li>
        <li>
          <h3>Resize</h3>
          <Seen result={result}>
            <HeatCanvas heatmap={made} width={192} height={192} />
          </Seen>
          <p>{square(rows)} cells made as large as what it saw</p>
        </li>
      </ol>
      <p>
        <Borders layer={layer.value} />
      </p>
      <details class="formula">
        <summary>As a formula</summary>
        <p>
          L<sup>c</sup> = ReLU( Σ<sub>k</sub> α<sub>k</sub>
          <sup>c</sup> A<sup>k</sup> ), α<sub>k</sub>
          <sup>c</sup> = 1/Z Σ<sub>i</sub> Σ<sub>j</sub> ∂y<sup>c</sup>/∂A
          <sub>ij</sub>
          <sup>k</sup>, where A<sup>k</sup> is map k, y<sup>c</sup> the score of
          the {classNoun.value.one} c before the softmax, and Z the {rows} ×{' '}
          {cols} places (Selvaraju et al., 2017).
        </p>
      </details>
    </>
  );
}

const WIDTH = 300;
const HEIGHT = 48;

/** The weights of all channels, the largest first. */
function WeightsChart({ alphas }: { alphas: Float32Array }) {
  const sorted = alphas.toSorted().reverse();
  const [least, most] = range(sorted);
  const scale =
    HEIGHT / Math.max(Math.max(most, 0) - Math.min(least, 0), 1e-30);
  const zero = Math.max(most, 0) * scale;
  const bar = WIDTH / sorted.length;
  const bars = (sign: number) =>
    Array.from(sorted, (alpha, i) =>
      alpha * sign > 0
        ? `M${(i * bar).toFixed(2)} ${zero.toFixed(2)}v${(-alpha * scale).toFixed(2)}h${bar.toFixed(2)}V${zero.toFixed(2)}z`
        : '',
    ).join('');
  const count = (sign: number) =>
    sorted.filter((alpha) => alpha * sign > 0).length;
  return (
    <figure>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <path fill={`rgb(${FOR.join()})`} d={bars(1)} />
        <path fill={`rgb(${AGAINST.join()})`} d={bars(-1)} />
      </svg>
      <figcaption>
        <span>
          {count(1)} {count(1) === 1 ? 'weight' : 'weights'} above zero, up to{' '}
          {signed(most)}
        </span>{' '}
        <span>
          {count(-1)} below, down to {signed(least)}
        </span>
      </figcaption>
    </figure>
  );
}

/** What the network saw of the photo, small, with something over it. */
function Seen(props: {
  result: PhotoResult;
  isGrey?: boolean;
  children: ComponentChildren;
}) {
  const { width, height, crop, preview } = props.result;
  const url = useObjectUrl(preview);
  return (
    <div class="thumbnail" data-grey={props.isGrey}>
      <div>
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
    </div>
  );
}

/** The lowest and the highest; a map may have more numbers than a function takes. */
function range(values: Float32Array): [least: number, most: number] {
  return values.reduce<[number, number]>(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Infinity, -Infinity],
  );
}

function signed(value: number, text = Math.abs(value).toPrecision(2)): string {
  return value < 0 ? `−${text}` : `+${text}`;
}

/** A part of all that is added or taken away. */
function ofAll(share: number): string {
  return signed(share, `${Math.abs(100 * share).toFixed(1)}\u202f%`);
}

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { USUAL_METHOD } from '../../../wasm/engine';
import { methodOf, unsureBelow } from '../backend/network';
import {
  camera,
  hasCamera,
  isCloser,
  isLate,
  isReplaced,
  isSnapshot,
  sight,
  snapshot,
  turnOff,
  turnOn,
  watch,
  type Sight,
} from '../camera';
import { addPhotos, photos } from '../photos/photos';
import { method, opacity } from '../settings';
import { CLOSEST, isOnlyClosest, verdict } from '../words/answer';
import { captionFor, heatmapLabel } from '../words/heatmap';
import { breed } from '../words/names';
import { chance } from '../words/numbers';
import { Bar } from './bar';
import { HeatOnCrop } from './heat-canvas';
import { Icon } from './icon';
import { placeOf } from './place';

/** Milliseconds for which words stay as they are, or nobody could read them. */
const READING = 250;
const LISTED = 3;

let lastKept: Promise<unknown> = Promise.resolve();

/** Puts the present picture onto the page, behind those that were taken before. */
function keep(): void {
  const taking = snapshot();
  lastKept = Promise.allSettled([lastKept, taking]).then(async () => {
    const taken = await taking;
    if (!taken) return;
    const { file, crop } = taken;
    void addPhotos({ files: [file], refused: [] }, { crop });
  });
}

/** Turns the camera on and off, where there may be one. */
export function CameraButton(props: {
  class: string;
  children: ComponentChildren;
}) {
  if (!hasCamera()) return null;
  return (
    <button
      class={props.class}
      type="button"
      aria-pressed={camera.value !== 'off'}
      onClick={() => (camera.value === 'off' ? void turnOn() : turnOff())}
    >
      {props.children}
    </button>
  );
}

/** The camera's picture with the heat over it, and what the network says of it. */
export function CameraView({ stream }: { stream: MediaStream }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    video.current!.srcObject = stream;
    void watch(video.current!, stream);
  }, [stream]);
  const { value: seen } = sight;
  const { width = 4, height = 3 } = seen ?? {};
  // One that faces the user is a mirror.
  const { facingMode } = stream.getVideoTracks()[0]!.getSettings();
  const isMirror = facingMode !== 'environment';
  return (
    <section class="card camera" aria-label="Camera">
      <div class="answer">
        <figure
          class="stage"
          style={{ '--photo-width': width, '--photo-height': height }}
        >
          <div class="picture" data-mirror={isMirror}>
            <video
              ref={video}
              autoPlay
              muted
              playsInline
              aria-label="What the camera shows"
            />
            {seen && <Heat seen={seen} />}
          </div>
          <p class="caption">
            {isCloser.value
              ? 'it is shown the square around what was warm'
              : 'it sees best what fills the picture'}
          </p>
        </figure>
        <div class="words">
          <Words />
          <div class="actions">
            <button
              class="button primary"
              type="button"
              disabled={!seen}
              onClick={keep}
            >
              <Icon name="plus" />
              Keep this picture
            </button>
            <button
              class="button"
              type="button"
              title={
                isCloser.value
                  ? 'Show the network all of the picture'
                  : 'Show the network only the part that it looked at'
              }
              onClick={() => {
                isCloser.value = !isCloser.value;
              }}
            >
              <Icon name={isCloser.value ? 'wider' : 'closer'} />
              {isCloser.value ? 'See it all' : 'Look closer'}
            </button>
            <button class="button" type="button" onClick={turnOff}>
              <Icon name="cross" />
              Turn the camera off
            </button>
          </div>
          <Kept />
        </div>
      </div>
    </section>
  );
}

function Heat({ seen }: { seen: Sight }) {
  const { map, crop, width, height, method } = seen;
  if (!map) return null;
  const isDecoration = methodOf(method)?.is_decoration;
  return (
    <div
      class="seen"
      data-outlined={crop.width < width && crop.height < height}
      style={placeOf(crop, width, height)}
    >
      <div style={{ opacity: isLate.value ? 0 : opacity.value }}>
        <HeatOnCrop
          heatmap={map}
          crop={crop}
          label={heatmapLabel(captionOf(seen), map, isDecoration)}
        />
      </div>
    </div>
  );
}

/** What became of pictures that were kept: they may be out of sight, so as not to leave the camera. */
function Kept() {
  const { length } = photos.value.filter(({ file }) => isSnapshot(file));
  return (
    <p class="kept-pictures">
      {length > 0 &&
        `${length === 1 ? 'One picture is' : `${length} pictures are`} kept, below.`}
    </p>
  );
}

/** What the network says, not faster than it can be read. */
function Words() {
  const words = useSignal(sight.peek());
  useEffect(() => {
    const show = () => {
      words.value = sight.peek();
    };
    const timer = setInterval(show, READING);
    return () => clearInterval(timer);
  }, []);
  const { value: seen } = words;
  if (!seen) return <p class="verdict">Looking…</p>;
  const { predictions, others, rate } = seen;
  const likeliest = [...predictions, ...(others ? [others] : [])]
    .sort((a, b) => b.probability - a.probability)
    .slice(0, LISTED);
  return (
    <>
      <p class="verdict">{verdict(predictions, others, unsureBelow.value)}</p>
      <p class="where">{captionOf(seen)}.</p>
      {isReplaced.value && (
        <p class="replaced">
          {methodOf(method.value)?.title} takes too long for a camera, whose
          maps are made by {methodOf(USUAL_METHOD)?.title}.
        </p>
      )}
      <ul class="likeliest">
        {likeliest.map(({ label, probability }) => (
          <li key={label}>
            <span>{breed(label)}</span>
            <span>{chance(probability)}</span>
            <Bar probability={probability} />
          </li>
        ))}
      </ul>
      <p class="rate">
        {isLate.value
          ? 'The network is at something else. Then it looks here again.'
          : `${rate < 9.5 ? rate.toFixed(1) : Math.round(rate)} pictures a second, each with its map; none leaves this computer`}
      </p>
    </>
  );
}

function captionOf({ map, method, predictions, others }: Sight): string {
  const label = predictions.find(({ index }) => index === map?.class)?.label;
  const caption = captionFor(methodOf(method)?.caption ?? '{}', label ?? '');
  return map && isOnlyClosest(map.class, predictions, others)
    ? `${caption}, ${CLOSEST}`
    : caption;
}

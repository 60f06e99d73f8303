/** What a camera shows, looked at frame after frame. */

import { computed, signal } from '@preact/signals';
import type { Remote } from 'comlink';
import {
  type Box,
  USUAL_LAYER,
  USUAL_METHOD,
  type ExplainOptions,
  type Heatmap,
  type Others,
  type Prediction,
} from '../../wasm/engine';
import { ask, methodOf } from './backend/network';
import { halfway, type Size } from './photos/crop';
import { presentHow } from './photos/maps';
import { say } from './news';
import { reasonOf, UNWANTED } from './shared/outcome';
import { put } from './photos/photo-io';
import { photos } from './photos/photos';
import type { Answer, Outcome, WorkerApi } from './shared/protocol';
import { method } from './settings';
import { sentence } from './words/sentence';

/** What the network says of late, because what it says of single frames flickers. */
export interface Words {
  predictions: readonly Prediction[];
  others: Others | null;
  /** Frames a second. */
  rate: number;
}

/** What the network saw in a frame. */
export interface Sight extends Words {
  width: number;
  height: number;
  crop: Box;
  /** Of the class that is the most probable one of late; undefined if the method gave none. */
  map: Heatmap | undefined;
  /** That of the map. */
  method: string;
}

export const camera = signal<'off' | 'starting' | MediaStream>('off');
/** Undefined until there is one of the present camera. */
export const sight = signal<Sight | undefined>(undefined);

/** Whether there is something to take a snapshot of. */
export const isSeeing = computed(() => sight.value !== undefined);
/** Whether the network has been at something else for so long that what it saw is past. */
export const isLate = signal(false);
/** Milliseconds without an answer, and pictures that would have had one in that time. */
const LATE = 1500;
const LATE_PICTURES = 3;
/** Whether maps are made by another method than the one of the settings, which takes too long. */
export const isReplaced = computed(
  () => atOnce(presentHow()).method !== method.value,
);
/** Whether the page has nothing to show yet. */
export const isFresh = computed(
  () => photos.value.length === 0 && !(camera.value instanceof MediaStream),
);

/** The engine's name for what it holds of the camera; photos count from 1. */
const FRAME = 0;
/** What shows the camera. */
let watched: HTMLVideoElement | undefined;
let snapshots = 0;
/** How often it was turned on: the browser may still ask about an earlier time. */
let attempts = 0;
const taken = new WeakSet<File>();

/** After so many milliseconds half of what is shown is new. */
const HALF_LIFE = 200;

/** Whether the network is shown only the square around what is warm in all that the camera shows. */
export const isCloser = signal(false);
/** After so many milliseconds that is looked for again. */
const LOOK_AROUND = 150;
/** That square, in frames of this size, and when it was found. */
let square: (Size & { crop: Box; at: number }) | undefined;

/** Whether this browser gives the page a camera at all; to pages that are not secure it does not. */
export function hasCamera(): boolean {
  return navigator.mediaDevices?.getUserMedia !== undefined;
}

export async function turnOn(): Promise<void> {
  if (camera.value !== 'off') return;
  camera.value = 'starting';
  const own = ++attempts;
  const isWanted = () => camera.value === 'starting' && own === attempts;
  say('');
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      // More than the network sees; dogs are on the other side of a phone.
      video: { width: 640, height: 480, facingMode: 'environment' },
    });
    const tracks = stream.getTracks();
    if (!isWanted()) {
      tracks.forEach((track) => track.stop());
      return;
    }
    for (const track of tracks) {
      track.onended = () => {
        if (camera.value !== stream) return; // one that was turned off before
        turnOff();
        say('The camera was taken away.');
      };
    }
    camera.value = stream;
  } catch (error) {
    if (!isWanted()) return;
    camera.value = 'off';
    say(whyNot(error));
  }
}

export function turnOff(): void {
  const { value: stream } = camera;
  if (stream instanceof MediaStream) {
    stream.getTracks().forEach((track) => track.stop());
  }
  camera.value = 'off';
  sight.value = undefined;
  square = undefined;
  isCloser.value = false;
}

/** Looks at what an element shows of a camera until that is turned off; not while it is hidden. */
export async function watch(
  video: HTMLVideoElement,
  stream: MediaStream,
): Promise<void> {
  watched = video;
  const isOn = () => camera.value === stream;
  let last = performance.now();
  for (;;) {
    await new Promise(requestAnimationFrame);
    if (!isOn()) return;
    if (video.readyState < video.HAVE_CURRENT_DATA) continue;
    const how = atOnce(presentHow());
    const { rate = Infinity } = sight.value ?? {};
    const patience = Math.max(LATE, (1000 * LATE_PICTURES) / rate);
    const timer = setTimeout(() => {
      isLate.value = true;
    }, patience);
    const outcome = await lookAt(video, how, isOn);
    clearTimeout(timer);
    isLate.value = false;
    if (!isOn()) return;
    if (!outcome.ok) {
      turnOff();
      say(`The camera was turned off: ${sentence(outcome.failure.message)}`);
      return;
    }
    const now = performance.now();
    show(outcome.value, how, now - last);
    last = now;
  }
}

type Frame = Pick<Sight, 'width' | 'height'> & Answer;

function lookAt(
  video: HTMLVideoElement,
  how: ExplainOptions,
  isOn: () => boolean,
): Promise<Outcome<Frame>> {
  return ask(async (worker) => {
    if (!isOn()) return UNWANTED;
    const bitmap = frameOf(video).transferToImageBitmap();
    const size = { width: bitmap.width, height: bitmap.height };
    if (!isCloser.value) square = undefined;
    const held = await put(worker, FRAME, bitmap, undefined, () =>
      isCloser.value ? lookCloser(worker, size, how) : worker.look(how),
    );
    if (!held.ok) return held;
    const { info, asked } = held.value;
    const answer = await asked;
    if (!answer.ok) return answer;
    const { width, height } = info;
    return { ok: true, value: { ...answer.value, width, height } };
  }, 'endless');
}

/** Looks at a part of the frame that the worker holds, and before at all of it if it is time to. */
async function lookCloser(
  worker: Remote<WorkerApi>,
  { width, height }: Size,
  how: ExplainOptions,
): Promise<Outcome<Answer>> {
  const isKnown = square?.width === width && square.height === height;
  const before = isKnown ? square : undefined;
  const now = performance.now();
  if (!before || now > before.at + LOOK_AROUND) {
    const around = await worker.look({});
    if (!around.ok) return around;
    const { maps, crop: all } = around.value;
    const found = await worker.closer(maps[0]!, all);
    if (!found.ok) return found;
    // Not at once where it is now: the maps of single frames flicker, too.
    const size = { width, height };
    const crop = before ? halfway(before.crop, found.value, size) : found.value;
    square = { ...size, crop, at: now };
  }
  return worker.look(how, square!.crop);
}

/** @param passed milliseconds since the frame before */
function show(
  { width, height, crop, maps, predictions, others }: Frame,
  how: Required<ExplainOptions>,
  passed: number,
): void {
  const { value: before } = sight;
  const now = { predictions, others, rate: 1000 / passed };
  const share = 1 - 0.5 ** (passed / HALF_LIFE);
  const words = before ? ease(before, now, share) : now;
  const likeliest = words.predictions[0]?.index;
  const map = maps.find((each) => each.class === likeliest) ?? maps[0];
  sight.value = { ...words, width, height, crop, map, method: how.method };
}

/**
 * What the camera shows now, as a file, and the part of it that the network is shown if that is not
 * all; only while `isSeeing`.
 */
export function snapshot(): Promise<{ file: File; crop?: Box } | undefined> {
  return orSay(async () => {
    const frame = frameOf(watched!);
    const crop = partOf(frame);
    return { file: await fileOf(frame), crop };
  });
}

/** What the network is shown of what the camera shows now; only while `isSeeing`. */
export function closeUp(): Promise<File | undefined> {
  return orSay(async () => {
    const frame = frameOf(watched!);
    const crop = partOf(frame);
    if (!crop) return fileOf(frame);
    const [width, height] = [Math.ceil(crop.width), Math.ceil(crop.height)];
    const part = new OffscreenCanvas(width, height);
    part.getContext('2d')!.drawImage(frame, -crop.x, -crop.y);
    return fileOf(part);
  });
}

/** Says so if there is not memory enough for it. */
async function orSay<T>(take: () => Promise<T>): Promise<T | undefined> {
  try {
    return await take();
  } catch (error) {
    say(`The camera's picture could not be kept: ${reasonOf(error)}.`);
    return undefined;
  }
}

function partOf({ width, height }: Size): Box | undefined {
  const isOfFrame = square?.width === width && square.height === height;
  return isCloser.value && isOfFrame ? square!.crop : undefined;
}

async function fileOf(canvas: OffscreenCanvas): Promise<File> {
  const type = 'image/jpeg';
  const number = ++snapshots; // they are not always ready in the order in which they are taken
  const blob = await canvas.convertToBlob({ type, quality: 0.95 });
  const file = new File([blob], `camera ${number}.jpg`, { type });
  taken.add(file);
  return file;
}

export function isSnapshot(file: File): boolean {
  return taken.has(file);
}

/** What the element shows; unlike createImageBitmap this needs no graphics card. */
function frameOf(video: HTMLVideoElement): OffscreenCanvas {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext('2d')!.drawImage(video, 0, 0);
  return canvas;
}

/** What several frames say: the share of the new one counts, the rest is as before. */
export function ease(before: Words, now: Words, share: number): Words {
  const mix = (old: number, fresh: number) => old + share * (fresh - old);
  const known = new Map(before.predictions.map((each) => [each.index, each]));
  const isSame = now.predictions.every(
    ({ index, label }) => known.get(index)?.label === label,
  );
  if (!isSame) return now; // of another model
  const predictions = now.predictions
    .map((fresh) => ({
      ...fresh,
      probability: mix(known.get(fresh.index)!.probability, fresh.probability),
    }))
    .sort((a, b) => b.probability - a.probability);
  const others = now.others && {
    ...now.others,
    probability: mix(
      before.others?.probability ?? now.others.probability,
      now.others.probability,
    ),
  };
  return { predictions, others, rate: mix(before.rate, now.rate) };
}

/** The same, if a map takes about as long as the answer; else plain Grad-CAM. */
function atOnce(how: Required<ExplainOptions>): Required<ExplainOptions> {
  const isSlow = methodOf(how.method)?.in_passes.includes(how.layer);
  return isSlow ? { ...how, method: USUAL_METHOD, layer: USUAL_LAYER } : how;
}

function whyNot(error: unknown): string {
  const { name } = Object(error) as { name?: string };
  switch (name) {
    case 'NotAllowedError':
      return 'The browser does not let the page use the camera. Allow it, then try again.';
    case 'NotFoundError':
    case 'OverconstrainedError': // WebKit's word for it
      return 'No camera was found.';
    case 'NotReadableError':
      return 'The camera cannot be used; another program may have it.';
    default:
      return `The camera cannot be used: ${sentence(reasonOf(error))}`;
  }
}

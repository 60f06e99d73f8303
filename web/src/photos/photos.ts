/** The photos on the page and what can be done with them. */

import { batch, computed, signal } from '@preact/signals';
import type { Box, ExplainOptions } from '../../../wasm/engine';
import { notLoaded } from '../words/models';
import { progress } from '../words/progress';
import { tookOff } from '../words/taken-away';
import { Ahead } from './ahead';
import {
  ask,
  methodOf,
  modelChange,
  presentModel,
  stopLooking,
  unsureBelow,
} from '../backend/network';
import { explainedLine, type ExplainLine } from './explain-line';
import type { Intake } from '../intake/intake';
import {
  compare,
  isPresentHow,
  presentHow,
  retarget,
  stopErrands,
  withMaps,
} from './maps';
import { notice, say, type Notice } from '../news';
import { ofEach } from './of-each';
import { reasonOf, refusal } from '../shared/outcome';
import {
  isSettled,
  makePhoto,
  type Photo,
  type PhotoResult,
  type PhotoState,
  titleIdOf,
} from './photo';
import type { Answer, Failure } from '../shared/protocol';
import { channels, layer, method } from '../settings';
import { forgetShown, hasRoom, keepShown } from './shown';
import { until } from '../shared/until';
import { TaskQueue, type Priority } from '../backend/task-queue';

export const photos = signal<readonly Photo[]>([]);

/** What the network says of each. */
export const states = ofEach(photos, ({ state }) => state.value);

/** How many photos there are, and how many are finished, well or not. */
export const counts = computed(() => {
  const count = (name: PhotoState['name']) =>
    states.value.filter((state) => state.name === name).length;
  return {
    total: states.value.length,
    done: count('done'),
    failed: count('failed'),
  };
});

/** Photos that were looked at and lack a map that is on its way. */
export const unmade = thoseThat(
  (photo) => photo.state.value.name === 'done' && !isSettled(photo),
);

/** Those whose map was stopped before it was made. */
export const stopped = thoseThat(
  ({ state, maps, target, making }) =>
    state.value.name === 'done' &&
    making.state.value === 'stopped' &&
    !maps.value.has(target.value),
);

function thoseThat(are: (photo: Photo) => boolean) {
  const found = ofEach(photos, are);
  return computed(() => photos.value.filter((_, i) => found.value[i]));
}

export const progressText = computed(() => {
  const { total, done, failed } = counts.value;
  return total === 0 ? '' : progress(total, done + failed, failed);
});

/**
 * Takes photos in and looks at them, one after another; settles when all are finished.
 * @param crop the part of each that the network is shown, if not the usual one
 * @param isAnew whether the page was empty when they were given to it
 */
export async function addPhotos(
  { files, refused }: Intake,
  {
    crop,
    isAnew = photos.value.length === 0,
  }: { crop?: Box | undefined; isAnew?: boolean } = {},
): Promise<Photo[]> {
  const added = [
    ...files.map((file) => makePhoto(file, { name: 'queued' })),
    ...refused.map(({ name, failure }) =>
      makePhoto(new File([], name), { name: 'failed', failure }),
    ),
  ];
  for (const photo of added) photo.crop.value = crop;
  // Whoever begins anew does not want back what was cleared.
  if (added.length > 0 && isAnew) withdrawOffer();
  photos.value = [...photos.value, ...added];
  const queued = added.filter(({ state }) => state.value.name === 'queued');
  await Promise.all(queued.map(look));
  return added;
}

function remove(all: readonly Photo[]): void {
  const removed = new Set(all);
  photos.value = photos.value.filter((photo) => !removed.has(photo));
  removed.forEach(leave);
}

export function removeAll(): void {
  remove(photos.value);
}

/** The same, and offers to put them back. */
export function clearAll(): void {
  offerBack(photos.value);
}

/** Takes one off the page, and offers to put it back. */
export function takeOff(photo: Photo): void {
  offerBack([photo]);
}

/** How many photos offers put back, and the newest one that there was on the page. */
const offered = new WeakMap<
  NonNullable<Notice['offer']>,
  { count: number; newest: number }
>();

/**
 * Takes photos off the page that can be put back where they were, with those before them whose
 * offer still stands, if they were taken off in a row.
 */
function offerBack(all: readonly Photo[]): void {
  const model = presentModel();
  const how = presentHow();
  const before = photos.value;
  const taken = all.map((photo) => ({
    photo,
    isUnderWay: ['queued', 'running'].includes(photo.state.value.name),
  }));
  remove(all);
  const { offer: earlier } = notice.peek() ?? {};
  const last = earlier && offered.get(earlier);
  const newest = Math.max(0, ...before.map(({ id }) => id));
  const more = last && last.newest >= newest ? last.count : 0;
  const offer = {
    label: 'Put back',
    take: () => {
      const back = taken.map(({ photo, isUnderWay }) => ({
        place: before.indexOf(photo),
        photo: isUnderWay ? again(photo) : photo,
      }));
      const returned = back.map(({ photo }) => photo);
      if (presentModel() !== model) queueAgain(returned);
      if (!isPresentHow(how)) returned.forEach(leaveMaps);
      const now = [...photos.value];
      for (const { photo, place } of back) now.splice(place, 0, photo);
      photos.value = now;
      void goOn(returned);
      if (more) earlier?.take();
      return returned[0] && titleIdOf(returned[0]);
    },
  };
  const count = all.length + more;
  offered.set(offer, { count, newest: Math.max(newest, last?.newest ?? 0) });
  say(tookOff(count, all[0]!.name), offer);
}

/** Takes away the offer to put photos back, if that is the one that stands. */
function withdrawOffer(): void {
  const { offer } = notice.peek() ?? {};
  if (offer && offered.has(offer)) notice.value = undefined;
}

/** A photo that whoever was about to look at it finds gone, once more. */
function again({ file, crop }: Photo): Photo {
  const photo = makePhoto(file, { name: 'queued' });
  photo.crop.value = crop.value;
  return photo;
}

/** Does what photos that were put back lack. */
async function goOn(back: readonly Photo[]): Promise<void> {
  const inState = (name: PhotoState['name']) =>
    back.filter(({ state }) => state.value.name === name);
  await Promise.all([
    ...inState('queued').map(look),
    ...inState('done').map((photo) => explainAnew(photo)),
  ]);
}

function leave(photo: Photo): void {
  stopErrands(photo);
  stopLooking(photo.id);
  forgetShown(photo.id);
}

/** Makes all heatmaps in another way. */
export async function remakeMaps(change: ExplainOptions): Promise<void> {
  const now = presentHow();
  const how = {
    method: change.method ?? now.method,
    layer: change.layer ?? now.layer,
    channels: change.channels ?? now.channels,
  };
  if (isPresentHow(how)) return;
  const isMethodAll = how.layer === now.layer && how.channels === now.channels;
  batch(() => {
    method.value = how.method;
    layer.value = how.layer;
    channels.value = how.channels;
    for (const photo of photos.value) {
      // The one to compare with has a method of its own.
      const rival = isMethodAll ? photo.rival.value : undefined;
      leaveMaps(photo);
      if (rival) photo.rival.value = rival;
    }
  });
  const done = photos.value.filter(
    ({ state: { value } }) => value.name === 'done',
  );
  await Promise.all(done.map((photo) => explainAnew(photo)));
}

/** Makes the maps that were stopped. */
export function resumeMaps(): void {
  for (const photo of stopped.value) void explainAnew(photo);
}

/** Ends the making of maps that are lacking; each can be gone on with. */
export function stopMaps(): void {
  for (const photo of unmade.value) {
    photo.making.stop();
    const { value: rival } = photo.rival;
    if (rival && !rival.map) photo.makingRival.stop();
  }
}

/**
 * Takes all maps of a photo away, and what they were made of; the one to compare with too: that is
 * made like the others.
 */
function leaveMaps(photo: Photo): void {
  photo.maps.value = new Map();
  photo.evidence.value = new Map();
  const { value: rival } = photo.rival;
  photo.rival.value = rival && { ...rival, map: undefined };
  photo.makingRival.reset();
}

/** Makes the maps that are to be seen and lacking; nobody may be waiting for just these. */
export async function explainAnew(
  photo: Photo,
  priority: Priority = 'leisurely',
): Promise<void> {
  await retarget(photo, photo.target.value, priority);
  const { value: rival } = photo.rival;
  if (photo.making.state.value === 'stopped') {
    // It can be gone on with, too.
    if (rival && !rival.map) photo.makingRival.stop();
    return;
  }
  const isThere = photos.value.includes(photo);
  if (rival && !rival.map && isThere)
    await compare(photo, rival.target, rival.method, priority);
}

/** One after the other: each puts its model in the place of the one that it finds. */
const changes = new TaskQueue();

/**
 * Looks at every photo anew, once another model has taken its place; returns why it did not, if it
 * did not.
 */
export async function changeModel(
  change: () => Promise<boolean>,
): Promise<Failure | undefined> {
  const { value: before } = modelChange;
  const { isChanged, failure } = await changes.run(async () => {
    // What became of another one while this one waited is to be seen, too.
    const { value: other } = modelChange;
    if (other !== before && other && 'failure' in other) say(notLoaded(other));
    const isChanged = await change().catch((error: unknown) => {
      // As of a file that has been moved since it was chosen.
      const message = reasonOf(error);
      modelChange.value = { failure: { code: 'unreadable_file', message } };
      return false;
    });
    const { value: now } = modelChange;
    const isOwn = now !== other && now && 'failure' in now;
    return { isChanged, failure: isOwn ? now.failure : undefined };
  });
  if (isChanged) {
    withdrawOffer();
    await Promise.all(queueAgain(photos.value).map(look));
  }
  return failure;
}

/** Makes photos wait that can be looked at once more; returns which. */
function queueAgain(all: readonly Photo[]): Photo[] {
  const seen = all.filter((photo) => {
    const { name } = photo.state.value;
    return name === 'done' || (name === 'failed' && photo.isFile);
  });
  for (const photo of seen) photo.state.value = { name: 'queued' };
  return seen;
}

/** The photo as the command line's JSON; undefined while it waits. */
export function explainLine(photo: Photo): ExplainLine | undefined {
  const state = photo.state.value;
  if (state.name === 'failed') {
    return { photo: photo.name, error: state.failure };
  }
  if (state.name !== 'done') return undefined;
  const map = photo.maps.value.get(photo.target.value);
  if (map) {
    const { method, layer } = presentHow();
    const isAtLayer = methodOf(method)?.has_layer !== false;
    const how = { method, layer: isAtLayer ? layer : 'input' };
    return explainedLine(
      photo.name,
      state.result,
      map,
      how,
      unsureBelow.peek(),
    );
  }
  const { failure } = photo.making;
  return failure && { photo: photo.name, error: failure };
}

/** Looks at a photo that failed once more. */
export async function tryAgain(photo: Photo): Promise<void> {
  photo.state.value = { name: 'queued' };
  await look(photo);
}

/** Waits until there is no more to be expected of a photo than it has. */
export function settled(photo: Photo): Promise<void> {
  return until(() => !photos.value.includes(photo) || isSettled(photo));
}

const ahead = new Ahead(1, true);

/** What waits to be looked at, as a whole. */
function queuedFiles(): readonly File[] {
  return photos.value
    .filter(({ state, crop }) => state.value.name === 'queued' && !crop.value)
    .map(({ file }) => file);
}

/** Looks at a queued photo when it has its turn, unless it was removed by then. */
async function look(photo: Photo): Promise<void> {
  const how = presentHow();
  stopErrands(photo);
  const outcome = await ask(async (worker) => {
    if (!photos.value.includes(photo)) return REMOVED;
    photo.state.value = { name: 'running' };
    const held = await ahead.hold(worker, photo, queuedFiles, (preview) =>
      Promise.all([
        preview ?? worker.preview(),
        worker.look(how, photo.crop.value, hasRoom()),
      ]),
    );
    if (!held.ok) return held;
    const { info, asked } = held.value;
    const [preview, answer] = await asked;
    if (!preview.ok) return preview;
    if (!answer.ok) return answer;
    const { width, height } = info;
    const seen = { width, height, preview: preview.value };
    return { ok: true, value: { ...answer.value, ...seen } };
  }, 'patient');
  // One that was taken off has not failed, and nobody waits for its maps.
  if (!photos.value.includes(photo)) return;
  if (!outcome.ok) {
    photo.state.value = { name: 'failed', failure: outcome.failure };
    return;
  }
  batch(() => {
    photo.rival.value = undefined;
    photo.isTargetChosen = false;
    show(photo, outcome.value, how);
  });
  await explainAnew(photo);
}

/**
 * Shows what the network says; maps may be lacking.
 * @param how they were to be made when it was asked
 */
export function show(
  photo: Photo,
  { maps, shown, ...result }: PhotoResult & Pick<Answer, 'maps' | 'shown'>,
  how: Required<ExplainOptions>,
  target = result.predictions[0]?.index ?? -1,
): void {
  const { width, height, crop, milliseconds } = result;
  const info = { width, height, crop, milliseconds: milliseconds.decode };
  if (shown) keepShown(photo.id, { info, views: shown });
  else forgetShown(photo.id);
  batch(() => {
    leaveMaps(photo);
    if (isPresentHow(how)) photo.maps.value = withMaps(new Map(), maps);
    photo.target.value = target;
    photo.trouble.value = undefined;
    photo.state.value = { name: 'done', result };
  });
}

const REMOVED = refusal('removed', 'the photo was removed');

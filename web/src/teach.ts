/** Teaching the network other classes: named boxes of photos, and the last layer made of them. */

import { computed, signal, type Signal } from '@preact/signals';
import { proxy, transfer } from 'comlink';
import { Ahead } from './photos/ahead';
import { ask, network } from './backend/network';
import { download } from './saving/download';
import { hasUnsavedPicture } from './saving/camera-picture';
import { saveBoxes } from './saving/save-boxes';
import { reasonOf } from './shared/outcome';
import { notice, say, type Notice } from './news';
import { byFolder } from './intake/by-folder';
import type { Intake } from './intake/intake';
import { unpackAll } from './intake/unpack';
import { headFile, keepHead, keptAs, useHeadBytes } from './models/models';
import { FAULTS_OF_CONTENTS, whyNoPhoto } from './photos/photo-io';
import { changeModel, photos } from './photos/photos';
import type { Failure } from './shared/protocol';
import { TaskQueue } from './backend/task-queue';
import { nameInText } from './words/name-in-text';
import { breedName, nameOfHead } from './words/names';
import { tookAway } from './words/progress';
import { sentence } from './words/sentence';

export interface PhotoBox {
  readonly id: number;
  readonly name: Signal<string>;
  readonly photos: Signal<readonly File[]>;
}

export interface Trained {
  state: 'training' | 'taught';
  losses: readonly number[];
  steps: number;
  photos: number;
  names: readonly string[];
  /** What was learnt from: photos, and which name each has. */
  labels: ReadonlyMap<File, number>;
  groups: number;
  leftOut: number;
  /** Of those left out, photos that were not recognised, and what they were taken for. */
  mistakes: ReadonlyMap<File, string>;
  head?: Uint8Array<ArrayBuffer>;
}

export type Lesson =
  | { state: 'idle' }
  | { state: 'looking'; done: number; total: number }
  | Trained
  | { state: 'failed'; reason: string };

/** What the layers before the last make of a photo, or why not, and whether that is its own fault. */
type Features =
  | { ok: true; value: Float32Array[] }
  | { ok: false; failure: Failure; isOfPhoto: boolean };

/** What the layers before the last make of a photo and its mirror image, and of which class it is. */
interface Seen {
  file: File;
  label: number;
  views: Float32Array[];
}

/** What can be wrong with a photo itself, whatever is asked of it. */
const FAULTS_OF_PHOTOS = new Set([...FAULTS_OF_CONTENTS, 'unreadable_file']);

/** Of each photo: itself and its mirror image. */
const VIEWS = [0, 1];

let nextId = 1;
/** Ids of photos here do not meet those of photos on the page. */
let nextPhotoId = -1;

/** Names of boxes that nobody has named. */
const FIRST_NAMES = ['My dog', 'The neighbour’s'];
const LATER_NAME = /^Box \d+$/;

export const boxes = signal<readonly PhotoBox[]>(FIRST_NAMES.map(makeBox));
export const lesson = signal<Lesson>({ state: 'idle' });
/** The last lesson from which something was learnt. */
export const lastTaught = signal<Trained | undefined>(undefined);
/** Whether a lesson is under way; another model would break it off. */
export const isTeaching = computed(
  () => lesson.value.state === 'looking' || lesson.value.state === 'training',
);
/** What was learnt, as it was saved as a file last. */
const saved = signal<Trained['head']>(undefined);
/** Which photo was in the box of which name, as they were saved as files last. */
const savedIn = signal<ReadonlyMap<File, string>>(new Map());
/**
 * Whether something would be lost with the page: pictures of the camera, which photo is in which box,
 * and what was learnt from them.
 */
export const isUnsaved = computed(() => {
  const inBoxes = filesInBoxes();
  const onPage = photos.value.map(({ file }) => file);
  const { value: taught } = lastTaught;
  if (hasUnsavedPicture([...onPage, ...inBoxes])) return true;
  if (taught && !isHeadSaved(taught)) return true;
  return inBoxes.length > 0 && !(taught && isOfBoxes(taught)) && !areSaved();
});

function areSaved(): boolean {
  return boxes.value.every(({ name, photos }) =>
    photos.value.every((file) => savedIn.value.get(file) === name.value),
  );
}

/** Whether what was learnt is in a file, or kept. */
function isHeadSaved({ head }: Trained): boolean {
  return (
    head !== undefined && (head === saved.value || keptAs(head) !== undefined)
  );
}

/** What was left out of the boxes, and why. */
export const remarks = signal<readonly string[]>([]);

/** What the layers before the last make of a photo, by the network's fingerprint. */
const features = new WeakMap<File, Map<string, Float32Array[]>>();

function makeBox(name: string): PhotoBox {
  return { id: nextId++, name: signal(name), photos: signal([]) };
}

export function addBox(): void {
  const names = boxes.value.map(({ name }) => name.value);
  let number = names.length + 1;
  while (names.includes(`Box ${number}`)) number++;
  boxes.value = [...boxes.value, makeBox(`Box ${number}`)];
}

/** Takes a box away, and offers to put it back if there is something in it. */
export function removeBox(box: PhotoBox): void {
  const place = boxes.value.indexOf(box);
  boxes.value = boxes.value.filter((other) => other !== box);
  if (box.photos.value.length === 0) return;
  const text = `The box ${quoted(box)} was taken away.`;
  offerBack(text, { photos: 0, boxes: 1 }, () => {
    boxes.value = boxes.value.toSpliced(place, 0, box);
  });
}

/** Takes a photo out, and offers to put it back. */
export function takeOut(box: PhotoBox, file: File): void {
  remarks.value = [];
  leaveOut(box, file);
  const text = `${nameInText(file.name)} was taken out of ${quoted(box)}.`;
  offerBack(text, { photos: 1, boxes: 0 }, () => {
    if (!boxes.value.includes(box)) boxes.value = [...boxes.value, box];
    void putIn(box, [file]);
  });
}

/** What offers put back, and the photos that were still in boxes then. */
interface Taken {
  photos: number;
  boxes: number;
  left: ReadonlySet<File>;
}

const offered = new WeakMap<NonNullable<Notice['offer']>, Taken>();

/**
 * Offers to put back what was taken away, with what was before it and whose offer still stands, if no
 * photo came in between.
 * @param text what is said if that is all
 */
function offerBack(
  text: string,
  taken: Pick<Taken, 'photos' | 'boxes'>,
  putBack: () => void,
): void {
  const left = filesInBoxes();
  const { offer: earlier } = notice.peek() ?? {};
  const last = earlier && offered.get(earlier);
  const more = left.every((file) => last?.left.has(file)) ? last : undefined;
  const offer = {
    label: 'Put back',
    take: () => {
      putBack();
      if (more) earlier?.take();
    },
  };
  const photos = taken.photos + (more?.photos ?? 0);
  const boxes = taken.boxes + (more?.boxes ?? 0);
  offered.set(offer, { photos, boxes, left: new Set(left) });
  say(more ? tookAway(photos, boxes) : text, offer);
}

function filesInBoxes(): File[] {
  return boxes.value.flatMap(({ photos }) => photos.value);
}

function leaveOut(box: PhotoBox, file: File): void {
  box.photos.value = box.photos.value.filter((other) => other !== file);
}

function quoted({ name }: PhotoBox): string {
  return `"${nameInText(name.value)}"`;
}

/** The photo that is being dragged out of its box. */
export const moving = signal<File | undefined>(undefined);

/** Puts it at the end of another one. */
export function moveTo(box: PhotoBox): void {
  const { value: file } = moving;
  moving.value = undefined;
  const from = boxes.value.find(({ photos }) => photos.value.includes(file!));
  if (!file || !from || from === box) return;
  remarks.value = [];
  leaveOut(from, file);
  box.photos.value = [...box.photos.value, file];
}

/** One after the other: else neither of two quick drops sees what the other one brings. */
const putting = new TaskQueue();

/** Puts photos into a box, but none that is in one already, and nothing that is none; says so. */
export function putIn(
  box: PhotoBox,
  files: readonly File[],
  refused: Intake['refused'] = [],
): Promise<void> {
  return putting.run(async () => {
    remarks.value = [];
    const leftOut = new LeftOut();
    const all = await unpackAll({ files: [...files], refused });
    leftOut.addAll(all.refused);
    await fill(box, all.files, leftOut);
    leftOut.tell(` of ${quoted(box)}`);
  });
}

/**
 * Puts the photos of folders, zip files or not, into a box for each, as `byFolder` has them; empty
 * ones make room.
 */
export function putInByFolder(intake: Intake): Promise<void> {
  return putting.run(async () => {
    remarks.value = [];
    const leftOut = new LeftOut();
    const { files, refused } = await unpackAll(intake);
    leftOut.addAll(refused);
    const { classes, loose } = byFolder(files);
    for (const { name } of loose) leftOut.add(name, BESIDE_FOLDERS);
    const before = boxes.value;
    for (const [name, photos] of classes) {
      const known = boxes.value.find((box) => box.name.value.trim() === name);
      const box = known ?? makeBox(name);
      if (!known) boxes.value = [...boxes.value, box];
      await fill(box, photos, leftOut);
    }
    leftOut.tell('');
    const isEmpty = ({ photos }: PhotoBox) => photos.value.length === 0;
    const added = boxes.value.filter((box) => !before.includes(box));
    const isFilled = !added.every(isEmpty);
    boxes.value = boxes.value.filter((box) =>
      before.includes(box) ? !isFilled || isInUse(box) : !isEmpty(box),
    );
    while (boxes.value.length < FIRST_NAMES.length) addBox();
  });
}

const BESIDE_FOLDERS = 'only what lies in a folder comes into a box here';

/** Whether somebody has named it, or there is something in it. */
function isInUse({ name, photos }: PhotoBox): boolean {
  const isNamed =
    !FIRST_NAMES.includes(name.value) && !LATER_NAME.test(name.value);
  return isNamed || photos.value.length > 0;
}

/** Puts in what is a photo, and in no box yet. */
async function fill(
  box: PhotoBox,
  files: readonly File[],
  leftOut: LeftOut,
): Promise<void> {
  for (const file of files) {
    const fault = await whyNoPhoto(file);
    const twin = fault ? undefined : await findTwin(file);
    if (fault) {
      leftOut.add(file.name, fault.message);
    } else if (twin) {
      leftOut.add(file.name, `the same photo is in ${quoted(twin)}`);
    } else {
      box.photos.value = [...box.photos.value, file];
    }
  }
}

/** What is not put into boxes, by why. */
class LeftOut {
  private readonly names = new Map<string, string[]>();

  add(name: string, reason: string): void {
    this.names.set(reason, [...(this.names.get(reason) ?? []), name]);
  }

  addAll(refused: Intake['refused']): void {
    for (const { name, failure } of refused) this.add(name, failure.message);
  }

  /** @param of what, if that is not plain */
  tell(of: string): void {
    for (const [reason, [first, ...more]] of this.names) {
      const name = nameInText(first!);
      const who =
        more.length > 0 ? `${name} and ${more.length} more are` : `${name} is`;
      remark(`${who} left out${of}: ${reason}.`);
    }
  }
}

/** Hands the user the photos of the boxes as files. */
export async function savePhotos(): Promise<void> {
  const all = boxes.value.map(({ name, photos }) => ({
    name: name.value,
    photos: photos.value,
  }));
  const files = new Set(await saveBoxes(all));
  savedIn.value = new Map(
    all.flatMap(({ name, photos }) =>
      photos.filter((file) => files.has(file)).map((file) => [file, name]),
    ),
  );
}

async function findTwin(file: File): Promise<PhotoBox | undefined> {
  for (const box of boxes.value) {
    for (const other of box.photos.value) {
      if (other.size === file.size && (await sameBytes(other, file))) {
        return box;
      }
    }
  }
  return undefined;
}

async function sameBytes(a: File, b: File): Promise<boolean> {
  try {
    const [one, two] = await Promise.all([a.arrayBuffer(), b.arrayBuffer()]);
    const bytes = new Uint8Array(two);
    return new Uint8Array(one).every((byte, i) => byte === bytes[i]);
  } catch {
    return false; // training will say that it cannot be read
  }
}

/** Why there is nothing to train yet, as a sentence; undefined if there is. */
export function obstacle(
  all: readonly { name: string; photos: number }[],
): string | undefined {
  if (all.length < 2) return 'Two boxes are needed to tell something apart.';
  const names = all.map(({ name }) => name.trim());
  if (names.some((name) => name === '')) return 'Every box needs a name.';
  // As the page shows them.
  const shown = names.map((name) => breedName(name).toLowerCase());
  const twice = names.find((_, i) => shown.indexOf(shown[i]!) !== i);
  if (twice !== undefined) return `Two boxes are named "${nameInText(twice)}".`;
  const few = all.find(({ photos }) => photos < 2);
  if (!few) return undefined;
  const found = few.photos === 0 ? 'no photo' : 'one photo';
  return `"${nameInText(few.name)}" has ${found}; every box needs two or more, so that one can be left out to test with.`;
}

export function presentObstacle(): string | undefined {
  return obstacle(
    boxes.value.map(({ name, photos }) => ({
      name: name.value,
      photos: photos.value.length,
    })),
  );
}

/** Teaches the boxes, and lets the page explain with what came of it. */
export async function teach(): Promise<void> {
  const { value } = network;
  if (value.state !== 'ready' || presentObstacle()) return;
  const { fingerprint } = value.model;
  try {
    // A box that is put back meanwhile is no part of it.
    const taught = boxes.value;
    const names = taught.map(({ name }) => name.value.trim());
    const seen = await look(fingerprint, taught);
    if (!seen) return;
    await train(fingerprint, seen, names);
  } catch (error) {
    fail(reasonOf(error));
  }
}

const ahead = new Ahead(VIEWS.length, false);

/** The features of all photos, without those that cannot be read; undefined if too few are left. */
async function look(
  fingerprint: string,
  taught: readonly PhotoBox[],
): Promise<Seen[] | undefined> {
  remarks.value = [];
  const all = taught.flatMap((box, label) =>
    box.photos.value.map((file) => ({ box, label, file })),
  );
  const seen: Seen[] = [];
  for (const [done, { box, label, file }] of all.entries()) {
    lesson.value = { state: 'looking', done, total: all.length };
    const next = all.slice(done + 1).map((each) => each.file);
    const outcome = await featuresOf(file, fingerprint, next);
    if (outcome.ok) {
      seen.push({ file, label, views: outcome.value });
    } else if (outcome.isOfPhoto) {
      remark(
        `${nameInText(file.name)} is skipped: ${outcome.failure.message}.`,
      );
      leaveOut(box, file);
    } else {
      fail(reasonToStop(file, outcome.failure));
      return undefined;
    }
  }
  const reason = obstacle(
    taught.map(({ name }, box) => ({
      name: name.value,
      photos: seen.filter(({ label }) => label === box).length,
    })),
  );
  if (!reason) return seen;
  // Beside the boxes it is said, too, unless photos were put back into them.
  if (presentObstacle()) lesson.value = { state: 'idle' };
  else fail(reason);
  return undefined;
}

function reasonToStop({ name }: File, { code, message }: Failure): string {
  if (code === 'model_changed') return sentence(message);
  return `It stopped at ${nameInText(name)}: ${message}. The photo stays in its box.`;
}

/** @param next photos whose features will be wanted, too */
async function featuresOf(
  file: File,
  fingerprint: string,
  next: readonly File[],
): Promise<Features> {
  const known = knownFeatures(file, fingerprint);
  if (known) return { ok: true, value: known };
  const unknown = () =>
    next.filter((each) => !knownFeatures(each, fingerprint));
  let isHeld = false;
  const outcome = await ask<Float32Array[]>(async (worker) => {
    const photo = { id: nextPhotoId--, file };
    const held = await ahead.hold(worker, photo, unknown, () =>
      worker.features(fingerprint, VIEWS),
    );
    isHeld = held.ok;
    return held.ok ? held.value.asked : held;
  });
  if (outcome.ok) {
    const all = features.get(file) ?? new Map<string, Float32Array[]>();
    features.set(file, all.set(fingerprint, outcome.value));
    return outcome;
  }
  // Once the photo is held, what cannot be read is the model.
  const isOfPhoto = !isHeld && FAULTS_OF_PHOTOS.has(outcome.failure.code);
  return { ...outcome, isOfPhoto };
}

function knownFeatures(
  file: File,
  fingerprint: string,
): Float32Array[] | undefined {
  return features.get(file)?.get(fingerprint);
}

async function train(
  fingerprint: string,
  seen: readonly Seen[],
  names: readonly string[],
): Promise<void> {
  const labels = seen.map(({ label }) => label);
  const taught = new Map(seen.map(({ file, label }) => [file, label]));
  const views = seen.flatMap(({ views }) => views);
  const width = views[0]!.length;
  const outcome = await ask((worker) => {
    const values = new Float32Array(views.length * width);
    views.forEach((view, i) => values.set(view, i * width));
    let losses: readonly number[] = [];
    return worker.teach(
      fingerprint,
      transfer(values, [values.buffer]),
      labels,
      VIEWS.length,
      names,
      proxy(({ steps, groups }, progress) => {
        losses = [...losses, ...progress.losses];
        lesson.value = {
          state: 'training',
          losses,
          steps,
          photos: seen.length,
          names,
          labels: taught,
          groups,
          leftOut: progress.left_out,
          mistakes: new Map(
            progress.mistakes.map(([photo, takenFor]) => [
              seen[photo]!.file,
              names[takenFor]!,
            ]),
          ),
        };
      }),
    );
  });
  if (!outcome.ok) return fail(sentence(outcome.failure.message));
  const head = outcome.value;
  const last = lesson.value;
  if (last.state === 'training') {
    lastTaught.value = { ...last, state: 'taught', head };
    lesson.value = lastTaught.value;
  }
  const name = nameOfHead(names);
  void keepHead(head, name, fingerprint, names);
  await changeModel(() => useHeadBytes(head, name));
}

/** Hands the user what was learnt as a file. */
export function saveHead({ head, names }: Trained): void {
  download(new Blob([head!]), headFile(nameOfHead(names)));
  saved.value = head;
}

/** Whether the boxes are still what was learnt from. */
export function isOfBoxes({ names, labels }: Trained): boolean {
  const all = boxes.value;
  const files = filesInBoxes();
  return (
    all.length === names.length &&
    all.every(({ name }, label) => name.value.trim() === names[label]) &&
    files.length === labels.size &&
    all.every(({ photos }, label) =>
      photos.value.every((file) => labels.get(file) === label),
    )
  );
}

function fail(reason: string): void {
  lesson.value = { state: 'failed', reason };
}

function remark(text: string): void {
  if (remarks.value.includes(text)) return;
  remarks.value = [...remarks.value, text];
}

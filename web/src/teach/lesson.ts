/** Teaching the network other classes: the last layer made of what boxes of photos show. */

import { computed, signal } from '@preact/signals';
import { proxy, transfer } from 'comlink';
import { ask, presentModel } from '../backend/network';
import { keepHead, keptAs } from '../models/kept';
import { useHeadBytes } from '../models/models';
import { Ahead } from '../photos/ahead';
import { FAULTS_OF_CONTENTS } from '../photos/photo-io';
import { changeModel, photos } from '../photos/photos';
import { hasUnsavedPicture } from '../saving/camera-picture';
import { saveHeadAs } from '../saving/save-head';
import { reasonOf } from '../shared/outcome';
import type { Failure } from '../shared/protocol';
import { nameInText } from '../words/name-in-text';
import { nameOfHead } from '../words/names';
import { sentence } from '../words/sentence';
import {
  areBoxesSaved,
  boxes,
  filesInBoxes,
  leaveOut,
  obstacle,
  presentObstacle,
  remark,
  remarks,
  type PhotoBox,
} from './boxes';

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

/** Ids of photos here do not meet those of photos on the page. */
let nextPhotoId = -1;

export const lesson = signal<Lesson>({ state: 'idle' });

/** The last lesson from which something was learnt. */
export const lastTaught = signal<Trained | undefined>(undefined);

/** Whether a lesson is under way; another model would break it off. */
export const isTeaching = computed(
  () => lesson.value.state === 'looking' || lesson.value.state === 'training',
);

/** What was learnt, as it was saved as a file last. */
const saved = signal<Trained['head']>(undefined);

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
  return (
    inBoxes.length > 0 && !(taught && isOfBoxes(taught)) && !areBoxesSaved()
  );
});

/** Whether what was learnt is in a file, or kept. */
function isHeadSaved({ head }: Trained): boolean {
  return (
    head !== undefined && (head === saved.value || keptAs(head) !== undefined)
  );
}

/** What the layers before the last make of a photo, by the network's fingerprint. */
const features = new WeakMap<File, Map<string, Float32Array[]>>();

/** Teaches the boxes, and lets the page explain with what came of it. */
export async function teach(): Promise<void> {
  const model = presentModel();
  if (!model || presentObstacle()) return;
  const { fingerprint } = model;
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
  saveHeadAs(nameOfHead(names), head!);
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

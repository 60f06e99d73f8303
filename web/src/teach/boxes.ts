/** Named boxes of photos, to teach the network from. */

import { signal, type Signal } from '@preact/signals';
import { TaskQueue } from '../backend/task-queue';
import { byFolder } from '../intake/by-folder';
import type { Intake } from '../intake/intake';
import { unpackAll } from '../intake/unpack';
import { notice, say, type Notice } from '../news';
import { whyNoPhoto } from '../photos/photo-io';
import { saveBoxes, savingBoxes } from '../saving/save-boxes';
import { andMore, nameInText } from '../words/name-in-text';
import { breedName } from '../words/names';
import { tookAway } from '../words/taken-away';

export interface PhotoBox {
  readonly id: number;
  readonly name: Signal<string>;
  readonly photos: Signal<readonly File[]>;
}

let nextId = 1;

/** Names of boxes that nobody has named. */
const FIRST_NAMES = ['My dog', 'The neighbour’s'];

const LATER_NAME = /^Box \d+$/;

export const boxes = signal<readonly PhotoBox[]>(FIRST_NAMES.map(makeBox));

/** Which photo was in the box of which name, as they were saved as files last. */
const savedIn = signal<ReadonlyMap<File, string>>(new Map());

/** Whether the photos are in files, each under the name of its box. */
export function areBoxesSaved(): boolean {
  return boxes.value.every(({ name, photos }) =>
    photos.value.every((file) => savedIn.value.get(file) === name.value),
  );
}

/** What was left out of the boxes, and why. */
export const remarks = signal<readonly string[]>([]);

/** The element's, by which what came back is found. */
export function boxIdOf({ id }: PhotoBox): string {
  return `box-${id}`;
}

function makeBox(name: string): PhotoBox {
  return { id: nextId++, name: signal(name), photos: signal([]) };
}

export function addBox(): void {
  const names = boxes.value.map(({ name }) => name.value);
  let number = names.length + 1;
  while (names.includes(`Box ${number}`)) number++;
  boxes.value = [...boxes.value, makeBox(`Box ${number}`)];
}

/** Takes a box away, and offers to put it back if something is in it, or on its way into it. */
export function removeBox(box: PhotoBox): void {
  const place = boxes.value.indexOf(box);
  boxes.value = boxes.value.filter((other) => other !== box);
  if (box.photos.value.length === 0 && !awaiting.includes(box)) return;
  const text = `The box ${quoted(box)} was taken away.`;
  offerBack(text, { photos: 0, boxes: 1 }, () => {
    boxes.value = boxes.value.toSpliced(place, 0, box);
    return box;
  });
}

/** Takes a photo out, and offers to put it back where it was. */
export function takeOut(box: PhotoBox, file: File): void {
  remarks.value = [];
  const place = box.photos.value.indexOf(file);
  const boxPlace = boxes.value.indexOf(box);
  leaveOut(box, file);
  const text = `${nameInText(file.name)} was taken out of ${quoted(box)}.`;
  offerBack(text, { photos: 1, boxes: 0 }, () => {
    if (!boxes.value.includes(box)) {
      boxes.value = boxes.value.toSpliced(boxPlace, 0, box);
    }
    void putIn(box, [file]).then(() => moveWithin(box, file, place));
    return box;
  });
}

function moveWithin({ photos }: PhotoBox, file: File, place: number): void {
  if (!photos.value.includes(file)) return;
  const others = photos.value.filter((other) => other !== file);
  photos.value = others.toSpliced(place, 0, file);
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
  putBack: () => PhotoBox,
): void {
  const left = filesInBoxes();
  const { offer: earlier } = notice.peek() ?? {};
  const last = earlier && offered.get(earlier);
  const more = left.every((file) => last?.left.has(file)) ? last : undefined;
  const offer = {
    label: 'Put back',
    take: () => {
      const box = putBack();
      if (more) earlier?.take();
      return boxIdOf(box);
    },
  };
  const photos = taken.photos + (more?.photos ?? 0);
  const boxes = taken.boxes + (more?.boxes ?? 0);
  offered.set(offer, { photos, boxes, left: new Set(left) });
  say(more ? tookAway(photos, boxes) : text, offer);
}

export function filesInBoxes(): File[] {
  return boxes.value.flatMap(({ photos }) => photos.value);
}

export function leaveOut(box: PhotoBox, file: File): void {
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

/** Boxes into which something is on its way, as often as that is so. */
const awaiting: PhotoBox[] = [];

async function whileAwaiting<T>(
  box: PhotoBox,
  task: () => Promise<T>,
): Promise<T> {
  awaiting.push(box);
  try {
    return await task();
  } finally {
    awaiting.splice(awaiting.indexOf(box), 1);
  }
}

/** Puts a picture into a box once it is taken, if it is. */
export function putInPicture(
  box: PhotoBox,
  picture: Promise<File | undefined>,
): Promise<void> {
  return whileAwaiting(box, async () => {
    const file = await picture;
    if (file) await putIn(box, [file]);
  });
}

/** Puts photos into a box, but none that is in one already, and nothing that is none; says so. */
export function putIn(
  box: PhotoBox,
  files: readonly File[],
  refused: Intake['refused'] = [],
): Promise<void> {
  const put = async () => {
    remarks.value = [];
    const leftOut = new LeftOut();
    const all = await unpackAll({ files: [...files], refused });
    leftOut.addAll(all.refused);
    await fill(box, all.files, leftOut);
    leftOut.tell(` of ${quoted(box)}`);
  };
  return whileAwaiting(box, () => putting.run(put));
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
    const made: PhotoBox[] = [];
    for (const [name, photos] of classes) {
      const known = boxes.value.find(
        (box) => box.name.value.trim().normalize() === name,
      );
      const box = known ?? makeBox(name);
      if (!known) {
        made.push(box);
        boxes.value = [...boxes.value, box];
      }
      await whileAwaiting(box, () => fill(box, photos, leftOut));
    }
    leftOut.tell('');
    const isEmpty = ({ photos }: PhotoBox) => photos.value.length === 0;
    const isFilled = !made.every(isEmpty);
    const makesRoom = (box: PhotoBox) =>
      made.includes(box)
        ? isEmpty(box)
        : isFilled && before.includes(box) && !isInUse(box);
    boxes.value = boxes.value.filter((box) => !makesRoom(box));
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
    for (const [reason, names] of this.names) {
      const who = `${andMore(names)} ${names.length > 1 ? 'are' : 'is'}`;
      remark(`${who} left out${of}: ${reason}.`);
    }
  }
}

/** Hands the user the photos of the boxes as files. */
export async function savePhotos(): Promise<void> {
  if (savingBoxes.value) return;
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
  const unseen = names.find((name) => /\p{Cc}/u.test(name));
  if (unseen !== undefined) {
    return `The name "${nameInText(unseen)}" has a character in it that cannot be shown.`;
  }
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

export function remark(text: string): void {
  if (remarks.value.includes(text)) return;
  remarks.value = [...remarks.value, text];
}

/** The models and heads that this browser keeps for further visits, and which of them was last at work. */

import { computed, signal } from '@preact/signals';
import type { ModelInfo, PieceReader } from '../../../wasm/engine';
import {
  isAtWork,
  network,
  ownFingerprint,
  ready,
  type Head,
} from '../backend/network';
import { say } from '../news';
import { saveHeadAs } from '../saving/save-head';
import { NOT_KEPT, outcomeOf, refusal } from '../shared/outcome';
import type { Outcome } from '../shared/protocol';
import { nameInText } from '../words/name-in-text';
import { fileUnderHead, isOwnAtWork, keptAtWork } from './at-work';
import {
  CHUNK,
  forgetModel,
  isContent,
  isSound,
  keptModels,
  NewModel,
  readerOfKept,
  reasonNotKept,
  type KeptHead,
  type KeptModel,
} from './model-store';

/** As they were last listed. */
export const kept = signal<readonly KeptModel[]>([]);

/** What became of keeping the last file: how far it is, or why it, of which name, is not kept. */
export const keeping = signal<
  { share: number } | { notKept: string; name: string } | undefined
>(undefined);

/** Which file at work is not kept, and why, if one could not be. */
export const notKeptAtWork = computed(() => {
  const { value } = keeping;
  if (!value || !('notKept' in value)) return undefined;
  const atWork = [ready()?.file, fileUnderHead()];
  return atWork.includes(value.name) ? value : undefined;
});

/** The head at work, if it is kept. */
export const keptHead = computed(() => {
  const head = ready()?.head;
  return head && keptAs(head);
});

/** In localStorage: the id of the kept model or head that was last at work. */
const LAST = 'gradcam.model';

/** Lists what is kept by now, other tabs included; if that is not to be learnt, tells why. */
export async function listKept(): Promise<string | undefined> {
  try {
    const all = await keptModels();
    kept.value = all.filter(isSound);
    await removeUnsound(all.filter((each) => !isSound(each)));
    return undefined;
  } catch (error) {
    return reasonNotKept(error);
  }
}

/** Removes what the page cannot have kept like that, and says so. */
async function removeUnsound(all: readonly { id: number }[]): Promise<void> {
  for (const { id } of all) await forgetModel(id);
  if (all.length > 0) {
    say('What was kept in this browser was damaged in part; that is removed.');
  }
}

/** Whether a model is kept by now; another tab may have taken it away. */
export async function isStillKept({ id }: KeptModel): Promise<boolean> {
  await listKept();
  return kept.value.some((each) => each.id === id);
}

/** What a head is kept as, if it is. */
export function keptAs(head: Head): KeptModel | undefined {
  return kept.value.find((each) => each.head && isContent(each, head));
}

/** The newest kept file of the model that a head belongs to. */
export function keptBase({ base }: KeptHead): KeptModel | undefined {
  return kept.value.findLast(({ fingerprint }) => fingerprint === base);
}

/** Which model a head belongs to, within a sentence. */
export function baseOf({ base, model }: KeptHead): string {
  if (base === ownFingerprint.value) return 'the model in this page';
  return model === undefined
    ? 'the model in another version of this page'
    : nameInText(model);
}

/** Hands the user a kept head as a file. */
export async function saveKept(head: KeptModel): Promise<void> {
  const { name } = head;
  const bytes = (await isStillKept(head)) ? await bytesOf(head) : GONE;
  if (bytes.ok) {
    saveHeadAs(name, bytes.value);
  } else {
    const { message } = bytes.failure;
    say(`${nameInText(name)} could not be saved: ${message}.`);
  }
}

/** The file of a kept head, which is small. */
export async function bytesOf(head: KeptModel): Promise<Outcome<Head>> {
  const { size, read } = readerOfKept(head, () => void drop(head.id));
  return outcomeOf(async () => new Uint8Array(await read(0, size)));
}

/** What is said of one that is not. */
export const GONE = refusal('unreadable_file', NOT_KEPT);

/** No longer keeps a model that is lost, whether or not it is at work. */
export async function drop(id: number): Promise<void> {
  if (remembered() === String(id)) remember(undefined);
  await forgetModel(id).catch(() => {});
  await listKept();
}

/**
 * Removes a file from the storage, unless it is that of the model at work; offers to put back a
 * head, which may be nowhere else.
 */
export async function forget(file: KeptModel): Promise<void> {
  const { id, name, date, head } = file;
  if (id === keptAtWork.value) return;
  const bytes = head ? await bytesOf(file) : undefined;
  const outcome = await outcomeOf(() => forgetModel(id));
  if (!outcome.ok) {
    const { message } = outcome.failure;
    say(`${nameInText(name)} could not be forgotten: ${message}.`);
  } else {
    if (remembered() === String(id)) remember(keptAtWork.value);
    const text = `${nameInText(name)} was forgotten.`;
    if (head && bytes?.ok) offerBack(text, bytes.value, { name, date, head });
    else say(text);
  }
  await listKept();
}

/** The element's under which the kept ones are. */
export const MODELS_ID = 'use-another-model';

/** Offers to keep a head again, beside what is kept by now. */
function offerBack(text: string, bytes: Head, about: AboutHead): void {
  const putBack = async () => {
    const outcome = await outcomeOf(() => shelve(bytes, about, () => true));
    if (outcome.ok) return rememberPresent();
    const { message } = outcome.failure;
    const name = nameInText(about.name);
    offerBack(`${name} could not be put back: ${message}.`, bytes, about);
  };
  const take = () => {
    void putBack();
    return MODELS_ID;
  };
  say(text, { label: 'Put back', take });
}

/**
 * Keeps a head, unless it is kept already. Whether or not it can be, it is where it was.
 * @param base the fingerprint of the model that it was trained on
 */
export async function keepHead(
  bytes: Head,
  name: string,
  base: string,
  labels: readonly string[],
): Promise<void> {
  const isOfPresent = ready()?.model.fingerprint === base;
  const model = isOfPresent ? fileUnderHead() : undefined;
  try {
    await shelve(bytes, { name, head: { base, model, labels } });
    rememberPresent();
  } catch (error) {
    keeping.value = { name, notKept: reasonNotKept(error) };
  }
}

interface AboutHead {
  name: string;
  /** When it was kept before, if it was. */
  date?: number;
  head: KeptHead;
}

/**
 * Puts it into the storage, unless it is there already.
 * @param stays what of others like it is not replaced
 */
async function shelve(
  bytes: Head,
  about: AboutHead,
  stays?: (other: KeptModel) => boolean,
): Promise<void> {
  const shelf = await NewModel.begin();
  try {
    await listKept();
    if (keptAs(bytes)) return await shelf.abandon();
    await shelf.write(bytes);
    await shelf.finish(about, stays);
    await listKept();
  } catch (error) {
    await shelf.abandon();
    throw error;
  }
}

/** Stores a file that is at work already, a chunk at a time. */
export async function keep(
  file: File,
  source: PieceReader,
  model: ModelInfo,
): Promise<void> {
  let shelf: NewModel | undefined;
  try {
    keeping.value = { share: 0 }; // another one may have to be finished before
    shelf = await NewModel.begin();
    for (let at = 0; at < file.size; at += CHUNK) {
      keeping.value = { share: at / file.size };
      const piece = await file.slice(at, at + CHUNK).arrayBuffer();
      await shelf.write(new Uint8Array(piece));
    }
    await finish(shelf, file.name, source, model);
  } catch (error) {
    await shelf?.abandon();
    keeping.value = { name: file.name, notKept: reasonNotKept(error) };
  }
}

/** Keeps a file that has been stored, for the next visit, too, if it is still at work. */
export async function finish(
  shelf: NewModel,
  name: string,
  source: PieceReader,
  model: ModelInfo,
): Promise<void> {
  try {
    const { fingerprint } = model;
    const precision = precisionOf(model);
    const { id } = await shelf.finish(
      { name, precision, fingerprint },
      // It is read again and again.
      (other) => other.id === keptAtWork.value,
    );
    const present = ready();
    if (present && isAtWork(source)) network.value = { ...present, kept: id };
    keeping.value = undefined;
    await listKept();
    rememberPresent();
  } catch (error) {
    await shelf.abandon();
    keeping.value = { name, notKept: reasonNotKept(error) };
  }
}

/** How most of a model's weights, those of fc1, are stored. */
function precisionOf(model: ModelInfo): string {
  return model.layers.find(({ name }) => name === 'fc1')?.dtype ?? '';
}

/** Remembers what is at work for the next visit, as far as that can bring it back. */
export function rememberPresent(): void {
  if (!ready()) return;
  const { value: head } = keptHead;
  const { value: isOwn } = isOwnAtWork;
  if (head && (isOwn || keptBase(head.head!))) remember(head.id);
  else if (isOwn || keptAtWork.value !== undefined) remember(keptAtWork.value);
}

export function remembered(): string | null {
  try {
    return localStorage.getItem(LAST);
  } catch {
    return null;
  }
}

export function remember(id: number | undefined): void {
  try {
    if (id === undefined) localStorage.removeItem(LAST);
    else localStorage.setItem(LAST, String(id));
  } catch {
    // Then the page opens with its own model.
  }
}

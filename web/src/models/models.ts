/**
 * The models that can be at work, and the heads on them: the one in the page, files of this visit, and
 * those kept.
 */

import { computed, signal } from '@preact/signals';
import { proxy } from 'comlink';
import type {
  AboutModel,
  ModelInfo,
  PieceReader,
  PixelValues,
  Precision,
} from '../../../wasm/engine';
import { pieceReader } from '../../../wasm/pieces';
import {
  ask,
  isAtWork,
  loadModel,
  modelChange,
  network,
  ownFingerprint,
  ownModel,
  putHead,
  type Head,
} from '../backend/network';
import { lend } from '../backend/loans';
import { nameInText } from '../words/name-in-text';
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
import { say } from '../news';
import { saveHeadAs } from '../saving/save-head';
import { damaged, NOT_KEPT, outcomeOf, refusal } from '../shared/outcome';
import { untilAnswered } from '../backend/until-answered';
import type { Failure, Outcome } from '../shared/protocol';

export const kept = signal<readonly KeptModel[]>([]);

/** What became of keeping the last file: how far it is, or why it, of which name, is not kept. */
export const keeping = signal<
  { share: number } | { notKept: string; name: string } | undefined
>(undefined);

/** The numbers that a file is brought to on its way in. */
export const precision = signal<Precision | 'as it is'>('as it is');

/** What the pixels of photos were turned into when a network of Keras, PyTorch or ONNX was trained. */
export const pixelValues = signal<PixelValues | 'usual'>('usual');

/** Whether a head is in the place of the model's own last layer. */
export const hasHead = computed(() => ready()?.head !== undefined);
/** The id of the kept model at work, if it is one: it is read again and again. */
export const keptAtWork = computed(() => ready()?.kept);
/** The head at work, if it is kept. */
export const keptHead = computed(() => {
  const head = ready()?.head;
  return head && keptAs(head);
});
/** The file of the model under a head; none if that is the one in the page. */
const baseFile = signal<string | undefined>(undefined);
/** Whether the model at work, with or without a head on it, is the one in the page. */
export const isOwnAtWork = computed(() => fileUnderHead() === undefined);

/** In localStorage: the id of the kept model or head that was last at work. */
const LAST = 'gradcam.model';
/** Heads are small; a larger file is not looked into. */
const MAX_HEAD = 64 << 20;

function ready() {
  const { value } = network;
  return value.state === 'ready' ? value : undefined;
}

/** Lists what is kept, and goes on with the model or head that was last at work. */
export async function resumeModel(): Promise<boolean> {
  const lack = await listKept();
  const id = remembered();
  if (id !== null && lack !== undefined) {
    say(`The model of the last visit could not be brought back: ${lack}.`);
  }
  const last = kept.value.find((model) => String(model.id) === id);
  if (!last) return false;
  const isBack = await loadKept(last);
  if (!isBack && isOutForGood()) remember(undefined);
  return isBack;
}

/** Whether the last change failed as it always will, which one need not hear in every visit. */
function isOutForGood(): boolean {
  const { value: change } = modelChange;
  if (!change || !('failure' in change)) return false;
  const { code } = change.failure;
  return UNFIT.has(code) || code === 'unsupported_format';
}

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

/**
 * The numbers of what is imported or named unless others are wanted: what is made is a Blob, of which
 * browsers may not hold as much as a VGG16 in float32.
 */
const USUAL_PRECISION = 'f16';

/** Of Keras, PyTorch and ONNX. */
const IMPORTED_NAME = /\.(h5|hdf5|keras|pth?|bin|ckpt|tar|onnx)$/i;
const FOREIGN_NAME = /\.(pb|tflite)$/i;
/** Beside an ONNX file: PyTorch writes dogs.onnx.data, others dogs.onnx_data. */
const WEIGHTS_NAME = /[._]data$/i;

/** By name, whether a file is a model, of which those of other programs have to be refused. */
function isModel({ name }: File): boolean {
  const names = [/\.safetensors$/i, IMPORTED_NAME, FOREIGN_NAME];
  return names.some((pattern) => pattern.test(name));
}

/** By name, whether a file that comes with a model may name its classes. */
function isNames({ name }: File): boolean {
  return /\.(txt|json)$/i.test(name);
}

/** What comes with a model file, if anything does. */
export interface Companions {
  /** Names its classes. */
  names?: File;
  /** Has the weights of an ONNX file. */
  weights?: File;
}

/** What files that come together are, by their names. */
export function sortOut(
  files: readonly File[],
): Companions & { models: File[]; others: File[] } {
  const models = files.filter(isModel);
  const names = models.length > 0 ? files.find(isNames) : undefined;
  const isOnnx = models.some(({ name }) => /\.onnx$/i.test(name));
  const weights = isOnnx
    ? files.find(({ name }) => WEIGHTS_NAME.test(name))
    : undefined;
  const known = [...models, names, weights];
  const others = files.filter((file) => !known.includes(file));
  return { models, names, weights, others };
}

/** Puts a file in the place of the present model; false if that one had to stay. */
export async function useFile(
  file: File,
  { names, weights, keeps = true }: Companions & { keeps?: boolean } = {},
): Promise<boolean> {
  const { name } = file;
  if (FOREIGN_NAME.test(name)) return settle(FOREIGN, name).ok;
  if (isNames(file)) return settle(NAMES_ALONE, name).ok;
  modelChange.value = { share: 0 };
  keeping.value = undefined;
  const source = pieceReader(weights ? new Blob([file, weights]) : file);
  const wanted = precision.value;
  const labels = await outcomeOf(async () => names?.text());
  if (!labels.ok) return settle(labels, names!.name).ok;
  if (labels.value?.trim() === '') return settle(NO_NAMES, names!.name).ok;
  const values = pixelValues.value;
  const isImported = IMPORTED_NAME.test(name);
  const head = isImported ? undefined : await headIn(file);
  if (head) {
    return names ? settle(NAMES_IN_HEAD, name).ok : useHead(file, head, keeps);
  }
  if (isImported || names || wanted !== 'as it is') {
    const into = wanted === 'as it is' ? USUAL_PRECISION : wanted;
    return useConverted(name, source, into, keeps, {
      labels: labels.value,
      foreign: isImported
        ? {
            name,
            values: values === 'usual' ? undefined : values,
            beside: weights?.size,
          }
        : undefined,
    });
  }
  const outcome = await load(source, name);
  if (outcome.ok && keeps) void keep(file, source, outcome.value);
  return outcome.ok;
}

/** Loads a model or head that is kept, unless another tab has taken it away since it was listed. */
export async function useKept(model: KeptModel): Promise<boolean> {
  return (await isStillKept(model))
    ? loadKept(model)
    : settle(GONE, model.name).ok;
}

async function isStillKept({ id }: KeptModel): Promise<boolean> {
  await listKept();
  return kept.value.some((each) => each.id === id);
}

async function loadKept(model: KeptModel): Promise<boolean> {
  modelChange.value = { share: 0 };
  const { id, name, head } = model;
  if (head) return loadKeptHead(model, head);
  const reader = readerOfKept(model, () => void drop(id));
  const { ok } = await load(reader, name, { kept: id });
  if (ok) rememberPresent();
  return ok;
}

/** Puts a head on its model, which comes first if another one is at work. */
async function loadKeptHead(
  model: KeptModel,
  head: KeptHead,
): Promise<boolean> {
  const { id, name } = model;
  const bytes = await bytesOf(model);
  if (!bytes.ok) return settle(bytes, name).ok;
  const base = await ask(async () => findBase(head)); // once there is a model
  if (!base.ok) return settle(base, name).ok;
  const { value: load } = base;
  if (load && !(await load())) return false;
  const outcome = await putOn(bytes.value, name);
  if (!outcome.ok && UNFIT.has(outcome.failure.code)) {
    await drop(id);
    const { message } = damaged('head');
    settle(refusal(outcome.failure.code, message), name);
  }
  return outcome.ok || load !== undefined;
}

/** What the engine says of a head that is none, or none of its model. */
const UNFIT = new Set(['corrupt_model', 'invalid_argument']);

/** How the model of a head comes to work; nothing if it is there. */
function findBase(
  head: KeptHead,
): Outcome<(() => Promise<boolean>) | undefined> {
  if (ready()?.model.fingerprint === head.base) {
    return { ok: true, value: undefined };
  }
  if (ownFingerprint.value === head.base) {
    return { ok: true, value: useOwnModel };
  }
  const base = keptBase(head);
  if (base) return { ok: true, value: () => useKept(base) };
  const advice =
    head.model === undefined
      ? '; open the page that it was taught in'
      : ', which is not at work; choose that model first';
  return refusal(
    'invalid_argument',
    `it was taught to ${baseOf(head)}${advice}`,
  );
}

/** The newest kept file of the model that a head belongs to. */
function keptBase({ base }: KeptHead): KeptModel | undefined {
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

/** Those of a kept head, which is small. */
async function bytesOf(head: KeptModel): Promise<Outcome<Head>> {
  const { size, read } = readerOfKept(head, () => void drop(head.id));
  return outcomeOf(async () => new Uint8Array(await read(0, size)));
}

/** No longer keeps a model that is lost, whether or not it is at work. */
async function drop(id: number): Promise<void> {
  if (remembered() === String(id)) remember(undefined);
  await forgetModel(id).catch(() => {});
  await listKept();
}

/** Goes back to the model in the page. */
export async function useOwnModel(): Promise<boolean> {
  modelChange.value = { share: 0 };
  const { ok } = await load(ownModel(), undefined);
  if (ok) rememberPresent();
  return ok;
}

/**
 * Removes a file from the storage, unless it is that of the model at work; offers to put back a
 * head, which may be nowhere else.
 */
export async function forget(file: KeptModel): Promise<void> {
  const { id, name, head } = file;
  if (id === keptAtWork.value) return;
  const bytes = head ? await bytesOf(file) : undefined;
  const outcome = await outcomeOf(() => forgetModel(id));
  if (!outcome.ok) {
    const { message } = outcome.failure;
    say(`${nameInText(name)} could not be forgotten: ${message}.`);
  } else {
    if (remembered() === String(id)) remember(keptAtWork.value);
    const text = `${nameInText(name)} was forgotten.`;
    if (head && bytes?.ok) offerBack(text, bytes.value, { name, head });
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

const FOREIGN = refusal(
  'unsupported_format',
  'models are read from .safetensors files and those of Keras (.h5, .keras), PyTorch (.pth) and ONNX (.onnx)',
);

const GONE = refusal('unreadable_file', NOT_KEPT);

const NAMES_ALONE = refusal(
  'unsupported_format',
  'it is no model; a file that names classes is chosen together with the model that has them',
);

const NO_NAMES = refusal(
  'invalid_argument',
  'it is empty; expected is a name for each class, a line each',
);

const NAMES_IN_HEAD = refusal(
  'invalid_argument',
  'it is a head file, which has the names of its classes inside; choose it without another file',
);

/** Puts a last layer from a file on its model, or, where that is not at hand, on the present one. */
async function useHead(
  file: File,
  head: KeptHead,
  keeps: boolean,
): Promise<boolean> {
  const { name } = file;
  const bytes = new Uint8Array(await file.arrayBuffer());
  const base = await ask(async () => findBase(head)); // once there is a model
  // Of another one the engine says why it does not fit.
  const load = base.ok ? base.value : undefined;
  if (load && !(await load())) return false;
  const outcome = await putOn(bytes, name);
  if (outcome.ok && keeps) {
    const { fingerprint, labels } = outcome.value;
    void keepHead(bytes, name, fingerprint, labels);
  }
  return outcome.ok || load !== undefined;
}

/** Puts the last layer of a head file on the present model. */
export async function useHeadBytes(
  bytes: Head,
  name: string,
): Promise<boolean> {
  return (await putOn(bytes, name)).ok;
}

async function putOn(bytes: Head, name: string): Promise<Outcome<ModelInfo>> {
  const kept = keptAtWork.value;
  baseFile.value = fileUnderHead();
  const outcome = await putHead(bytes, { file: name, kept });
  if (outcome.ok) rememberPresent();
  return settle(outcome, name);
}

/** The file of the model at work, whatever is on it; none if that is the one in the page. */
function fileUnderHead(): string | undefined {
  return hasHead.value ? baseFile.value : ready()?.file;
}

/** Gives the present model its own last layer back; false if it has that already. */
export async function dropHead(): Promise<boolean> {
  if (!hasHead.value) return false;
  const { value: file } = baseFile;
  const outcome = await putHead(undefined, { file, kept: keptAtWork.value });
  if (outcome.ok) rememberPresent();
  return settle(outcome, file).ok;
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

/** What a head is kept as, if it is. */
export function keptAs(head: Head): KeptModel | undefined {
  return kept.value.find((each) => each.head && isContent(each, head));
}

/** Makes the numbers smaller into the storage, or, without one, into a Blob for this visit. */
async function useConverted(
  name: string,
  source: PieceReader,
  wanted: Precision,
  keeps: boolean,
  about: AboutModel,
): Promise<boolean> {
  let shelf: NewModel | undefined;
  let blob = new Blob();
  let reason: string | undefined;
  const store = async (bytes: Uint8Array) => {
    try {
      if (!keeps || reason !== undefined) return;
      shelf ??= await NewModel.begin();
      await shelf.write(bytes);
    } catch (error) {
      reason = reasonNotKept(error);
      await shelf?.abandon();
    }
  };
  const write = async (bytes: Uint8Array<ArrayBuffer>) => {
    blob = new Blob([blob, bytes]);
    await store(bytes);
  };
  // There may be another file to wait for: not with a worker that photos wait for, too.
  await store(new Uint8Array());
  const progress = (share: number) => {
    modelChange.value = { share: share / 2 };
  };
  let isBegun = false;
  const made = await untilAnswered(progress, (report) =>
    ask(async (worker) => {
      if (isBegun) {
        await shelf?.abandon();
        shelf = undefined;
        blob = new Blob();
      }
      isBegun = true;
      return worker.convertModel(
        source.size,
        lend({ read: source.read, write }),
        wanted,
        proxy(report),
        about,
      );
    }),
  );
  if (!made.ok) {
    await shelf?.abandon();
    return settle(made, name).ok;
  }
  const converted = pieceReader(blob);
  const outcome = await load(converted, name, { begin: 0.5 });
  if (outcome.ok && shelf && reason === undefined) {
    void finish(shelf, name, converted, outcome.value);
    return true;
  }
  await shelf?.abandon();
  if (outcome.ok && reason !== undefined) {
    keeping.value = { name, notKept: reason };
  }
  return outcome.ok;
}

/** Stores a file that is at work already, a chunk at a time. */
async function keep(
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
async function finish(
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

async function load(
  source: PieceReader,
  name: string | undefined,
  { begin = 0, kept }: { begin?: number; kept?: number } = {},
): Promise<Outcome<ModelInfo>> {
  const progress = (share: number) => {
    modelChange.value = { share: begin + (1 - begin) * share };
  };
  return settle(await loadModel(source, { file: name, kept }, progress), name);
}

/** Shows how the change of the model went. */
function settle<T>(outcome: Outcome<T>, file: string | undefined): Outcome<T> {
  const { value: present } = network;
  // Without a network the page says so, and why.
  const isSaid = outcome.ok || present.state === 'failed';
  const { value: change } = modelChange;
  if (!isSaid) modelChange.value = { failure: outcome.failure, file };
  // What was said of another file stays.
  else if (!outcome.ok || (change && 'share' in change)) {
    modelChange.value = undefined;
  }
  return outcome;
}

/** Which model is at work after a change that failed like this, as a sentence. */
export function whatStays(failure: Failure): string {
  const present = ready();
  if (!present) return '';
  if (present.insteadOf === failure) {
    return 'The model in this page is used instead.';
  }
  const { file } = present;
  return `${file ? nameInText(file) : 'The model in this page'} stays in use.`;
}

/** What a file says of itself if that is to be a head. */
async function headIn(file: File): Promise<KeptHead | undefined> {
  if (file.size > MAX_HEAD) return undefined;
  try {
    const length = new DataView(await file.slice(0, 8).arrayBuffer());
    const end = 8 + Number(length.getBigUint64(0, true));
    const header = JSON.parse(await file.slice(8, end).text());
    const { architecture, base = '' } = header.__metadata__;
    return architecture === 'vgg16-head' ? { base, labels: [] } : undefined;
  } catch {
    return undefined; // the engine will say what is wrong
  }
}

/** Remembers what is at work for the next visit, as far as that can bring it back. */
function rememberPresent(): void {
  if (!ready()) return;
  const { value: head } = keptHead;
  const { value: isOwn } = isOwnAtWork;
  if (head && (isOwn || keptBase(head.head!))) remember(head.id);
  else if (isOwn || keptAtWork.value !== undefined) remember(keptAtWork.value);
}

function remembered(): string | null {
  try {
    return localStorage.getItem(LAST);
  } catch {
    return null;
  }
}

function remember(id: number | undefined): void {
  try {
    if (id === undefined) localStorage.removeItem(LAST);
    else localStorage.setItem(LAST, String(id));
  } catch {
    // Then the page opens with its own model.
  }
}

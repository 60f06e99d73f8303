/** Putting another model to work, or a head on it: a file, one that is kept, or the one in the page. */

import { signal } from '@preact/signals';
import { proxy } from 'comlink';
import type {
  AboutModel,
  ModelInfo,
  PieceReader,
  PixelValues,
  Precision,
} from '../../../wasm/engine';
import { pieceReader } from '../../../wasm/pieces';
import { lend } from '../backend/loans';
import {
  ask,
  loadModel,
  modelChange,
  modelShare,
  network,
  ownFingerprint,
  ownModel,
  putHead,
  ready,
  type Head,
} from '../backend/network';
import { untilAnswered } from '../backend/until-answered';
import { say } from '../news';
import { damaged, outcomeOf, refusal } from '../shared/outcome';
import type { Outcome } from '../shared/protocol';
import { baseFile, fileUnderHead, hasHead } from './at-work';
import {
  baseOf,
  bytesOf,
  drop,
  finish,
  GONE,
  isStillKept,
  keep,
  keepHead,
  keeping,
  kept,
  keptBase,
  listKept,
  remember,
  remembered,
  rememberPresent,
} from './kept';
import { headIn, isImported, whyNoModel, type Companions } from './model-files';
import {
  NewModel,
  readerOfKept,
  reasonNotKept,
  type KeptHead,
  type KeptModel,
} from './model-store';

/** The numbers that a file is brought to on its way in. */
export const precision = signal<Precision | 'as it is'>('as it is');

/** What the pixels of photos were turned into when a network of Keras, PyTorch or ONNX was trained. */
export const pixelValues = signal<PixelValues | 'usual'>('usual');

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

/**
 * The numbers of what is imported or named unless others are wanted: what is made is a Blob, of which
 * browsers may not hold as much as a VGG16 in float32.
 */
const USUAL_PRECISION = 'f16';

const NO_NAMES = refusal(
  'invalid_argument',
  'it is empty; expected is a name for each class, a line each',
);

const NAMES_IN_HEAD = refusal(
  'invalid_argument',
  'it is a head file, which has the names of its classes inside; choose it without another file',
);

/** Puts a file in the place of the present model; false if that one had to stay. */
export async function useFile(
  file: File,
  { names, weights, keeps = true }: Companions & { keeps?: boolean } = {},
): Promise<boolean> {
  const { name } = file;
  const unfit = whyNoModel(file);
  if (unfit) return settle(unfit, name).ok;
  modelChange.value = { share: 0 };
  keeping.value = undefined;
  const source = pieceReader(weights ? new Blob([file, weights]) : file);
  const wanted = precision.value;
  const labels = await outcomeOf(async () => names?.text());
  if (!labels.ok) return settle(labels, names!.name).ok;
  if (labels.value?.trim() === '') return settle(NO_NAMES, names!.name).ok;
  const values = pixelValues.value;
  const isForeign = isImported(file);
  const head = isForeign ? undefined : await headIn(file);
  if (head) {
    return names ? settle(NAMES_IN_HEAD, name).ok : useHead(file, head, keeps);
  }
  if (isForeign || names || wanted !== 'as it is') {
    const into = wanted === 'as it is' ? USUAL_PRECISION : wanted;
    return useConverted(name, source, into, keeps, {
      labels: labels.value,
      foreign: isForeign
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

/** Goes back to the model in the page. */
export async function useOwnModel(): Promise<boolean> {
  modelChange.value = { share: 0 };
  const { ok } = await load(ownModel(), undefined);
  if (ok) rememberPresent();
  return ok;
}

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
  baseFile.value = fileUnderHead();
  const outcome = await putHead(bytes, name);
  if (outcome.ok) rememberPresent();
  return settle(outcome, name);
}

/** Gives the present model its own last layer back; false if it has that already. */
export async function dropHead(): Promise<boolean> {
  if (!hasHead.value) return false;
  const { value: file } = baseFile;
  const outcome = await putHead(undefined, file);
  if (outcome.ok) rememberPresent();
  return settle(outcome, file).ok;
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
  if (!isSaid) modelChange.value = { failure: outcome.failure, file };
  // What was said of another file stays.
  else if (!outcome.ok || modelShare.value !== undefined) {
    modelChange.value = undefined;
  }
  return outcome;
}

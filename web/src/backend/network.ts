/**
 * The engine as the page has it: one in workers that look at photos together, and one here, without
 * a model, that only colours heatmaps, so that a click is answered in the same frame, and tells what
 * files are.
 */

import { computed, signal } from '@preact/signals';
import { proxy, transfer, type Remote } from 'comlink';
import { relaxedSimd, simd } from 'wasm-feature-detect';
import {
  Engine,
  EngineError,
  MAX_MEMBERS,
  type EngineInfo,
  type Method,
  type ModelInfo,
  type PieceReader,
} from '../../../wasm/engine';
import { pieceReader, release } from '../../../wasm/pieces';
import { first, hire, hireHelpers, workers } from './hiring';
import { lend } from './loans';
import { reasonOf, wasStopped } from '../shared/outcome';
import type { Failure, Outcome, WorkerApi } from '../shared/protocol';
import { payload, payloadSize } from './payload';
import { untilAnswered } from './until-answered';
import { colormap, lowMemory } from '../settings';
import { INTERRUPTED, TaskQueue, type Priority } from './task-queue';
import { tidy } from '../shared/tidy';
import { WorkerGone } from './watched-worker';

/** What the page knows of a model besides what the engine does. */
interface Origin {
  /** Its name, if it is not the model in the page; that of the head if there is one on it. */
  file?: string;
  /** What it is known by in the storage, if it is kept there; the head is not meant. */
  kept?: number;
}

/** A head file. */
export type Head = Uint8Array<ArrayBuffer>;

type Network =
  | { state: 'starting' }
  | (Origin & {
      state: 'ready';
      model: ModelInfo;
      /** What is in the place of the model's own last layer. */
      head?: Head;
      /** Why it is at work in the place of another one. */
      insteadOf?: Failure;
    })
  | { state: 'failed'; failure: Failure };

export const network = signal<Network>({ state: 'starting' });

/** What heads know the model in this page by, once it has been loaded. */
export const ownFingerprint = signal<string | undefined>(undefined);

/** The network with its model, unless it is not ready yet, or failed. */
export function ready() {
  const { value } = network;
  return value.state === 'ready' ? value : undefined;
}

/** What photos are looked at with; nothing while there is none. */
export function presentModel(): ModelInfo | undefined {
  return ready()?.model;
}

/** With less probability than this the model at work is not sure; 0 if it does not say. */
export const unsureBelow = computed(() => presentModel()?.unsure_below ?? 0);

/** What its classes are called: another model, or a head, may know anything. */
export const classNoun = computed(() =>
  ready()?.file === undefined
    ? { one: 'breed', many: 'breeds' }
    : { one: 'class', many: 'classes' },
);

/** Colours heatmaps and tells what files are; undefined until the engine is compiled. */
export const painter = signal<{ engine: Engine; info: EngineInfo } | undefined>(
  undefined,
);

/** How maps are made that is known by this name. */
export function methodOf(name: string): Method | undefined {
  return painter.value?.info.methods.find((each) => each.name === name);
}

/** Another model on its way in, or why it, of which file, did not come in or had to go. */
export const modelChange = signal<
  { share: number } | { failure: Failure; file?: string } | undefined
>(undefined);

/** How much of another model on its way in is there, if one is. */
export const modelShare = computed(() => {
  const { value } = modelChange;
  return value && 'share' in value ? value.share : undefined;
});

const UNSUPPORTED =
  'this browser is too old to run the network, or WebAssembly is turned off in it; ' +
  'Chrome and Edge from 111, Firefox from 121 and Safari from 16.4 on will do';

const tasks = new TaskQueue();
/** One after the other: each keeps what the one before it has changed. */
const divisions = new TaskQueue();
let module: Promise<WebAssembly.Module>;
/** The model in this page: as a Blob, which the browser may put elsewhere, where memory matters. */
let own: Uint8Array<ArrayBuffer> | Blob;
/** What another first worker would load. */
let present: { model: PieceReader; head?: Head };
/** Whether every worker has a part in the network, even if fewer would be faster. */
let allTakePart = false;
let onFallBack = () => {};

/** Starts everything; photos may be asked about at once and wait their turn. */
export function startNetwork(): void {
  void tasks.run(async () => {
    try {
      network.value = await start();
    } catch (error) {
      network.value = failed(failureOf(error));
    }
  }, 'urgent');
}

async function start(): Promise<Network> {
  if (!('WebAssembly' in globalThis && 'DecompressionStream' in globalThis)) {
    return failed({ code: 'unsupported_browser', message: UNSUPPORTED });
  }
  module = compileFastest();
  // Workers take their time to start.
  const hired = hire(usualWorkers(lowMemory.value), module, lowMemory.value);
  const compiled = await module;
  await hired;
  const size = await payloadSize('model');
  const loading = first.ask<Outcome<ModelInfo>>((worker) =>
    worker.receiveModel(size, lend({ read: readOwn })),
  );
  loading.catch(() => {}); // thrown below
  // The rest of the page is still being parsed.
  for await (const bytes of payload('model')) {
    void first.api.takeModel(transfer(bytes, [bytes.buffer]));
  }
  // While the first worker loads it.
  const engine = await Engine.create(compiled);
  const info = engine.about();
  // What was remembered may be of another version of the page.
  if (!info.colormaps.includes(colormap.value)) {
    colormap.value = info.colormaps[0]!;
  }
  painter.value = { engine, info };
  const outcome = await loading;
  if (!outcome.ok) return failed(outcome.failure);
  own = await first.ask((worker) => worker.returnModel());
  if (lowMemory.value) shelveOwn();
  present = { model: ownModel() };
  tidy(); // the page's texts
  ownFingerprint.value = outcome.value.fingerprint;
  return { state: 'ready', model: outcome.value };
}

/** The model in this page. */
export function ownModel(): PieceReader {
  return { size: own instanceof Blob ? own.size : own.length, read: readOwn };
}

async function readOwn(begin: number, end: number): Promise<Uint8Array> {
  return own instanceof Blob
    ? pieceReader(own).read(begin, end)
    : own.slice(begin, end);
}

/** Leaves the model in this page to the browser, for the time being. */
function shelveOwn(): void {
  if (own instanceof Blob) return;
  const bytes = own;
  own = new Blob([bytes]);
  release(bytes);
}

/** Puts a model in the place of the present one; if that fails, that one stays, or else our own. */
export function loadModel(
  model: PieceReader,
  origin: Origin,
  progress: (part: number) => void,
): Promise<Outcome<ModelInfo>> {
  return untilAnswered(progress, (report) =>
    ask(async (worker) => {
      shelveOwn();
      const outcome = await load(worker, model, report);
      return atWork(outcome, { model }, origin);
    }),
  );
}

/** Notes which model is at work, before anything else is asked of it. */
function atWork(
  outcome: Outcome<ModelInfo>,
  now: typeof present,
  origin: Origin,
): Outcome<ModelInfo> {
  if (outcome.ok) {
    present = now;
    const { head } = now;
    network.value = { state: 'ready', model: outcome.value, head, ...origin };
  }
  return outcome;
}

/** Whether this is the model that was loaded last, with or without a head on it. */
export function isAtWork(model: PieceReader): boolean {
  return present.model === model;
}

function load(
  worker: Remote<WorkerApi>,
  model: PieceReader,
  progress: (part: number) => void,
): Promise<Outcome<ModelInfo>> {
  return worker.loadModel(model.size, lend(model), proxy(progress));
}

/**
 * `Engine.useHead`.
 * @param file the head's name, or that of the model without one; see `Origin`
 */
export function putHead(
  head: Head | undefined,
  file: string | undefined,
): Promise<Outcome<ModelInfo>> {
  return ask(async (worker) => {
    const outcome = await worker.useHead(head);
    // The model under it may have been kept meanwhile.
    return atWork(outcome, { ...present, head }, { file, kept: ready()?.kept });
  });
}

/** Divides the network among so many workers, 1 to 8, whatever it is, from the next photo on. */
export async function setWorkers(count: number): Promise<void> {
  if (!Number.isInteger(count) || count < 1 || count > MAX_MEMBERS) {
    throw new Error(`There are 1 to ${MAX_MEMBERS} workers, not ${count}.`);
  }
  await divisions.run(() => divide(count, lowMemory.value, true));
}

/** Makes the network take less memory and more time, in one worker, or the other way round. */
export async function setLowMemory(on: boolean): Promise<void> {
  await divisions.run(() => divide(usualWorkers(on), on, false));
}

function usualWorkers(low: boolean): number {
  return low ? 1 : Math.min(navigator.hardwareConcurrency || 1, MAX_MEMBERS);
}

async function divide(
  count: number,
  low: boolean,
  all: boolean,
): Promise<void> {
  let isDivided = false;
  const outcome = await ask<ModelInfo | undefined>(async (worker) => {
    const { count: present, lost } = workers.value;
    const isSo =
      count === present &&
      low === lowMemory.value &&
      all === allTakePart &&
      !lost.length;
    if (isSo) return { ok: true, value: undefined };
    if (low) shelveOwn();
    const ports = hireHelpers(count, module);
    allTakePart = all;
    const given = transfer(ports, ports);
    const divided = await worker.setHelpers(given, low, all);
    isDivided = true;
    const now = ready();
    if (divided.ok && now) {
      // The same one: what was said of photos stays.
      const model = Object.assign(now.model, divided.value);
      network.value = { ...now, model };
    }
    return divided;
  });
  // Even if the model was lost at that and another one has been divided.
  if (isDivided && ready()) lowMemory.value = low;
  if (!outcome.ok) throw new Error(outcome.failure.message);
}

/** Ends looking at a photo that is not wanted any more. */
export function stopLooking(id: number): void {
  if (ready()) void first.api.stop(id);
}

/**
 * Asks the first worker for something, when it has its turn; another one if that one goes: what is
 * asked must bear being asked twice. Who stops when the signal says that something more urgent
 * waits is asked again.
 */
export function ask<T>(
  request: (
    worker: Remote<WorkerApi>,
    signal: AbortSignal,
  ) => Promise<Outcome<T>>,
  priority: Priority = 'urgent',
): Promise<Outcome<T>> {
  return tasks.run(async (signal) => {
    for (let isRepeated = false; ; isRepeated = true) {
      const { value } = network;
      if (value.state === 'failed') {
        return { ok: false, failure: value.failure };
      }
      try {
        const outcome = await first.ask((worker) => request(worker, signal));
        if (signal.aborted && wasStopped(outcome)) return INTERRUPTED;
        if (!outcome.ok && !(await first.ask((worker) => worker.hasModel()))) {
          await fallBack(outcome.failure);
        }
        if (lowMemory.value) tidy();
        return outcome;
      } catch (error) {
        const isGone = error instanceof WorkerGone;
        if (isGone) await replaceFirst(error.message);
        if (isGone && !isRepeated) continue;
        return { ok: false, failure: failureOf(error) };
      }
    }
  }, priority);
}

/** Goes on without the first worker: as after the loss of a helper, with one less. */
async function replaceFirst(reason: string): Promise<void> {
  const { count, lost } = workers.value;
  allTakePart = false;
  await hire(Math.max(1, count - 1), module, lowMemory.value);
  workers.value = { ...workers.value, lost: [...lost, reason] };
  const { model, head } = present;
  try {
    const outcome = await first.ask(async (worker) => {
      const loaded = await load(worker, model, () => {});
      return loaded.ok && head ? worker.useHead(head) : loaded;
    });
    if (!outcome.ok) await fallBack(outcome.failure);
  } catch (error) {
    network.value = failed(failureOf(error));
  }
}

/** Lets someone know when the model in this page had to take the place of another one. */
export function whenFallenBack(listener: () => void): void {
  onFallBack = listener;
}

/** No model is at work, and the one before cannot be read again: the one in this page can. */
async function fallBack(failure: Failure): Promise<void> {
  const file = ready()?.file;
  present = { model: ownModel() };
  try {
    const outcome = await first.ask((worker) =>
      load(worker, present.model, () => {}),
    );
    if (!outcome.ok) {
      network.value = failed(outcome.failure);
    } else if (file !== undefined) {
      const model = outcome.value;
      network.value = { state: 'ready', model, insteadOf: failure };
      modelChange.value = { failure, file };
      setTimeout(onFallBack); // whoever asked hears of it before
    }
  } catch (error) {
    network.value = failed(failureOf(error));
  }
}

function failed({ code, message }: Failure): Network {
  const advice =
    code === 'out_of_memory'
      ? '; close other tabs or programs and open this page again'
      : '';
  return { state: 'failed', failure: { code, message: message + advice } };
}

/** Of what the engine refuses here, or else of what nobody foresaw. */
function failureOf(error: unknown): Failure {
  const reason = reasonOf(error);
  if (error instanceof EngineError)
    return { code: error.code, message: reason };
  return { code: 'internal', message: `something went wrong: ${reason}` };
}

/** What the browser has; on processors from before 2010 even new ones have none. */
async function fastestSimd(): Promise<EngineInfo['simd']> {
  if (await relaxedSimd()) return 'relaxed';
  return (await simd()) ? 'simd128' : 'none';
}

async function compileFastest(): Promise<WebAssembly.Module> {
  return compile(payload(`engine-${await fastestSimd()}`));
}

/** The engine, of which the gzipped file comes in pieces. */
async function compile(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
): Promise<WebAssembly.Module> {
  const { readable, writable } = new DecompressionStream('gzip');
  const writer = writable.getWriter();
  const write = async () => {
    for await (const piece of pieces) await writer.write(piece);
    await writer.close();
  };
  const [bytes] = await Promise.all([
    new Response(readable).arrayBuffer(),
    write(),
  ]);
  return WebAssembly.compile(bytes);
}

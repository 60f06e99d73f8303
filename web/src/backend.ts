/**
 * The engine as the page has it: one in workers that look at photos together, and one here, without
 * a model, that only colours heatmaps, so that a click is answered in the same frame.
 */

import { signal } from '@preact/signals';
import { proxy, transfer, wrap, type Remote } from 'comlink';
import { relaxedSimd, simd } from 'wasm-feature-detect';
import { Engine, type EngineInfo, type ModelInfo } from '../../wasm/engine';
import type { Failure, Outcome, WorkerApi } from './protocol';
import { payload, payloadSize } from './payload';
import { lowMemory } from './settings';
import { TaskQueue } from './task-queue';
import EngineWorker from './worker?worker&inline';

export type Network =
  | { state: 'starting' }
  | { state: 'ready'; model: ModelInfo; file?: string }
  | { state: 'failed'; failure: Failure };

export const network = signal<Network>({ state: 'starting' });

/** Colours heatmaps; undefined until the engine is compiled. */
export const painter = signal<{ engine: Engine; info: EngineInfo } | undefined>(
  undefined,
);

/** Another model on its way in, or why it did not come in. */
export const modelChange = signal<
  { share: number } | { failure: Failure } | undefined
>(undefined);

const NO_SIMD =
  'this browser is too old to run the network, as it lacks WebAssembly SIMD; ' +
  'Chrome and Edge from 105, Firefox from 121 and Safari from 16.4 on will do';

/** How many workers divide the network among them, and why others do so no more. */
export const workers = signal<{ count: number; lost: string[] }>({
  count: 1,
  lost: [],
});

/** More would only wait for each other. */
const MAX_WORKERS = 8;

const tasks = new TaskQueue();
let module: Promise<WebAssembly.Module>;
let worker: Remote<WorkerApi>;
let helpers: Worker[] = [];

/** Starts everything; photos may be asked about at once and wait their turn. */
export function startNetwork(): void {
  void tasks.run(async () => {
    try {
      network.value = await start();
    } catch (error) {
      network.value = failed(internalFailure(error));
    }
  }, 'urgent');
}

async function start(): Promise<Network> {
  if (typeof WebAssembly !== 'object' || !(await simd())) {
    return failed({ code: 'unsupported_browser', message: NO_SIMD });
  }
  const build = (await relaxedSimd()) ? 'engine-relaxed' : 'engine-simd128';
  module = compile(payload(build));
  // Workers take their time to start.
  worker = wrap<WorkerApi>(new EngineWorker());
  const ports = hireHelpers(usualWorkers(lowMemory.value));
  const compiled = await module;
  const starting = worker.start(
    compiled,
    await payloadSize('model'),
    transfer(ports, ports),
    lowMemory.value,
    proxy(dismiss),
  );
  const engine = await Engine.create(compiled);
  painter.value = { engine, info: engine.about() };
  // The rest of the page is still being parsed.
  for await (const bytes of payload('model')) {
    void worker.takeModel(transfer(bytes, [bytes.buffer]));
  }
  const outcome = await starting;
  return outcome.ok
    ? { state: 'ready', model: outcome.value }
    : failed(outcome.failure);
}

/** Divides the network among so many workers, 1 to 8, from the next photo on. */
export async function setWorkers(count: number): Promise<void> {
  if (!Number.isInteger(count) || count < 1 || count > MAX_WORKERS) {
    throw new Error(`There are 1 to ${MAX_WORKERS} workers, not ${count}.`);
  }
  await divide(count, lowMemory.value);
}

/** Makes the network take less memory and more time, in one worker, or the other way round. */
export async function setLowMemory(on: boolean): Promise<void> {
  await divide(usualWorkers(on), on);
  lowMemory.value = on;
}

function usualWorkers(low: boolean): number {
  return low ? 1 : navigator.hardwareConcurrency || 1;
}

async function divide(count: number, low: boolean): Promise<void> {
  const outcome = await ask((worker) => {
    const ports = hireHelpers(count);
    return worker.setHelpers(transfer(ports, ports), low);
  });
  if (!outcome.ok) throw new Error(outcome.failure.message);
}

/** Ends looking at a photo that is not wanted any more. */
export function stopLooking(id: number): void {
  if (network.value.state === 'ready') void worker.stop(id);
}

/** Asks the worker for something, when it has its turn. */
export function ask<T>(
  request: (worker: Remote<WorkerApi>) => Promise<Outcome<T>>,
  priority: 'urgent' | 'patient' = 'urgent',
): Promise<Outcome<T>> {
  return tasks.run(async () => {
    const { value } = network;
    if (value.state === 'failed') return { ok: false, failure: value.failure };
    try {
      return await request(worker);
    } catch (error) {
      return { ok: false, failure: internalFailure(error) };
    }
  }, priority);
}

/** Starts helpers for the worker in the place of those before; gives the ports to them. */
function hireHelpers(count: number): MessagePort[] {
  for (const helper of helpers) helper.terminate();
  const members = Math.min(count, MAX_WORKERS);
  helpers = Array.from({ length: members - 1 }, () => new EngineWorker());
  workers.value = { count: members, lost: [] };
  return helpers.map((helper, index) => {
    helper.onerror = ({ message }) =>
      void worker.lost(index, message || 'it broke down');
    const { port1, port2 } = new MessageChannel();
    void serve(helper, port1);
    return port2;
  });
}

async function serve(helper: Worker, port: MessagePort): Promise<void> {
  const compiled = await module.catch(() => undefined); // `start` says so
  if (!compiled) return;
  await wrap<WorkerApi>(helper).serve(compiled, transfer(port, [port]));
}

/** A helper is of no more use; the others do its part. */
function dismiss(index: number, reason: string): void {
  helpers[index]?.terminate();
  const { count, lost } = workers.value;
  workers.value = { count: count - 1, lost: [...lost, reason] };
}

function failed(failure: Failure): Network {
  return { state: 'failed', failure };
}

/** What nobody foresaw. */
function internalFailure(error: unknown): Failure {
  const reason = error instanceof Error ? error.message : String(error);
  return { code: 'internal', message: `something went wrong: ${reason}` };
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

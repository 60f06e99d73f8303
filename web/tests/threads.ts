/** Stand-ins for the threads of the page, all in one. */

import { readFile } from 'node:fs/promises';
import { expose } from 'comlink';
import { vi } from 'vitest';
import type { PieceReader } from '../../wasm/engine';
import type { WorkerApi } from '../src/shared/protocol';

// What a timer of a worker looks at may come after the test, and Node 20 has none.
globalThis.navigator ??= {} as Navigator;

const repository = new URL('../../', import.meta.url);

export const read = async (path: string) =>
  Uint8Array.from(await readFile(new URL(path, repository)));

export const readerOf = (bytes: Uint8Array): PieceReader => ({
  size: bytes.length,
  read: async (begin, end) => bytes.slice(begin, end),
});

/** Where the numbers of a tensor are in a model file. */
export function tensorAt(
  weights: Uint8Array<ArrayBuffer>,
  name: string,
): { begin: number; end: number } {
  const data = 8 + Number(new DataView(weights.buffer).getBigUint64(0, true));
  const header = new TextDecoder().decode(weights.subarray(8, data));
  const [begin, end] = JSON.parse(header)[name].data_offsets;
  return { begin: data + begin, end: data + end };
}

/** The default model as another one, by what models are known by. */
export function otherModel(
  weights: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const other = weights.slice();
  other[tensorAt(other, 'fc2.bias').begin]! ^= 1;
  return other;
}

/** A head file for the model of this fingerprint. */
export function headFile(
  base: string,
  labels: readonly string[],
  weight: Float32Array,
  bias: Float32Array,
): Uint8Array<ArrayBuffer> {
  const classes = labels.length;
  const middle = weight.byteLength;
  const header = JSON.stringify({
    __metadata__: {
      architecture: 'vgg16-head',
      base,
      labels: JSON.stringify(labels),
    },
    'predictions.weight': {
      dtype: 'F32',
      shape: [classes, weight.length / classes],
      data_offsets: [0, middle],
    },
    'predictions.bias': {
      dtype: 'F32',
      shape: [classes],
      data_offsets: [middle, middle + bias.byteLength],
    },
  });
  const length = new BigUint64Array([BigInt(header.length)]);
  const parts = [length.buffer, header, weight.buffer, bias.buffer];
  return Uint8Array.from(
    Buffer.concat(parts.map((part) => Buffer.from(part as string))),
  );
}

export const compileEngine = async () =>
  WebAssembly.compile(await read('build/wasm-simd/wasm/gradcam.wasm'));

/** `Worker`s that the page starts from here on: behind each is the next of these scripts. */
export function fakeWorkers(scripts: MessagePort[]): void {
  class FakeWorker {
    private readonly port = scripts.shift()!;
    onerror: ((event: { message: string }) => void) | null = null;
    constructor() {
      this.port.start();
    }
    postMessage(message: unknown, transfer: Transferable[] = []) {
      this.port.postMessage(message, transfer);
    }
    addEventListener(...args: Parameters<MessagePort['addEventListener']>) {
      this.port.addEventListener(...args);
    }
    removeEventListener(
      ...args: Parameters<MessagePort['removeEventListener']>
    ) {
      this.port.removeEventListener(...args);
    }
    terminate() {
      this.port.close();
    }
  }
  vi.stubGlobal('Worker', FakeWorker);
}

/** A script that does no more than this. */
export function script(api: Partial<WorkerApi>): MessagePort {
  const { port1, port2 } = new MessageChannel();
  expose({ lifeline: async () => undefined, ...api }, port1);
  return port2;
}

/** The script of the page's workers, once at a time. */
export async function workerScript(): Promise<MessagePort> {
  const { port1, port2 } = new MessageChannel();
  vi.stubGlobal('navigator', {}); // without locks
  vi.stubGlobal('addEventListener', port1.addEventListener.bind(port1));
  vi.stubGlobal('postMessage', port1.postMessage.bind(port1));
  // What it had borrowed would be given back to the page of a later test, or to none.
  vi.stubGlobal(
    'FinalizationRegistry',
    class {
      register() {}
    },
  );
  port1.start();
  vi.resetModules();
  await import('../src/worker/worker');
  return port2;
}

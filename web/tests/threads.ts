/** Stand-ins for the threads of the page, all in one. */

import { readFile } from 'node:fs/promises';
import { expose, wrap, type Remote } from 'comlink';
import { vi } from 'vitest';
import type { PieceReader } from '../../wasm/engine';
import type { WorkerApi } from '../src/protocol';

const repository = new URL('../../', import.meta.url);

export const read = async (path: string) =>
  Uint8Array.from(await readFile(new URL(path, repository)));

export const readerOf = (bytes: Uint8Array): PieceReader => ({
  size: bytes.length,
  read: async (begin, end) => bytes.slice(begin, end),
});

export const compileEngine = async () =>
  WebAssembly.compile(await read('build/wasm-simd/wasm/gradcam.wasm'));

/** `Worker`s that the page starts from here on: each has the next of these objects as its script. */
export function fakeWorkers(scripts: Partial<WorkerApi>[]): void {
  class FakeWorker {
    private readonly port: MessagePort;
    onerror: ((event: { message: string }) => void) | null = null;
    constructor() {
      const { port1, port2 } = new MessageChannel();
      const lifeline = async () => undefined;
      expose({ lifeline, ...scripts.shift() }, port2);
      this.port = port1;
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

/** The worker's own script, started in this thread, as the page reaches it. */
export async function startWorker(): Promise<Remote<WorkerApi>> {
  const { port1, port2 } = new MessageChannel();
  vi.stubGlobal('navigator', {}); // without locks
  vi.stubGlobal('addEventListener', port1.addEventListener.bind(port1));
  vi.stubGlobal('postMessage', port1.postMessage.bind(port1));
  port1.start();
  vi.resetModules();
  await import('../src/worker');
  return wrap<WorkerApi>(port2);
}

/** The page without what is to be seen of it, with one worker, all in one thread. */

import { gzipSync } from 'node:zlib';
import { expect, vi } from 'vitest';
import { resetStorage } from './fake-idb';
import { fakeWorkers, read, workerScript } from './threads';

vi.mock('virtual:worker', () => ({ default: '' }));
vi.mock('idb', () => import('./fake-idb'));
vi.mock('../src/backend/payload', () => ({
  payloadSize: async (name: string) => (await file(name)).length,
  payload: async function* (name: string) {
    yield Uint8Array.from(gzipSync(await file(name), { level: 1 }));
  },
}));

/** A file in the page. */
async function file(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return read(
    name === 'model'
      ? 'weights/default.safetensors'
      : 'build/wasm-simd/wasm/gradcam.wasm',
  );
}

/** Opens the page with an empty storage; its modules, once the network is ready. */
export async function openPage() {
  resetStorage();
  const local = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => local.get(key) ?? null,
    setItem: (key: string, text: string) => local.set(key, text),
    removeItem: (key: string) => local.delete(key),
  });
  fakeWorkers([await workerScript()]);
  const backend = await import('../src/backend/network');
  const models = {
    ...(await import('../src/models/at-work')),
    ...(await import('../src/models/kept')),
    ...(await import('../src/models/model-files')),
    ...(await import('../src/models/models')),
  };
  const teaching = {
    ...(await import('../src/teach/boxes')),
    ...(await import('../src/teach/lesson')),
  };
  const { hold } = await import('../src/photos/photo-io');
  const { removeAll } = await import('../src/photos/photos');
  const fallen = vi.fn();
  backend.startNetwork();
  backend.whenFallenBack(fallen);
  await vi.waitFor(
    () => expect(backend.network.value.state).toBe('ready'),
    10_000,
  );
  /** Settles once the worker has heard everything that it was told. */
  const quiet = () =>
    backend.ask(async (worker) => ({
      ok: true,
      value: await worker.holds(0),
    }));
  /** Leaves nothing of it for the next test. */
  const close = async () => {
    removeAll();
    await quiet();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  };
  return { ...backend, ...models, ...teaching, hold, fallen, quiet, close };
}

export type Page = Awaited<ReturnType<typeof openPage>>;

/** Models stored by several tabs of the same browser. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loseConnections, resetStorage, silenceStorage } from './fake-idb';

vi.mock('idb', () => import('./fake-idb'));

/** Web Locks, one for all names. */
function fakeLocks() {
  let last: Promise<unknown> = Promise.resolve();
  const request = (_: string, held: () => Promise<unknown>) =>
    (last = last.then(held));
  return { request };
}

async function openTab() {
  vi.resetModules();
  return import('../src/models/model-store');
}

beforeEach(() => {
  resetStorage();
  vi.stubGlobal('navigator', { locks: fakeLocks() });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test('two tabs that store a file at once do not get in the way of each other', async () => {
  const [one, two] = [await openTab(), await openTab()];
  expect(one.NewModel).not.toBe(two.NewModel);
  const store = async ({ NewModel, CHUNK }: typeof one, value: number) => {
    const shelf = await NewModel.begin();
    await shelf.write(new Uint8Array(CHUNK).fill(value));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await shelf.write(Uint8Array.of(value));
    return shelf.finish({ name: `${value}.safetensors`, precision: 'F32' });
  };
  const models = await Promise.all([store(one, 1), store(two, 2)]);
  expect(await one.keptModels()).toEqual(models);
  for (const [i, model] of models.entries()) {
    const { read, size } = one.readerOfKept(model);
    expect(size).toBe(one.CHUNK + 1);
    const bytes = await read(0, size);
    expect(bytes.every((byte) => byte === i + 1)).toBe(true);
  }
});

test('a file that could not be stored lets the next one in; no id is used twice', async () => {
  const { NewModel, forgetModel } = await openTab();
  await (await NewModel.begin()).abandon();
  const first = await (
    await NewModel.begin()
  ).finish({ name: 'a', precision: 'F32' });
  await forgetModel(first.id);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await (
    await NewModel.begin()
  ).finish({ name: 'a', precision: 'F32' });
  expect(second.id).not.toBe(first.id);
});

test('the browser is asked once a visit not to make room by what is kept', async () => {
  const persist = vi.fn().mockRejectedValue(new TypeError('no'));
  vi.stubGlobal('navigator', { storage: { persist } });
  const { NewModel } = await openTab();
  await (await NewModel.begin()).abandon();
  expect(persist).not.toHaveBeenCalled();
  for (const name of ['a', 'b']) {
    await (await NewModel.begin()).finish({ name });
    expect(persist).toHaveBeenCalledTimes(1);
  }
});

test('a head takes the place of one of its name on its model that is of the same visit', async () => {
  const keep = async (
    { NewModel }: Awaited<ReturnType<typeof openTab>>,
    base: string,
    value: number,
    labels = ['a', 'b'],
  ) => {
    await new Promise((resolve) => setTimeout(resolve, 5)); // another id
    const shelf = await NewModel.begin();
    await shelf.write(Uint8Array.of(value));
    return shelf.finish({ name: 'a', head: { base, labels } });
  };
  const before = await keep(await openTab(), 'model', 1);
  const tab = await openTab();
  const { keptModels, readerOfKept } = tab;
  const other = await keep(tab, 'another model', 2);
  await keep(tab, 'model', 3);
  const last = await keep(tab, 'model', 4);
  expect(await keptModels()).toEqual([before, other, last]);
  // Nor does one that knows other classes.
  const another = await keep(tab, 'model', 5, ['c', 'd']);
  expect(await keptModels()).toEqual([before, other, last, another]);
  await tab.forgetModel(another.id);
  expect(await readerOfKept(last).read(0, 1)).toEqual(Uint8Array.of(4));
  // Nor does a model of that name, in whatever numbers.
  const model = await (await tab.NewModel.begin()).finish({ name: 'a' });
  expect(await keptModels()).toEqual([before, other, last, model]);
});

test('what is kept is known by its contents', async () => {
  const { NewModel, CHUNK, isContent } = await openTab();
  const bytes = new Uint8Array(CHUNK + 9).map((_, i) => i % 251);
  const shelf = await NewModel.begin();
  await shelf.write(bytes);
  const kept = await shelf.finish({ name: 'a' });
  expect(isContent(kept, bytes.slice())).toBe(true);
  expect(isContent(kept, bytes.slice(1))).toBe(false);
  for (const at of [0, CHUNK + 8]) {
    const other = bytes.slice();
    other[at]! ^= 1;
    expect(isContent(kept, other)).toBe(false);
  }
  const { checksums: _, ...unknown } = kept;
  expect(isContent(unknown, bytes)).toBe(false);
});

test('what others have written is told from what is kept', async () => {
  const { isSound } = await openTab();
  const model = { id: 1, name: 'a', size: 3, precision: 'F32' };
  const head = { base: '0123', labels: ['a', 'b'] };
  expect(isSound(model)).toBe(true);
  expect(isSound({ id: 1, name: 'a', size: 3, checksums: [7], head })).toBe(
    true,
  );
  for (const other of [
    null,
    'a',
    { id: 1 },
    { ...model, name: 7 },
    { ...model, size: '3' },
    { ...model, checksums: 7 },
    { ...model, date: 'today' },
    { ...model, head: null },
    { ...model, head: { base: '0123' } },
    { ...model, head: { ...head, base: 1 } },
    { ...model, head: { ...head, model: 1 } },
    { ...model, head: { ...head, labels: ['a', 1] } },
  ]) {
    expect(isSound(other)).toBe(false);
  }
});

const CHUNK_MIDDLE = 2 << 20;

/** How many pieces of files there are. */
const pieces = () =>
  (globalThis as unknown as { stores: { chunks: Map<string, unknown> } }).stores
    .chunks.size;

test('what a visit has left unfinished is removed by the next one, and nothing else', async () => {
  const store = async (name: string, precision: string, value: number) => {
    const { NewModel } = await openTab();
    const shelf = await NewModel.begin();
    await shelf.write(Uint8Array.of(value));
    await new Promise((resolve) => setTimeout(resolve, 5)); // another id
    return shelf.finish({ name, precision });
  };
  const leaveUnfinished = async () => {
    vi.stubGlobal('navigator', { locks: fakeLocks() }); // its tab was closed
    const { NewModel, CHUNK } = await openTab();
    await (await NewModel.begin()).write(new Uint8Array(2 * CHUNK));
    await new Promise((resolve) => setTimeout(resolve, 5));
    vi.stubGlobal('navigator', { locks: fakeLocks() });
  };
  const first = await store('a', 'F32', 1);
  await leaveUnfinished();
  expect(pieces()).toBe(3);
  const second = await store('a', 'I8', 2);
  expect(pieces()).toBe(2);
  await leaveUnfinished();
  // In the place of the first one, which is of the same name and precision.
  const third = await store('a', 'F32', 3);
  const { forgetModel, keptModels, readerOfKept } = await openTab();
  expect(await keptModels()).toEqual([second, third]);
  expect(third.id).not.toBe(first.id);
  expect(pieces()).toBe(2);
  expect(await readerOfKept(second).read(0, 1)).toEqual(Uint8Array.of(2));
  expect(await readerOfKept(third).read(0, 1)).toEqual(Uint8Array.of(3));
  await forgetModel(second.id);
  expect(pieces()).toBe(1);
});

test('a part of a file is read from the pieces that it lies in', async () => {
  const { NewModel, CHUNK, readerOfKept } = await openTab();
  const shelf = await NewModel.begin();
  const bytes = new Uint8Array(2 * CHUNK + 9).map((_, i) => i % 251);
  // In pieces that are none of its own.
  for (const [begin, end] of [
    [0, 5],
    [5, CHUNK + 7],
    [CHUNK + 7, bytes.length],
  ]) {
    await shelf.write(bytes.subarray(begin, end));
  }
  const model = await shelf.finish({ name: 'a', precision: 'F32' });
  expect(model.size).toBe(bytes.length);
  const { read } = readerOfKept(model);
  for (const [begin, end] of [
    [0, 3],
    [CHUNK - 2, CHUNK + 3],
    [CHUNK + 1, CHUNK + 2],
    [CHUNK - 1, 2 * CHUNK + 2],
    [2 * CHUNK + 8, 2 * CHUNK + 9],
  ] as const) {
    const part = await read(begin, end);
    expect(Buffer.compare(part, bytes.subarray(begin, end))).toBe(0);
  }
  await expect(read(0, bytes.length + 1)).rejects.toThrow('damaged');
});

test('however small the parts are, a piece is read once, and few stay in memory, not for long', async () => {
  const { NewModel, CHUNK, readerOfKept } = await openTab();
  const shelf = await NewModel.begin();
  const bytes = new Uint8Array(4 * CHUNK).map((_, i) => i % 251);
  await shelf.write(bytes);
  const { read, size } = readerOfKept(await shelf.finish({ name: 'a' }));
  const get = vi.spyOn(stored(), 'get');
  const part = CHUNK / 8 + 1;
  const reads = [];
  for (let at = 0; at < size; at += part) {
    reads.push(read(at, Math.min(at + part, size)));
    if (reads.length % 4 === 0) await Promise.all(reads);
  }
  const parts = Buffer.concat(await Promise.all(reads));
  expect(Buffer.compare(parts, bytes)).toBe(0);
  expect(get).toHaveBeenCalledTimes(4);
  await read(0, 1);
  expect(get).toHaveBeenCalledTimes(5);
  await read(0, 1);
  expect(get).toHaveBeenCalledTimes(5);
  await new Promise((resolve) => setTimeout(resolve, 600));
  await read(0, 1);
  expect(get).toHaveBeenCalledTimes(6);
});

test('a piece that could not be read is asked for again', async () => {
  const { NewModel, readerOfKept } = await openTab();
  const shelf = await NewModel.begin();
  await shelf.write(Uint8Array.of(7));
  const { read } = readerOfKept(await shelf.finish({ name: 'a' }));
  vi.spyOn(stored(), 'get').mockImplementationOnce(() => {
    throw new Error('busy');
  });
  await expect(read(0, 1)).rejects.toThrow('busy');
  expect(await read(0, 1)).toEqual(Uint8Array.of(7));
});

/** What is stored of files: pieces by their keys. */
const stored = () =>
  (globalThis as unknown as { stores: { chunks: Map<string, ArrayBuffer> } })
    .stores.chunks;

test.each([
  [
    'has another bit',
    (chunk: ArrayBuffer) => {
      new Uint8Array(chunk)[CHUNK_MIDDLE]! ^= 16;
      return chunk;
    },
  ],
  ['is short', (chunk: ArrayBuffer) => chunk.slice(0, -1)],
  ['is gone', () => undefined],
])('a piece that %s is not taken for what was stored', async (_, damage) => {
  const { NewModel, CHUNK, readerOfKept } = await openTab();
  const shelf = await NewModel.begin();
  await shelf.write(new Uint8Array(2 * CHUNK).map((_, i) => i % 251));
  const model = await shelf.finish({ name: 'a', precision: 'F32' });
  const onLoss = vi.fn();
  const { read } = readerOfKept(model, onLoss);
  await read(0, CHUNK);
  const [key, chunk] = [...stored()][1]!;
  stored().set(key, damage(chunk) as ArrayBuffer);
  expect(onLoss).not.toHaveBeenCalled();
  await expect(read(CHUNK - 1, CHUNK + 1)).rejects.toThrow('damaged');
  expect(onLoss).toHaveBeenCalled();
  await read(0, CHUNK); // another piece
});

test('what another tab has forgotten is not called damaged', async () => {
  const { NewModel, forgetModel, readerOfKept } = await openTab();
  const shelf = await NewModel.begin();
  await shelf.write(Uint8Array.of(7));
  const model = await shelf.finish({ name: 'a', precision: 'F32' });
  const onLoss = vi.fn();
  const { read } = readerOfKept(model, onLoss);
  await forgetModel(model.id);
  await expect(read(0, 1)).rejects.toThrow('not kept any more');
  expect(onLoss).toHaveBeenCalled();
});

test('what an earlier version of the page has kept is read as it is', async () => {
  const { NewModel, readerOfKept } = await openTab();
  const shelf = await NewModel.begin();
  await shelf.write(Uint8Array.of(1, 2, 3));
  const { checksums: _, ...model } = await shelf.finish({
    name: 'a',
    precision: 'F32',
  });
  expect(await readerOfKept(model).read(0, 3)).toEqual(Uint8Array.of(1, 2, 3));
});

test('a connection that is lost is opened anew', async () => {
  const { NewModel, forgetModel, keptModels, readerOfKept } = await openTab();
  const shelf = await NewModel.begin();
  await shelf.write(Uint8Array.of(7));
  const model = await shelf.finish({ name: 'a', precision: 'F32' });
  loseConnections();
  expect(await keptModels()).toEqual([model]);
  loseConnections();
  expect(await readerOfKept(model).read(0, 1)).toEqual(Uint8Array.of(7));
  loseConnections();
  await forgetModel(model.id);
  expect(await keptModels()).toEqual([]);

  loseConnections();
  const next = await NewModel.begin();
  loseConnections();
  await next.write(Uint8Array.of(8));
  loseConnections();
  const kept = await next.finish({ name: 'b', precision: 'F32' });
  expect(await readerOfKept(kept).read(0, 1)).toEqual(Uint8Array.of(8));
});

test('a storage that does not answer is not waited for, and used once it does', async () => {
  vi.useFakeTimers();
  const answer = silenceStorage();
  const { NewModel, keptModels, reasonNotKept } = await openTab();
  for (const ask of [keptModels, () => NewModel.begin(), keptModels]) {
    const reason = ask().then(() => '', reasonNotKept);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await reason).toBe('the storage of this browser does not answer');
  }
  vi.useRealTimers();
  answer();
  const model = await (
    await NewModel.begin()
  ).finish({ name: 'a', precision: 'F32' });
  expect(await keptModels()).toEqual([model]);
});

test('a storage is not silent while the page itself does not listen', async () => {
  const answer = silenceStorage();
  const { keptModels } = await openTab();
  const kept = keptModels();
  setTimeout(answer, 3300);
  const start = performance.now();
  while (performance.now() < start + 3500);
  expect(await kept).toEqual([]);
});

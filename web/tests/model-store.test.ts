/** Models stored by several tabs of the same browser. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loseConnections, resetStorage } from './fake-idb';

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
  return import('../src/model-store');
}

beforeEach(() => {
  resetStorage();
  vi.stubGlobal('navigator', { locks: fakeLocks() });
});
afterEach(() => vi.unstubAllGlobals());

test('two tabs that store a file at once do not get in the way of each other', async () => {
  const [one, two] = [await openTab(), await openTab()];
  expect(one.NewModel).not.toBe(two.NewModel);
  const store = async ({ NewModel, CHUNK }: typeof one, value: number) => {
    const shelf = await NewModel.begin();
    await shelf.write(new Uint8Array(CHUNK).fill(value));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await shelf.write(Uint8Array.of(value));
    return shelf.finish(`${value}.safetensors`, 'F32');
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
  const first = await (await NewModel.begin()).finish('a', 'F32');
  await forgetModel(first.id);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await (await NewModel.begin()).finish('a', 'F32');
  expect(second.id).not.toBe(first.id);
});

test('a connection that is lost is opened anew', async () => {
  const { NewModel, forgetModel, keptModels, readerOfKept } = await openTab();
  const shelf = await NewModel.begin();
  await shelf.write(Uint8Array.of(7));
  const model = await shelf.finish('a', 'F32');
  loseConnections();
  expect(await keptModels()).toEqual([model]);
  loseConnections();
  expect(await readerOfKept(model).read(0, 1)).toEqual(Uint8Array.of(7));
  loseConnections();
  await forgetModel(model.id);
  expect(await keptModels()).toEqual([]);
});

/** The page's models, with everything from the page to the engine, in one thread. */

import { proxy } from 'comlink';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { NewModel } from '../src/models/model-store';
import { download } from '../src/saving/download';
import type { Failure } from '../src/shared/protocol';
import { loseConnections, silenceStorage } from './fake-idb';
import { openPage, type Page } from './page';
import { headFile, otherModel, read } from './threads';

vi.mock('../src/saving/download', () => ({ download: vi.fn() }));

let weights: Uint8Array<ArrayBuffer>;
let photo: File;
beforeAll(async () => {
  weights = await read('weights/default.safetensors');
  photo = new File([await read('web/pictures/portrait.jpg')], 'a.jpg');
});

let page: Page;
beforeEach(async () => {
  page = await openPage();
});
afterEach(() => vi.unstubAllGlobals());

/** A model file that can go, or take its time. */
class Passing extends File {
  isGone = false;
  wait = Promise.resolve();
  override slice(begin?: number, end?: number): Blob {
    if (this.isGone) throw new Error('it has gone');
    const part = super.slice(begin, end);
    const read = part.arrayBuffer.bind(part);
    part.arrayBuffer = () => this.wait.then(read);
    return part;
  }
}

/** Has the network look at a photo. */
function answer() {
  return page.ask(async (worker) => {
    const held = await page.hold(
      worker,
      { id: 1, file: photo },
      undefined,
      () => worker.look({}),
    );
    return held.ok ? held.value.asked : held;
  });
}

/** What the network says of it. */
async function look(): Promise<string> {
  const said = await answer();
  return said.ok ? said.value.predictions[0]!.label : said.failure.message;
}

/** The one file that is kept, once it is. */
async function keptOne(): Promise<(typeof page.kept.value)[number]> {
  await vi.waitFor(() => expect(page.kept.value.length).toBe(1));
  return page.kept.value[0]!;
}

/** Why the last change of the model failed. */
function failure(): Failure {
  return (page.modelChange.value as { failure: Failure }).failure;
}

test('the first map is that of the most probable class, which the camera follows', async () => {
  const said = await answer();
  if (!said.ok) throw new Error(said.failure.message);
  const { maps, predictions } = said.value;
  expect(maps.map((map) => map.class)).toEqual(
    predictions.map(({ index }) => index),
  );
  expect(maps[0]!.class).not.toBe(0);
});

test.each([true, false])(
  'without the file of the model at work, the one in the page is used when less memory is: %s',
  async (on) => {
    const expected = await look();
    const file = new Passing([weights], 'other.safetensors');
    await page.setLowMemory(!on);
    expect(await page.useFile(file, { keeps: false })).toBe(true);
    file.isGone = true;
    await expect(page.setLowMemory(on)).rejects.toThrow(/cannot be read/);
    expect(page.network.value).toMatchObject({ state: 'ready' });
    expect(page.network.value).not.toHaveProperty('file');
    expect(failure().message).toMatch(/cannot be read/);
    expect(page.whatStays(failure())).toBe(
      'The model in this page is used instead.',
    );
    expect(await look()).toBe(expected);
    await vi.waitFor(() => expect(page.fallen).toHaveBeenCalledTimes(1));
    await page.setLowMemory(!on);
    expect(await look()).toBe(expected);
  },
);

test('where a photo takes a file that is gone, the next one is shown to the model in the page', async () => {
  const expected = await look();
  const file = new Passing([weights], 'other.safetensors');
  await page.setLowMemory(true);
  expect(await page.useFile(file, { keeps: false })).toBe(true);
  expect(await look()).toBe(expected);
  file.isGone = true;
  expect(await look()).toMatch(/cannot be read/);
  expect(page.network.value).not.toHaveProperty('file');
  expect(page.whatStays(failure())).toMatch(/in this page/);
  expect(await look()).toBe(expected);
  await vi.waitFor(() => expect(page.fallen).toHaveBeenCalledTimes(1));
});

test('after a corrupt file, the one in the page is used if the one before is gone', async () => {
  const broken = weights.slice();
  broken.fill(0xff, broken.length - 4);
  const file = new Passing([weights], 'other.safetensors');
  const drop = () => page.useFile(new File([broken], 'broken.safetensors'));
  expect(await page.useFile(file, { keeps: false })).toBe(true);
  expect(await drop()).toBe(false);
  expect(failure().code).toBe('corrupt_model');
  expect(page.network.value).toMatchObject({ file: 'other.safetensors' });
  expect(page.whatStays(failure())).toBe('other.safetensors stays in use.');

  file.isGone = true;
  expect(await drop()).toBe(false);
  expect(failure().code).toBe('corrupt_model');
  expect(page.network.value).not.toHaveProperty('file');
  expect(page.whatStays(failure())).toMatch(/in this page/);
  expect(await look()).not.toMatch(/model/);
});

test('a network that no model can be read for has failed', async () => {
  const file = new Passing([weights], 'other.safetensors');
  expect(await page.useFile(file, { keeps: false })).toBe(true);
  file.isGone = true;
  const { arrayBuffer } = Blob.prototype;
  Blob.prototype.arrayBuffer = () => Promise.reject(new Error('full'));
  await expect(page.setLowMemory(true)).rejects.toThrow();
  Blob.prototype.arrayBuffer = arrayBuffer;
  const { value } = page.network;
  expect(value.state === 'failed' && value.failure.message).toMatch(
    /cannot be read/,
  );
  expect(page.whatStays({ code: '', message: '' })).toBe('');
});

test('the kept model at work cannot be forgotten', async () => {
  const file = new File([weights], 'mine.safetensors');
  expect(await page.useFile(file)).toBe(true);
  await vi.waitFor(() => expect(page.kept.value.length).toBe(1));
  const [model] = page.kept.value;
  expect(page.keptAtWork.value).toBe(model!.id);
  expect(await page.useOwnModel()).toBe(true);
  expect(page.keptAtWork.value).toBe(undefined);
  expect(await page.useKept(model!)).toBe(true);
  expect(page.keptAtWork.value).toBe(model!.id);
  await page.forget(model!);
  expect(page.kept.value).toEqual([model]);
  await page.setLowMemory(true);
  expect(await look()).not.toMatch(/cannot be read/);
  expect(await page.useOwnModel()).toBe(true);
  await page.forget(model!);
  expect(page.kept.value).toEqual([]);
});

test('a kept model that another tab has forgotten leaves the list, and is not loaded', async () => {
  const { forgetModel } = await import('../src/models/model-store');
  expect(await page.useFile(new File([weights], 'mine.safetensors'))).toBe(
    true,
  );
  const model = await keptOne();
  expect(await page.useOwnModel()).toBe(true);
  await forgetModel(model!.id);
  expect(page.kept.value).toEqual([model]);
  expect(await page.useKept(model!)).toBe(false);
  expect(page.kept.value).toEqual([]);
  expect(page.modelChange.value).toMatchObject({ file: 'mine.safetensors' });
  expect(failure().message).toMatch(/not kept any more; .* another tab/);
  expect(await look()).not.toMatch(/model/);
});

test('a kept model that was damaged is told of, and no longer kept', async () => {
  const expected = await look();
  expect(await page.useFile(new File([weights], 'mine.safetensors'))).toBe(
    true,
  );
  const model = await keptOne();
  expect(await page.useOwnModel()).toBe(true);
  const { chunks } = (
    globalThis as unknown as { stores: { chunks: Map<string, ArrayBuffer> } }
  ).stores;
  const [, last] = [...chunks].at(-1)!;
  new Uint8Array(last).fill(0x3c, 0, 1000);
  expect(await page.useKept(model)).toBe(false);
  expect(failure().message).toMatch(/damaged, and no longer kept/);
  await vi.waitFor(() => expect(page.kept.value).toEqual([]));
  expect(chunks.size).toBe(0);
  expect(remembered()).toBe(null);
  expect(await look()).toBe(expected);
});

test('one whose damage is met when a photo takes it gives way to the model in the page', async () => {
  const expected = await look();
  expect(await page.useFile(new File([weights], 'mine.safetensors'))).toBe(
    true,
  );
  const model = await keptOne();
  expect(await page.useOwnModel()).toBe(true);
  await page.setLowMemory(true); // leaves most of it in the storage
  expect(await page.useKept(model)).toBe(true);
  expect(await look()).toBe(expected);
  const { stores } = globalThis as unknown as {
    stores: { chunks: Map<string, ArrayBuffer> };
  };
  stores.chunks.clear();
  // What was read just before is still there.
  await vi.waitFor(
    async () => expect(await look()).toMatch(/damaged, and no longer kept/),
    { timeout: 10_000, interval: 600 },
  );
  await vi.waitFor(() => expect(page.kept.value).toEqual([]));
  expect(page.network.value).not.toHaveProperty('file');
  expect(await look()).toBe(expected);
});

/** A last layer that says the first of these labels, whatever it is shown. */
function headOf(...labels: string[]): Uint8Array<ArrayBuffer> {
  const { value } = page.network;
  if (value.state !== 'ready') throw new Error('there is no model');
  const { fingerprint, layers } = value.model;
  const weight = new Float32Array(labels.length * layers.at(-1)!.weight[1]!);
  const bias = Float32Array.from(labels, (_, i) => -i);
  return headFile(fingerprint, labels, weight, bias);
}

test('a head stays on its model when the engine is started anew', async () => {
  expect(await page.useHeadBytes(headOf('mine', 'other'), 'head')).toBe(true);
  expect(await look()).toBe('mine');
  // For one class passes make the maps of all that there are now.
  const how = { method: 'scorecam', channels: 1 };
  const made = await page.ask((worker) =>
    worker.explain(
      [0],
      how,
      proxy(() => {}),
    ),
  );
  expect(made.ok && made.value.map((map) => map.class)).toEqual([0, 1]);

  const { Engine } = await import('../../wasm/engine');
  const spy = vi.spyOn(Engine.prototype, 'preview');
  spy.mockImplementationOnce(() => {
    throw new RangeError('unreachable');
  });
  const crashed = await page.ask((worker) => worker.preview());
  expect(crashed.ok || crashed.failure.message).toMatch(/started anew/);
  expect(await look()).toBe('mine');
});

test('without a head the file under it is named again', async () => {
  const file = new File([weights], 'other.safetensors');
  expect(await page.useHeadBytes(headOf('a', 'b'), 'head')).toBe(true);
  expect(page.isOwnAtWork.value).toBe(true);
  expect(await page.useFile(file, { keeps: false })).toBe(true);
  expect(page.isOwnAtWork.value).toBe(false);
  for (const name of ['first', 'second']) {
    expect(await page.useHeadBytes(headOf(name, 'b'), name)).toBe(true);
    expect(page.isOwnAtWork.value).toBe(false);
    expect(page.network.value).toMatchObject({ file: name });
    expect(page.hasHead.value).toBe(true);
    expect(await look()).toBe(name);
  }
  expect(await page.dropHead()).toBe(true);
  expect(page.network.value).toMatchObject({ file: 'other.safetensors' });
  expect(page.hasHead.value).toBe(false);
  expect(await page.dropHead()).toBe(false);
});

/** Chooses a head file of these labels for the model at work; what it is kept as. */
async function keepHeadOf(name: string, ...labels: string[]) {
  const head = headOf(...labels);
  expect(await page.useFile(new File([head], name))).toBe(true);
  await vi.waitFor(() => expect(page.keptAs(head)).toBeDefined());
  return page.keptAs(head)!;
}

test('a head is kept, and at work again in the next visit', async () => {
  const expected = await look();
  const head = await keepHeadOf('mine.head', 'mine', 'other');
  const { fingerprint: base } = (
    page.network.value as { model: { fingerprint: string } }
  ).model;
  const labels = ['mine', 'other'];
  expect(head).toMatchObject({ name: 'mine.head', head: { base, labels } });
  expect(head.head).toMatchObject({ model: undefined });
  expect(page.baseOf(head.head!)).toBe('the model in this page');
  expect(page.keptHead.value).toEqual(head);
  expect(page.keptAtWork.value).toBe(undefined);
  expect(remembered()).toBe(String(head.id));
  const again = new File([headOf(...labels)], 'again.head');
  expect(await page.useFile(again)).toBe(true);
  await isKept(1);
  expect(page.kept.value).toEqual([head]);

  expect(await page.dropHead()).toBe(true);
  expect(page.keptHead.value).toBe(undefined);
  expect(remembered()).toBe(null);
  expect(await page.useKept(head)).toBe(true);
  expect(page.network.value).toMatchObject({ file: 'mine.head' });
  expect(await look()).toBe('mine');
  expect(remembered()).toBe(String(head.id));
  expect(await page.resumeModel()).toBe(true);
  expect(await look()).toBe('mine');

  // It is in memory as a whole.
  await page.forget(head);
  expect(page.kept.value).toEqual([]);
  expect(remembered()).toBe(null);
  expect(await look()).toBe('mine');
  expect(await page.dropHead()).toBe(true);
  expect(await look()).toBe(expected);
});

test('a head that was forgotten can be put back, beside a newer one of its name', async () => {
  const { NewModel } = await import('../src/models/model-store');
  const { notice } = await import('../src/news');
  const head = await keepHeadOf('mine.head', 'mine', 'other');
  const putBack = () => notice.value!.offer!.take();
  await page.forget(head);
  expect(notice.value!.text).toBe('mine.head was forgotten.');
  expect(remembered()).toBe(null);
  const begin = vi.spyOn(NewModel, 'begin');
  begin.mockRejectedValueOnce(new Error('no room'));
  expect(putBack()).toBe(page.MODELS_ID);
  await vi.waitFor(() =>
    expect(notice.value!.text).toMatch(/^mine.head could not .*: no room/),
  );
  putBack();
  await vi.waitFor(() => expect(remembered()).not.toBe(null));
  const [back] = page.kept.value;
  const { name, date } = head;
  expect(back).toMatchObject({ name, date, head: head.head });
  expect(remembered()).toBe(String(back!.id)); // which is at work

  await page.forget(back!);
  const newer = headOf('mine', 'other');
  newer[newer.length - 1]! ^= 1;
  expect(await page.useFile(new File([newer], 'mine.head'))).toBe(true);
  await isKept(1);
  putBack();
  await isKept(2);
});

test('a kept head brings its model, where that is kept or in the page', async () => {
  const onOwn = await keepHeadOf('own.head', 'own', 'a');
  const file = new File([otherModel(weights)], 'other.safetensors');
  expect(await page.useFile(file)).toBe(true);
  await isKept(2);
  const [, model] = page.kept.value;
  expect(page.keptAtWork.value).toBe(model!.id);
  const head = await keepHeadOf('mine.head', 'mine', 'b');
  expect(page.baseOf(head.head!)).toBe('other.safetensors');
  expect(remembered()).toBe(String(head.id));

  expect(await page.useKept(onOwn)).toBe(true);
  expect(page.keptAtWork.value).toBe(undefined);
  expect(page.network.value).toMatchObject({ file: 'own.head' });
  expect(await look()).toBe('own');
  expect(await page.useKept(head)).toBe(true);
  expect(page.keptAtWork.value).toBe(model!.id);
  expect(page.network.value).toMatchObject({ file: 'mine.head' });
  expect(await look()).toBe('mine');
  await page.forget(onOwn);
  expect(remembered()).toBe(String(head.id));
  expect(await page.dropHead()).toBe(true);
  expect(page.network.value).toMatchObject({ file: 'other.safetensors' });
  expect(remembered()).toBe(String(model!.id));
  const next = await keepHeadOf('next.head', 'next', 'b');
  expect(remembered()).toBe(String(next.id));
  await page.forget(next);
  expect(remembered()).toBe(String(model!.id));

  expect(await page.useOwnModel()).toBe(true);
  await page.forget(model!);
  const expected = await look();
  expect(await page.useKept(head)).toBe(false);
  expect(page.modelChange.value).toMatchObject({ file: 'mine.head' });
  expect(failure().message).toBe(
    'it was taught to other.safetensors, which is not at work; choose that model first',
  );
  expect(await look()).toBe(expected);
  expect(page.kept.value).toContainEqual(head);
  expect(await page.useFile(file, { keeps: false })).toBe(true);
  expect(await page.useKept(head)).toBe(true);
  expect(await look()).toBe('mine');
  // The next visit could not bring that back.
  expect(remembered()).toBe(null);
});

test('the file of a head brings its model, too', async () => {
  const onOwn = new File([headOf('own', 'a')], 'own.head');
  const file = new File([otherModel(weights)], 'other.safetensors');
  expect(await page.useFile(file)).toBe(true);
  const model = await keptOne();
  const onOther = new File([headOf('other', 'b')], 'other.head');
  const use = (head: File) => page.useFile(head, { keeps: false });
  expect(await use(onOwn)).toBe(true);
  expect(page.keptAtWork.value).toBe(undefined);
  expect(await look()).toBe('own');
  expect(await use(onOther)).toBe(true);
  expect(page.keptAtWork.value).toBe(model.id);
  expect(await look()).toBe('other');

  expect(await page.useOwnModel()).toBe(true);
  await page.forget(model);
  const expected = await look();
  expect(await use(onOther)).toBe(false);
  expect(failure().message).toMatch(/trained on another model/);
  expect(await look()).toBe(expected);
});

test('a kept head that is not what was kept is told of, and no longer kept', async () => {
  const { NewModel } = await import('../src/models/model-store');
  const expected = await look();
  const stores = () =>
    (
      globalThis as unknown as {
        stores: Record<'models' | 'chunks', Map<string, ArrayBuffer>>;
      }
    ).stores;
  const head = await keepHeadOf('mine.head', 'mine', 'other');
  const file = new File([otherModel(weights)], 'other.safetensors');
  expect(await page.useFile(file, { keeps: false })).toBe(true);
  new Uint8Array([...stores().chunks.values()][0]!)[99]! ^= 1;
  expect(await page.useKept(head)).toBe(false);
  expect(failure().message).toMatch(/damaged, and no longer kept; teach it/);
  await vi.waitFor(() => expect(page.kept.value).toEqual([]));
  expect(stores().chunks.size).toBe(0);
  // Its model was not even asked for.
  expect(page.network.value).toMatchObject({ file: 'other.safetensors' });

  expect(await page.useOwnModel()).toBe(true);
  const { base } = head.head!;
  for (const bytes of [
    new TextEncoder().encode('This is no head.'),
    headFile('0123', ['a'], new Float32Array(512), new Float32Array(1)),
  ]) {
    const shelf = await NewModel.begin();
    await shelf.write(bytes);
    const about = { name: 'foreign', head: { base, labels: ['a'] } };
    const foreign = await shelf.finish(about);
    expect(await page.useKept(foreign)).toBe(false);
    expect(failure().message).toMatch(/damaged, and no longer kept/);
    expect(page.kept.value).toEqual([]);
    expect(await look()).toBe(expected);
  }

  const { notice } = await import('../src/news');
  notice.value = undefined;
  stores().models.set('7', { id: 7 } as unknown as ArrayBuffer);
  expect(await page.listKept()).toBe(undefined);
  expect(notice.value).toMatchObject({
    text: expect.stringMatching(/damaged/),
  });
  expect(page.kept.value).toEqual([]);
  expect(stores().models.size).toBe(0);
});

test('a kept head of another version of the page is told of in one visit only, and stays', async () => {
  const { NewModel } = await import('../src/models/model-store');
  const shelf = await NewModel.begin();
  await shelf.write(headOf('mine', 'other'));
  const head = { base: '0123', labels: ['mine', 'other'] };
  const { id } = await shelf.finish({ name: 'mine', head });
  localStorage.setItem('gradcam.model', String(id));
  expect(await page.resumeModel()).toBe(false);
  expect(failure().message).toBe(
    'it was taught to the model in another version of this page; open the page that it was taught in',
  );
  page.modelChange.value = undefined;
  expect(await page.resumeModel()).toBe(false);
  expect(page.modelChange.value).toBe(undefined);
  expect(page.kept.value).toMatchObject([{ id }]);
});

test('a kept head can be had as a file in any visit', async () => {
  const bytes = headOf('mine', 'other');
  const head = await keepHeadOf('a/b.safetensors', 'mine', 'other');
  await page.saveKept(head);
  await page.saveKept({ ...head, name: 'Mine and other' });
  const files = vi.mocked(download).mock.calls;
  expect(files.map(([, name]) => name)).toEqual([
    'a_b.safetensors',
    'Mine_and_other.safetensors',
  ]);
  const saved = await files[0]![0].arrayBuffer();
  expect(new Uint8Array(saved)).toEqual(bytes);

  const { aside } = await import('../src/news');
  await page.forget(head);
  await page.saveKept(head);
  expect(aside.value!.text).toMatch(/^a\/b.* could not be saved: .*not kept/);
  expect(files.length).toBe(2);
});

test('a head that cannot be kept works for this visit', async () => {
  const { NewModel } = await import('../src/models/model-store');
  const error = new DOMException('full', 'QuotaExceededError');
  vi.spyOn(NewModel.prototype, 'finish').mockRejectedValueOnce(error);
  const head = new File([headOf('mine', 'other')], 'mine.head');
  expect(await page.useFile(head)).toBe(true);
  await vi.waitFor(() =>
    expect(page.keeping.value).toEqual({
      name: 'mine.head',
      notKept: 'there is not enough room for it in this browser',
    }),
  );
  expect(await look()).toBe('mine');
  expect(page.kept.value).toEqual([]);
  expect(page.notKeptAtWork.value).toBe(page.keeping.value);
  expect(await page.dropHead()).toBe(true);
  expect(page.notKeptAtWork.value, 'of one that is gone').toBeUndefined();
  // What scripts bring is for this visit.
  expect(await page.useFile(head, { keeps: false })).toBe(true);
  await keepHeadOf('next.head', 'next', 'other');
  expect(page.kept.value.map(({ name }) => name)).toEqual(['next.head']);
});

test('a photo is held until another one is asked for, or another model', async () => {
  const holds = (id: number) =>
    page.ask(async (worker) => ({
      ok: true,
      value: await worker.holds(id),
    }));
  await look();
  expect(await holds(1)).toMatchObject({ value: true });
  const text = new File(['This is no picture.'], 'notes.jpg');
  let asked: Promise<unknown> | undefined;
  const refused = await page.ask((worker) =>
    page.hold(worker, { id: 2, file: text }, undefined, () => {
      asked = worker.look({});
    }),
  );
  expect(refused.ok).toBe(false);
  expect(await asked).toMatchObject({ failure: { code: 'stopped' } });
  expect(await holds(1)).toMatchObject({ value: false });
  await look();
  expect(await page.useOwnModel()).toBe(true);
  expect(await holds(1)).toMatchObject({ value: false });
});

test('a file is kept in smaller numbers if these are asked for', async () => {
  const expected = await look();
  page.precision.value = 'int4';
  const file = new File([weights], 'mine.safetensors');
  expect(await page.useFile(file)).toBe(true);
  const model = await keptOne();
  expect(model).toMatchObject({ name: 'mine.safetensors', precision: 'I4' });
  expect(model!.size).toBeLessThan(0.8 * weights.length);
  expect(remembered()).toBe(String(model!.id));
  expect(await look()).toBe(expected);
  expect(await page.useOwnModel()).toBe(true);
  expect(remembered()).toBe(null);
  expect(await page.useKept(model!)).toBe(true);
  expect(remembered()).toBe(String(model!.id));
  expect(await look()).toBe(expected);

  // What cannot be converted leaves room for the next one.
  const broken = weights.slice();
  broken.fill(0xff, broken.length - 4);
  expect(await page.useFile(new File([broken], 'bad.safetensors'))).toBe(false);
  expect(page.kept.value).toEqual([model]);
  expect(await page.useFile(new File([weights], 'next'))).toBe(true);
  await vi.waitFor(() => expect(page.kept.value.length).toBe(2));
});

test('a file of Keras is imported, under the names that come with it', async () => {
  const bytes = await read('tests/fixtures/models/keras.h5');
  const file = new File([bytes], 'dogs.h5');
  const names = new File(['beagle\r\npug\r\n'], 'labels.txt');
  const readme = new File([], 'README.md');
  expect(page.sortOut([names, readme, file])).toEqual({
    models: [file],
    names,
    others: [readme],
  });
  expect(page.sortOut([names]).others).toEqual([names]);
  const onnx = new File([], 'dogs.onnx');
  for (const name of ['dogs.onnx.data', 'model.onnx_data']) {
    const weights = new File([], name);
    expect(page.sortOut([weights, onnx, readme])).toEqual({
      models: [onnx],
      weights,
      others: [readme],
    });
    expect(page.sortOut([weights, file]).others).toEqual([weights]);
  }
  expect(await page.useFile(names)).toBe(false);
  expect(failure().message).toMatch(/together with the model/);
  const shares: number[] = [];
  const stop = page.modelChange.subscribe((change) => {
    if (change && 'share' in change) shares.push(change.share);
  });
  page.precision.value = 'f16';
  page.pixelValues.value = 'unit';
  expect(await page.useFile(file, { names })).toBe(true);
  stop();
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
  expect(page.network.value).toMatchObject({
    file: 'dogs.h5',
    model: {
      labels: ['beagle', 'pug'],
      source: 'dogs.h5',
      preprocess: { channels: 'RGB', mean: [0, 0, 0] },
    },
  });
  const model = await keptOne();
  expect(model).toMatchObject({ name: 'dogs.h5', precision: 'F16' });
  expect(['beagle', 'pug']).toContain(await look());
  expect(await page.useOwnModel()).toBe(true);
  expect(await page.useKept(model!)).toBe(true);
  expect(['beagle', 'pug']).toContain(await look());

  const three = new File(['a\nb\nc'], 'three.txt');
  expect(await page.useFile(file, { names: three })).toBe(false);
  expect(failure().message).toMatch(/3 labels.*2 classes/);
  expect(await page.useFile(new File(['none'], 'x.pth'))).toBe(false);
  expect(failure().message).toMatch(/no file of Keras.*PyTorch.*ONNX/);
  expect(await page.useFile(new File(['none'], 'x.tflite'))).toBe(false);
  expect(failure().message).toMatch(/safetensors.*Keras.*PyTorch.*ONNX/);
  expect(page.network.value).toMatchObject({ file: 'dogs.h5' });
  expect(page.kept.value.length).toBe(1);
});

test('a safetensors file takes the names that come with it', async () => {
  const file = new File([weights], 'mine.safetensors');
  const named = (count: number) =>
    Array.from({ length: count }, (_, i) => `breed ${i}`);
  const namesOf = (count: number) =>
    new File([named(count).join('\n')], 'names.txt');
  const expected = await look();
  expect(await page.useFile(file, { names: namesOf(14) })).toBe(false);
  expect(failure().message).toMatch(/14 labels.*15 classes/);
  expect(await page.useFile(file, { names: namesOf(0) })).toBe(false);
  expect(page.modelChange.value).toMatchObject({ file: 'names.txt' });
  expect(failure().message).toMatch(/empty/);
  expect(await look()).toBe(expected);
  expect(await page.useFile(file, { names: namesOf(15) })).toBe(true);
  expect(page.network.value).toMatchObject({
    file: 'mine.safetensors',
    model: { labels: named(15) },
  });
  expect(named(15)).toContain(await look());
  const model = await keptOne();
  expect(model).toMatchObject({ precision: 'F16' });
  expect(await page.useOwnModel()).toBe(true);
  expect(await page.useKept(model!)).toBe(true);
  expect(named(15)).toContain(await look());

  const head = new File([headOf('mine', 'other')], 'mine.head');
  expect(await page.useFile(head, { names: namesOf(2) })).toBe(false);
  expect(failure().message).toMatch(/head file.*names/);
});

/** Drops a file, of which no more is stored until told. */
async function dropSlowly(name: string): Promise<() => void> {
  const file = new Passing([weights], name);
  expect(await page.useFile(file)).toBe(true);
  let goOn = () => {};
  file.wait = new Promise((resolve) => (goOn = resolve));
  return goOn;
}

const remembered = () => localStorage.getItem('gradcam.model');
const isKept = (count: number) =>
  vi.waitFor(() => expect(page.kept.value.length).toBe(count), 10_000);

test('the next visit opens with a file that was kept if it was still at work by then', async () => {
  (await dropSlowly('one.safetensors'))();
  await isKept(1);
  const [one] = page.kept.value;
  expect(remembered()).toBe(String(one!.id));

  const goOn = await dropSlowly('two.safetensors');
  expect(await page.useOwnModel()).toBe(true);
  goOn();
  await isKept(2);
  expect(remembered()).toBe(null);
});

test('a file that is kept does not replace one of its name that is at work', async () => {
  (await dropSlowly('one.safetensors'))();
  await isKept(1);
  const [before] = page.kept.value;
  const goOn = await dropSlowly('one.safetensors');
  expect(await page.useKept(before!)).toBe(true);
  goOn();
  await isKept(2);
  expect(page.kept.value).toContainEqual(before);
  expect(remembered()).toBe(String(before!.id));
  await page.setLowMemory(true); // reads it again
  expect(page.keptAtWork.value).toBe(before!.id);
});

test('the page goes on without a storage that does not answer, and says so where it matters', async () => {
  (await dropSlowly('one.safetensors'))();
  await isKept(1);
  const { notice } = await import('../src/news');
  loseConnections();
  const answer = silenceStorage();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const resume = async () => {
    const resumed = page.resumeModel();
    await vi.advanceTimersByTimeAsync(10_000);
    return resumed;
  };
  notice.value = undefined;
  expect(await resume()).toBe(false);
  expect(notice.value).toMatchObject({
    text: 'The model of the last visit could not be brought back: the storage of this browser does not answer.',
  });
  notice.value = undefined;
  localStorage.removeItem('gradcam.model');
  expect(await resume()).toBe(false);
  expect(notice.value).toBe(undefined);
  vi.useRealTimers();

  page.precision.value = 'int8';
  expect(await page.useFile(new File([weights], 'mine.safetensors'))).toBe(
    true,
  );
  page.precision.value = 'as it is';
  expect(page.keeping.value).toEqual({
    name: 'mine.safetensors',
    notKept: 'the storage of this browser does not answer',
  });
  answer();
  expect(await page.listKept()).toBe(undefined);
  expect(page.kept.value.length).toBe(1);
});

/** Lets the next file that is to be kept wait for what is given back. */
async function keepLater(): Promise<() => void> {
  const { NewModel } = await import('../src/models/model-store');
  const { finish } = NewModel.prototype;
  let goOn = () => {};
  const wait = new Promise<void>((resolve) => (goOn = resolve));
  vi.spyOn(NewModel.prototype, 'finish').mockImplementationOnce(async function (
    this: NewModel,
    ...args
  ) {
    await wait; // as it takes to remove one of that name
    return finish.apply(this, args);
  });
  return goOn;
}

test('a model is known to be kept though a head came onto it meanwhile', async () => {
  const keepNow = await keepLater();
  const file = new File([otherModel(weights)], 'mine.safetensors');
  expect(await page.useFile(file)).toBe(true);
  let goOn = () => {};
  const busy = page.ask(async () => {
    await new Promise<void>((resolve) => (goOn = resolve));
    return { ok: true, value: null };
  });
  const put = page.useHeadBytes(headOf('mine', 'other'), 'mine.head');
  keepNow();
  await vi.waitFor(() => expect(page.keptAtWork.value).toBeDefined());
  const { value: id } = page.keptAtWork;
  goOn();
  await busy;
  expect(await put).toBe(true);
  expect(page.keptAtWork.value).toBe(id);
});

test('a model that was converted is at work before it is kept', async () => {
  const goOn = await keepLater();
  page.precision.value = 'int8';
  expect(await page.useFile(new File([weights], 'mine.safetensors'))).toBe(
    true,
  );
  page.precision.value = 'as it is';
  expect(page.kept.value).toEqual([]);
  goOn();
  await isKept(1);
});

test('photos do not wait for a file that a conversion waits for', async () => {
  const goOn = await dropSlowly('one.safetensors');
  page.precision.value = 'int8';
  const converting = page.useFile(new File([weights], 'two.safetensors'));
  page.precision.value = 'as it is';
  expect(await look()).not.toMatch(/model/);
  goOn();
  expect(await converting).toBe(true);
  await isKept(2);
});

test('a file that goes while it is being kept is said to', async () => {
  const file = new Passing([weights], 'mine.safetensors');
  expect(await page.useFile(file)).toBe(true);
  file.wait = Promise.reject(new DOMException('gone', 'NotReadableError'));
  file.wait.catch(() => {});
  await vi.waitFor(() =>
    expect(page.keeping.value).toMatchObject({
      notKept: expect.stringMatching(/cannot be read any more/),
    }),
  );
});

test('who is next at the network knows which model is at work', async () => {
  const change = page.useFile(new File([weights], 'other.safetensors'), {
    keeps: false,
  });
  await new Promise<void>((resolve) => {
    page.modelChange.subscribe((now) => {
      if (now && 'share' in now && now.share > 0) resolve();
    });
  });
  const seen = page.ask(async () => ({ ok: true, value: page.network.value }));
  expect(await change).toBe(true);
  expect(await seen).toMatchObject({ value: { file: 'other.safetensors' } });
});

/** `window.gradcam`, with everything down to the engine, in one thread. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { GradcamApi } from '../src/api';
import { openPage, type Page } from './page';
import { otherModel, read } from './threads';

vi.mock('../src/worker/preview', () => ({
  encodePreview: async () => new Blob(),
}));

let page: Page;
let api: GradcamApi;
beforeEach(async () => {
  page = await openPage();
  api = (await import('../src/api')).makeApi();
});
afterEach(() => page.close());

const photo = async (name: string) =>
  new File([await read('web/pictures/square.jpg')], name);

async function model(): Promise<File> {
  const weights = await read('weights/default.safetensors');
  return new File([otherModel(weights)], 'good.safetensors');
}

const noModel = () => new File(['no model'], 'bad.safetensors');

test('each model that is to be used has its own outcome', async () => {
  const { notice } = await import('../src/news');
  const good = await model();
  const outcomes = await Promise.allSettled([
    api.useModel(noModel()),
    api.useModel(good),
  ]);
  expect(outcomes).toMatchObject([
    { status: 'rejected' },
    { status: 'fulfilled' },
  ]);
  expect(page.network.value).toMatchObject({ file: 'good.safetensors' });
  // The page shows one that is at work; what was wrong with the other one is said.
  expect(notice.value?.text).toMatch(/^bad\.safetensors could not be loaded: /);
  notice.value = undefined;

  const others = await Promise.allSettled([
    api.useModel(good),
    api.useModel(noModel()),
  ]);
  expect(others.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(page.network.value).toMatchObject({ file: 'good.safetensors' });
  expect(notice.value).toBeUndefined();
});

test('photos are finished though another model comes in meanwhile', async () => {
  const names = ['a.jpg', 'b.jpg', 'c.jpg'];
  const added = api.addPhotos(await Promise.all(names.map(photo)));
  await api.useModel(await model());
  expect((await added).map((line) => line.photo)).toEqual(names);
});

test('a map that is in the making is waited for', async () => {
  const [line] = await api.addPhotos([await photo('a.jpg')]);
  const { label } = (line as { top: { label: string }[] }).top[1]!;
  await api.setMethod({ method: 'hirescam' });
  const both = [api.explain('a.jpg', label), api.explain('a.jpg', label)];
  const [one, two] = await Promise.all(both);
  expect(one).toMatchObject({ class: label, method: 'hirescam' });
  expect(two).toEqual(one);
  await api.setMethod({ method: 'gradcam' });
});

test('what is left out of how maps are made stays', async () => {
  const { method, layer } = await import('../src/settings');
  await api.setMethod({ method: undefined, layer: 'block4_conv3' });
  expect([method.value, layer.value]).toEqual(['gradcam', 'block4_conv3']);
  await api.setMethod({ layer: 'block5_conv3' });
});

test('without a map there is nothing to look closer at', async () => {
  await api.addPhotos([await photo('a.jpg')]);
  const { photos } = await import('../src/photos/photos');
  photos.value[0]!.maps.value = new Map();
  await expect(api.lookCloser('a.jpg')).rejects.toThrow('not made yet');
});

test('what there is not is refused', async () => {
  await expect(api.setMethod({ method: '' })).rejects.toThrow('no method ""');
  await expect(api.setMethod({ layer: '' })).rejects.toThrow('no layer ""');
});

test('what is looked at anew has a line of its own, or none', async () => {
  await api.addPhotos([await photo('a.jpg')]);
  const changed = api.useModel(await model());
  const closer = await api.lookCloser('a.jpg');
  await changed;
  expect(closer).toMatchObject({ photo: 'a.jpg', method: 'gradcam' });
  const part = { x: 0, y: 0, width: 50, height: 50 };
  const looked = api.look('a.jpg', part);
  api.clear();
  await expect(looked).rejects.toThrow('asked of it meanwhile');
});

test('without a network no model is used', async () => {
  const { network } = await import('../src/backend/network');
  const failure = { code: 'internal', message: 'it broke' } as const;
  network.value = { state: 'failed', failure };
  await expect(api.useModel(await model())).rejects.toThrow('it broke');
});

test('with less memory it is told in what ways the network is run', async () => {
  const algorithms = () =>
    api.about().model!.layers.map(({ algorithm }) => algorithm);
  const before = algorithms();
  const { model } = api.about();
  await api.setLowMemory(true);
  expect(algorithms()).not.toEqual(before);
  expect(api.about().model).toBe(model);
  await api.setLowMemory(false);
  expect(algorithms()).toEqual(before);
});

test('another number of workers leaves it at less memory, even if that is still on its way', async () => {
  const { lowMemory } = await import('../src/settings');
  await Promise.all([api.setLowMemory(true), api.setWorkers(1)]);
  expect(lowMemory.value).toBe(true);
  await api.setLowMemory(false);
});

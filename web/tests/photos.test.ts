/** Photos on the page, with everything down to the engine, in one thread. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Engine } from '../../wasm/engine';
import { openPage, type Page } from './page';
import { read } from './threads';

const encodePreview = vi.hoisted(() => vi.fn());
vi.mock('../src/worker/preview', () => ({ encodePreview }));

let page: Page;
let photos: typeof import('../src/photos/photos');

beforeEach(async () => {
  encodePreview.mockReset().mockImplementation(async () => new Blob());
  page = await openPage();
  photos = await import('../src/photos/photos');
});
afterEach(() => page.close());

const fileOf = async (name: string) =>
  new File([await read(`web/pictures/${name}`)], name);

test('a photo without a preview has failed, and the next one waits for what is under way', async () => {
  const { Engine, EngineError } = await import('../../wasm/engine');
  const { Team } = await import('../src/worker/team');
  const { lookAt } = Team.prototype;
  vi.spyOn(Team.prototype, 'lookAt').mockImplementation(async function (
    this: InstanceType<typeof Team>,
    ...args
  ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return lookAt.apply(this, args);
  });
  const decode = vi.spyOn(Engine.prototype, 'decode');
  const answer = vi.spyOn(Engine.prototype, 'predictions');
  encodePreview.mockRejectedValueOnce(
    new EngineError('out_of_memory', 'no room'),
  );
  encodePreview.mockRejectedValueOnce(new EngineError('internal', 'no canvas'));
  const files = [
    await fileOf('portrait.jpg'),
    await fileOf('landscape.jpg'),
    await fileOf('square.jpg'),
  ];
  await photos.addPhotos({ files, refused: [] });
  expect(photos.photos.value.map(({ state }) => state.value)).toMatchObject([
    { name: 'failed', failure: { code: 'out_of_memory', message: 'no room' } },
    { name: 'failed', failure: { code: 'internal', message: 'no canvas' } },
    { name: 'done' },
  ]);
  const [decoded, answered] = [decode, answer].map(
    ({ mock }) => mock.invocationCallOrder,
  );
  expect(answered).toHaveLength(3);
  answered!.slice(0, 2).forEach((at, i) => {
    expect(at).toBeLessThan(decoded![i + 1]!);
  });
});

test('what the network was shown is kept, and maps are made of that', async () => {
  const { Engine } = await import('../../wasm/engine');
  const { forgetShown } = await import('../src/photos/shown');
  const files = [await fileOf('portrait.jpg'), await fileOf('landscape.jpg')];
  const added = await photos.addPhotos({ files, refused: [] });
  const decode = vi.spyOn(Engine.prototype, 'decode');
  const mapsBy = async (method: string) => {
    await photos.remakeMaps({ method });
    return added.map(({ maps, target }) => maps.value.get(target.value));
  };
  const made = await mapsBy('hirescam');
  expect(decode).not.toHaveBeenCalled();
  added.forEach(({ id }) => forgetShown(id));
  await mapsBy('gradcam');
  expect(decode).toHaveBeenCalledTimes(2);
  expect(made).not.toContain(undefined);
  expect(await mapsBy('hirescam')).toEqual(made);

  // A picture takes all pixels.
  decode.mockClear();
  const { pictureOf } = await import('../src/saving/picture');
  const picture = await pictureOf(added[0]!)?.paint();
  expect(picture?.ok).toBe(true);
  expect(decode).toHaveBeenCalledOnce();
});

test('so is the part of a photo that it was shown last', async () => {
  const { Engine } = await import('../../wasm/engine');
  const { aim } = await import('../src/photos/closer');
  const { forgetShown } = await import('../src/photos/shown');
  const files = [await fileOf('portrait.jpg'), await fileOf('landscape.jpg')];
  const [photo] = await photos.addPhotos({ files, refused: [] });
  await aim(photo!, { x: 40, y: 30, width: 200, height: 200 });
  const mapBy = async (method: string) => {
    await photos.remakeMaps({ method });
    return photo!.maps.value.get(photo!.target.value);
  };
  const decode = vi.spyOn(Engine.prototype, 'decode');
  const made = await mapBy('hirescam');
  expect(decode).not.toHaveBeenCalled();
  await mapBy('gradcam');
  forgetShown(photo!.id);
  expect(await mapBy('hirescam')).toEqual(made);
});

test('of what is not kept the file is read again, and asked for again if it has gone', async () => {
  const { forgetShown } = await import('../src/photos/shown');
  const { measure } = await import('../src/photos/maps');
  const files = [await fileOf('portrait.jpg'), await fileOf('landscape.jpg')];
  const [photo] = await photos.addPhotos({ files, refused: [] });
  forgetShown(photo!.id);
  const read = vi.spyOn(files[0]!, 'arrayBuffer');
  read.mockRejectedValueOnce(new DOMException('moved', 'NotFoundError'));
  const map = photo!.maps.value.get(photo!.target.value)!;
  await measure(photo!, map);
  expect(photo!.measuring.failure).toMatchObject({ code: 'unreadable_file' });
  await measure(photo!, map);
  expect(photo!.measuring.failure).toBeUndefined();
  expect(photo!.trust.value?.map).toBe(map);
});

test('with little memory nothing is kept', async () => {
  const { Engine } = await import('../../wasm/engine');
  const files = [await fileOf('portrait.jpg'), await fileOf('landscape.jpg')];
  await photos.addPhotos({ files: files.slice(0, 1), refused: [] });
  await page.setLowMemory(true);
  await photos.addPhotos({ files: files.slice(1), refused: [] });
  const decode = vi.spyOn(Engine.prototype, 'decode');
  await photos.remakeMaps({ method: 'hirescam' });
  expect(decode).toHaveBeenCalledTimes(2);
});

test('one that was taken off is put back where it was, whatever came meanwhile', async () => {
  const { aside, notice, say } = await import('../src/news');
  const names = ['portrait.jpg', 'landscape.jpg', 'square.jpg'];
  const files = await Promise.all(names.map(fileOf));
  const [, second] = await photos.addPhotos({ files, refused: [] });
  photos.takeOff(second!);
  expect(notice.value?.text).toBe('landscape.jpg was taken off the page.');
  say(''); // as when files are dropped
  say('Something else.');
  expect(aside.value?.text).toBe('Something else.');
  say('');
  expect(aside.value).toBeUndefined();
  await photos.remakeMaps({ method: 'hirescam' });
  notice.value!.offer!.take();
  await vi.waitFor(() =>
    expect(photos.explainLine(second!)).toMatchObject({ method: 'hirescam' }),
  );
  expect(photos.photos.value.map(({ name }) => name)).toEqual(names);
  const dismiss = () => (notice.value = undefined);
  dismiss(); // as when it is taken
  say('Something else.');
  expect(notice.value?.text).toBe('Something else.');
  say('');
  expect(notice.value).toBeUndefined();
  await photos.remakeMaps({ method: 'gradcam' });
});

test('what was taken off one by one comes back together, where it was', async () => {
  const files = await Promise.all(
    ['portrait.jpg', 'landscape.jpg', 'square.jpg'].map(fileOf),
  );
  const all = await photos.addPhotos({ files, refused: [] });
  const { notice } = await import('../src/news');
  photos.takeOff(all[1]!);
  photos.takeOff(all[0]!);
  expect(notice.value?.text).toBe('2 photos were taken off the page.');
  notice.value!.offer!.take();
  expect(photos.photos.value).toEqual(all);
  // What was dismissed is gone.
  photos.takeOff(all[1]!);
  notice.value = undefined;
  photos.takeOff(all[0]!);
  expect(notice.value).toMatchObject({
    text: 'portrait.jpg was taken off the page.',
  });
  notice.value!.offer!.take();
  expect(photos.photos.value).toEqual([all[0], all[2]]);
});

test('what was cleared before other photos came is not put back with them', async () => {
  const files = await Promise.all(['portrait.jpg', 'square.jpg'].map(fileOf));
  const { notice } = await import('../src/news');
  await photos.addPhotos({ files: files.slice(0, 1), refused: [] });
  photos.clearAll();
  const [later] = await photos.addPhotos({
    files: files.slice(1),
    refused: [],
  });
  photos.takeOff(later!);
  expect(notice.value?.text).toBe('square.jpg was taken off the page.');
  notice.value!.offer!.take();
  expect(photos.photos.value).toEqual([later]);
});

test('what was cleared while other photos were on their way can be put back', async () => {
  const files = await Promise.all(['portrait.jpg', 'square.jpg'].map(fileOf));
  const { notice } = await import('../src/news');
  const { takeIn } = await import('../src/take-in');
  const [first] = await photos.addPhotos({
    files: files.slice(0, 1),
    refused: [],
  });
  const coming = takeIn({ files: files.slice(1), refused: [] });
  photos.clearAll();
  await coming;
  notice.value!.offer!.take();
  expect(photos.photos.value.map(({ name }) => name)).toEqual([
    'portrait.jpg',
    'square.jpg',
  ]);
  expect(photos.photos.value).toContain(first);
  notice.value = undefined;
});

test('what is taken off after others came is put back without what went before them', async () => {
  const files = await Promise.all(['portrait.jpg', 'square.jpg'].map(fileOf));
  const { notice } = await import('../src/news');
  const { takeIn } = await import('../src/take-in');
  await photos.addPhotos({ files: files.slice(0, 1), refused: [] });
  const coming = takeIn({ files: files.slice(1), refused: [] });
  photos.clearAll();
  await coming;
  expect(notice.value?.offer).toBeDefined();
  const [later] = photos.photos.value;
  photos.takeOff(later!);
  expect(notice.value?.text).toBe('square.jpg was taken off the page.');
  notice.value!.offer!.take();
  expect(photos.photos.value).toEqual([later]);
  notice.value = undefined;
});

test('what was taken off is not offered for ever', async () => {
  const [portrait, square] = [
    await fileOf('portrait.jpg'),
    await fileOf('square.jpg'),
  ];
  const { notice, say } = await import('../src/news');
  const add = (file: File) => photos.addPhotos({ files: [file], refused: [] });
  await add(portrait);
  const [second] = await add(square);
  photos.takeOff(second!);
  await add(square);
  expect(notice.value?.offer, 'beside others').toBeDefined();
  photos.clearAll();
  await add(square);
  expect(notice.value, 'on a page begun anew').toBeUndefined();
  photos.clearAll();
  await photos.addPhotos({ files: [], refused: [] }); // as when a model is dropped
  await photos.changeModel(async () => false);
  expect(notice.value?.offer, 'where no model came').toBeDefined();
  await photos.changeModel(async () => true);
  expect(notice.value, 'with another model').toBeUndefined();
  say('A box was taken away.', { label: 'Put back', take() {} });
  await add(square);
  expect(notice.value, 'something else').toBeDefined();
  notice.value = undefined;
});

test('one that was taken off before its turn has not failed', async () => {
  const files = await Promise.all(['portrait.jpg', 'square.jpg'].map(fileOf));
  const added = photos.addPhotos({ files, refused: [] });
  const all = [...photos.photos.value];
  photos.removeAll();
  await added;
  expect(all.map(({ state }) => state.value.name)).not.toContain('failed');
});

test('one that was taken off while it was looked at gets no maps', async () => {
  await photos.remakeMaps({ method: 'scorecam', channels: 4 });
  const engine = await import('../../wasm/engine');
  const added = photos.addPhotos({
    files: [await fileOf('square.jpg')],
    refused: [],
  });
  const [photo] = photos.photos.value;
  const run = vi.spyOn(photo!.making, 'run');
  const { predictions } = engine.Engine.prototype;
  const seen = vi.spyOn(engine.Engine.prototype, 'predictions');
  seen.mockImplementationOnce(function (this: Engine) {
    photos.photos.value = []; // before the worker hears of it
    return predictions.call(this);
  });
  await added;
  expect(seen).toHaveBeenCalled();
  expect(run).not.toHaveBeenCalled();
  await photos.remakeMaps({ method: 'gradcam' });
});

test('with the map of another class comes that of the most probable one, if both can be compared', async () => {
  const [photo] = await photos.addPhotos({
    files: [await fileOf('square.jpg')],
    refused: [],
  });
  const { choose } = await import('../src/photos/maps');
  const best = photo!.target.value;
  const other = (best + 1) % 15;
  await choose(photo!, other);
  await photos.remakeMaps({ method: 'xgradcam' });
  expect([...photo!.maps.value.keys()].toSorted()).toEqual(
    [best, other].toSorted(),
  );
  await photos.remakeMaps({ method: 'gradcam' });
});

test('the second map is the first one of its class, too', async () => {
  const [photo] = await photos.addPhotos({
    files: [await fileOf('square.jpg')],
    refused: [],
  });
  const { choose, compare } = await import('../src/photos/maps');
  const best = photo!.target.value;
  const other = (best + 1) % 15;
  photo!.maps.value = new Map();
  await compare(photo!, other, 'gradcam');
  const run = vi.spyOn(photo!.making, 'run');
  await choose(photo!, other);
  expect(run).not.toHaveBeenCalled();
  expect(photo!.maps.value.get(other)).toBe(photo!.rival.value!.map);
});

test('the second map stays while only the first one changes', async () => {
  const files = [await fileOf('square.jpg')];
  const [photo] = await photos.addPhotos({ files, refused: [] });
  const { compare } = await import('../src/photos/maps');
  const { target, rival } = photo!;
  await compare(photo!, target.value, 'layercam');
  const { map } = rival.value!;
  expect(map).toBeDefined();
  await photos.remakeMaps({ method: 'hirescam' });
  expect(rival.value!.map).toBe(map);
  const { layer } = await import('../src/settings');
  const before = layer.value;
  await photos.remakeMaps({ layer: 'block4_conv3' });
  expect(rival.value!.method).toBe('layercam');
  expect(rival.value!.map!.rows).toBe(2 * map!.rows);
  await photos.remakeMaps({ method: 'gradcam', layer: before });
  expect(rival.value!.map!.rows).toBe(map!.rows);
});

test('maps that are there, or in the making, are not begun anew', async () => {
  const files = [await fileOf('square.jpg')];
  const [photo] = await photos.addPhotos({ files, refused: [] });
  const { choose, compare } = await import('../src/photos/maps');
  const { target, making, rival } = photo!;
  await compare(photo!, (target.value + 1) % 15, 'hirescam');
  const { map } = rival.value!;
  expect(map).toBeDefined();
  await photos.explainAnew(photo!);
  expect(rival.value!.map).toBe(map);
  photo!.maps.value = new Map();
  const run = vi.spyOn(making, 'run');
  const first = choose(photo!, target.value);
  await choose(photo!, target.value);
  expect(run).toHaveBeenCalledTimes(1);
  await first;
  expect(photo!.maps.value.has(target.value)).toBe(true);
});

test('where the maps of all classes come together, another class amid that begins nothing anew', async () => {
  const files = [await fileOf('square.jpg')];
  const [photo] = await photos.addPhotos({ files, refused: [] });
  const { choose } = await import('../src/photos/maps');
  const { target, making, maps } = photo!;
  const run = vi.spyOn(making, 'run');
  const remade = photos.remakeMaps({ method: 'scorecam', channels: 4 });
  await vi.waitFor(() => expect(making.isRunning).toBe(true));
  const other = (target.value + 1) % 15;
  await choose(photo!, other);
  expect(run).toHaveBeenCalledOnce();
  expect(target.value).toBe(other);
  expect(maps.value.size).toBe(15);
  await remade;
});

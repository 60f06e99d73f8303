/** What is saved of all photos, with everything down to the engine, in one thread. */

import { strFromU8, unzipSync } from 'fflate';
import { afterEach, expect, test, vi } from 'vitest';
import type { Engine } from '../../wasm/engine';
import { pieceReader } from '../../wasm/pieces';
import { openPage } from './page';
import { otherModel, read } from './threads';

const download = vi.hoisted(() => vi.fn<(blob: Blob, name: string) => void>());
vi.mock('../src/saving/download', () => ({ download }));
vi.mock('../src/worker/preview', () => ({
  encodePreview: async () => new Blob(),
}));

afterEach(() => {
  download.mockClear();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** The zip files: their names, and what is in them. */
function downloaded() {
  return Promise.all(
    download.mock.calls.map(async ([zip, name]) => {
      const bytes = new Uint8Array(await zip.arrayBuffer());
      return [name, unzipSync(bytes)] as const;
    }),
  );
}

test('what no longer fits into a zip file goes into another one', async () => {
  const page = await openPage();
  const photos = await import('../src/photos/photos');
  const { saveAll } = await import('../src/saving/save-all');
  const bytes = await read('web/pictures/portrait.jpg');
  const files = ['a.jpg', 'b.jpg', 'c.jpg'].map(
    (name) => new File([bytes], name),
  );
  await photos.addPhotos({ files, refused: [] });
  await saveAll();
  const [[name, whole] = [], ...more] = await downloaded();
  expect([name, more]).toEqual(['gradcam.zip', []]);
  const pictures = Object.keys(whole!).filter((name) => name.endsWith('.png'));
  expect(pictures.length).toBe(3);
  expect(strFromU8(whole!['results.csv']!).trim().split('\n').length).toBe(4);

  download.mockClear();
  await saveAll(2.5 * whole![pictures[0]!]!.length);
  const parts = await downloaded();
  expect(parts.map(([name]) => name)).toEqual([
    'gradcam-1.zip',
    'gradcam-2.zip',
  ]);
  const names = parts.map(([, entries]) => Object.keys(entries));
  expect(names[0]).toEqual(pictures.slice(0, 2));
  expect(names[1]).toEqual([pictures[2], 'results.csv', 'results.jsonl']);
  photos.removeAll();
  await page.quiet();
});

test('of photos that were answered by two models that is said', async () => {
  const page = await openPage();
  const photos = await import('../src/photos/photos');
  const { notice } = await import('../src/news');
  const { saveAll } = await import('../src/saving/save-all');
  const bytes = await read('web/pictures/portrait.jpg');
  const files = ['a.jpg', 'b.jpg'].map((name) => new File([bytes], name));
  const add = (file: File) => photos.addPhotos({ files: [file], refused: [] });
  await add(files[0]!);
  const other = otherModel(await read('weights/default.safetensors'));
  let goOn = () => {};
  const busy = page.ask(async () => {
    await new Promise<void>((resolve) => (goOn = resolve));
    return { ok: true, value: null };
  });
  const changed = photos.changeModel(async () => {
    const source = pieceReader(new Blob([other]));
    return (await page.loadModel(source, {}, () => {})).ok;
  });
  void add(files[1]!);
  const saved = saveAll();
  await new Promise((resolve) => setTimeout(resolve)); // all of them wait
  goOn();
  await Promise.all([busy, changed, saved]);
  expect(notice.value?.text).toMatch(/^The network, .* was changed/);
  notice.value = undefined;
  await saveAll();
  expect(notice.value).toBeUndefined();
  photos.removeAll();
  await page.quiet();
});

test('one that waited and was put back meanwhile is in the file', async () => {
  const page = await openPage();
  const photos = await import('../src/photos/photos');
  const { notice } = await import('../src/news');
  const { saveAll } = await import('../src/saving/save-all');
  const bytes = await read('web/pictures/portrait.jpg');
  const files = ['a.jpg', 'b.jpg'].map((name) => new File([bytes], name));
  let goOn = () => {};
  const busy = page.ask(async () => {
    await new Promise<void>((resolve) => (goOn = resolve));
    return { ok: true, value: null };
  });
  const added = photos.addPhotos({ files, refused: [] });
  const saved = saveAll();
  photos.takeOff(photos.photos.value[0]!);
  await new Promise((resolve) => setTimeout(resolve));
  notice.value!.offer!.take();
  notice.value = undefined;
  goOn();
  await Promise.all([busy, added, saved]);
  const [, entries] = (await downloaded()).at(-1)!;
  const lines = strFromU8(entries['results.jsonl']!).trim().split('\n');
  const names = lines.map((line) => JSON.parse(line).photo);
  expect(names.toSorted()).toEqual(['a.jpg', 'b.jpg']);
  photos.removeAll();
  await page.quiet();
});

test('one that is taken off while its map is made is not in the file', async () => {
  const page = await openPage();
  const photos = await import('../src/photos/photos');
  const { saveAll } = await import('../src/saving/save-all');
  const bytes = await read('web/pictures/portrait.jpg');
  const files = ['a.jpg', 'b.jpg'].map((name) => new File([bytes], name));
  const [first] = await photos.addPhotos({ files, refused: [] });
  const remade = photos.remakeMaps({ method: 'scorecam', channels: 4 });
  const saved = saveAll();
  photos.takeOff(first!);
  await Promise.all([remade, saved]);
  const [, entries] = (await downloaded()).at(-1)!;
  expect(Object.keys(entries).toSorted()).toEqual([
    expect.stringMatching(/^b\..*\.png$/),
    'results.csv',
    'results.jsonl',
  ]);
  const line = JSON.parse(strFromU8(entries['results.jsonl']!));
  expect(line.photo).toBe('b.jpg');
  expect(strFromU8(entries['results.csv']!)).not.toContain('a.jpg');
  photos.removeAll();
  await photos.remakeMaps({ method: 'gradcam' });
  await page.quiet();
});

test('what is changed while pictures are painted is not in the file', async () => {
  const page = await openPage();
  const photos = await import('../src/photos/photos');
  const settings = await import('../src/settings');
  const { choose } = await import('../src/photos/maps');
  const { saveAll } = await import('../src/saving/save-all');
  const { Engine } = await import('../../wasm/engine');
  const bytes = await read('web/pictures/portrait.jpg');
  const files = ['first.jpg', 'second.jpg'].map(
    (name) => new File([bytes], name),
  );
  const [first, second] = await photos.addPhotos({ files, refused: [] });
  const { overlayPng } = Engine.prototype;
  vi.spyOn(Engine.prototype, 'overlayPng').mockImplementationOnce(function (
    this: Engine,
    ...args
  ) {
    for (const photo of [first!, second!]) {
      const others = [...photo.maps.value.keys()];
      void choose(
        photo,
        others.find((each) => each !== photo.target.value)!,
      );
    }
    settings.opacity.value = 1;
    return overlayPng.apply(this, args);
  });
  await saveAll();
  const [, entries] = (await downloaded()).at(-1)!;
  const lines = strFromU8(entries['results.jsonl']!).trim().split('\n');
  const [one, two] = lines.map((line) => JSON.parse(line).class);
  expect(one).toBe(two);
  const pictures = [`first.${one}.png`, `second.${one}.png`];
  expect(Object.keys(entries).slice(0, 2)).toEqual(pictures);
  // The photos are the same, and so is how they were painted.
  expect(entries[pictures[1]!]).toEqual(entries[pictures[0]!]);
  photos.removeAll();
  await page.quiet();
});

/** What is saved of all photos, with everything down to the engine, in one thread. */

import { strFromU8, unzipSync } from 'fflate';
import { afterEach, expect, test, vi } from 'vitest';
import type { Engine } from '../../wasm/engine';
import { openPage } from './page';
import { read } from './threads';

const download = vi.hoisted(() => vi.fn<(blob: Blob, name: string) => void>());
vi.mock('../src/download', async (original) => ({
  ...(await original<typeof import('../src/download')>()),
  download,
}));
vi.mock('../src/photo-io', async (original) => ({
  ...(await original<typeof import('../src/photo-io')>()),
  encodePreview: async () => new Blob(),
}));

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test('the picture, the row and the line of a photo are of one class', async () => {
  const page = await openPage();
  const photos = await import('../src/photos');
  const { choose } = await import('../src/maps');
  const { saveAll } = await import('../src/save-all');
  const { Engine } = await import('../../wasm/engine');
  const bytes = await read('web/pictures/portrait.jpg');
  const files = [new File([bytes], 'portrait.jpg')];
  const [photo] = await photos.addPhotos({ files, refused: [] });
  const { overlayPng } = Engine.prototype;
  vi.spyOn(Engine.prototype, 'overlayPng').mockImplementationOnce(function (
    this: Engine,
    ...args
  ) {
    const others = [...photo!.maps.value.keys()];
    void choose(
      photo!,
      others.find((each) => each !== photo!.target.value)!,
    );
    return overlayPng.apply(this, args);
  });
  await saveAll();
  const [zip] = download.mock.calls.at(-1)!;
  const entries = unzipSync(new Uint8Array(await zip.arrayBuffer()));
  const line = JSON.parse(strFromU8(entries['results.jsonl']!));
  expect(Object.keys(entries)).toContain(`portrait.${line.class}.png`);
  photos.removeAll();
  await page.quiet();
});

/** Photos on the page, with everything down to the engine, in one thread. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openPage, type Page } from './page';
import { read } from './threads';

const encodePreview = vi.hoisted(() => vi.fn());
vi.mock('../src/photo-io', async (original) => ({
  ...(await original<typeof import('../src/photo-io')>()),
  encodePreview,
}));

let page: Page;
let photos: typeof import('../src/photos');

beforeEach(async () => {
  encodePreview.mockReset().mockImplementation(async () => new Blob());
  page = await openPage();
  photos = await import('../src/photos');
});
afterEach(async () => {
  photos.removeAll();
  await page.quiet();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

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
  vi.spyOn(Engine.prototype, 'preview').mockImplementationOnce(() => {
    throw new EngineError('out_of_memory', 'no room');
  });
  encodePreview.mockRejectedValueOnce(new RangeError('no canvas'));
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

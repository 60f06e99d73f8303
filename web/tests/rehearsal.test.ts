/** What the page does for its first photo, with everything down to the engine, in one thread. */

import {
  afterEach,
  beforeEach,
  expect,
  test,
  vi,
  type MockInstance,
} from 'vitest';
import type { Engine } from '../../wasm/engine';
import { openPage, type Page } from './page';
import { read } from './threads';

const photo = async () =>
  new File([await read('web/pictures/portrait.jpg')], 'portrait.jpg');
vi.mock('../src/photos/samples', () => ({ samples: () => samples }));
vi.mock('../src/worker/preview', () => ({
  encodePreview: async () => new Blob(),
}));

let samples: File[];
let page: Page;
let photos: typeof import('../src/photos/photos');
let rehearse: () => Promise<void>;
/** How often the engine began to classify, and got as far as to say something. */
let begun: MockInstance<Engine['beginForward']>;
let seen: MockInstance<Engine['predictions']>;

beforeEach(async () => {
  page = await openPage();
  samples = [await photo()];
  photos = await import('../src/photos/photos');
  ({ rehearse } = await import('../src/photos/rehearsal'));
  const { Engine } = await import('../../wasm/engine');
  begun = vi.spyOn(Engine.prototype, 'beginForward');
  seen = vi.spyOn(Engine.prototype, 'predictions');
});
afterEach(() => page.close());

test('looks at a photo of its own, of which nothing is to be seen', async () => {
  await rehearse();
  expect(seen).toHaveBeenCalledTimes(2);
  expect(photos.photos.value).toEqual([]);
  expect(page.network.value.state).toBe('ready');
});

test('is not for a page that has photos', async () => {
  await photos.addPhotos({ files: [await photo()], refused: [] });
  await rehearse();
  expect(seen).toHaveBeenCalledTimes(1);
});

test('makes room for the first photo', async () => {
  const { Engine } = await import('../../wasm/engine');
  const step = vi.spyOn(Engine.prototype, 'step');
  let added: Promise<unknown> | undefined;
  const files = [await photo()];
  step.mockImplementationOnce(function (this: Engine) {
    added = photos.addPhotos({ files, refused: [] });
    step.mockRestore();
    this.step();
  });
  await rehearse();
  await added;
  expect(photos.photos.value[0]!.state.value.name).toBe('done');
  expect(begun).toHaveBeenCalledTimes(2);
  expect(seen).toHaveBeenCalledTimes(1);
});

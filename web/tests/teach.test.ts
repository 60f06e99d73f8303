/** Boxes of photos and lessons, with everything from the page to the engine, in one thread. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openPage, type Page } from './page';
import { read, readerOf } from './threads';

const photo = async (name: string) =>
  new File([await read(`tests/browser/photos/${name}`)], name);

let page: Page;
beforeEach(async () => {
  page = await openPage();
  const [mine, other] = page.boxes.value;
  await page.putIn(mine!, [
    await photo('landscape.jpg'),
    await photo('portrait.jpg'),
  ]);
  await page.putIn(other!, [
    await photo('square.jpg'),
    await photo('lossless.png'),
  ]);
});
afterEach(() => vi.unstubAllGlobals());

const counts = () => page.boxes.value.map(({ photos }) => photos.value.length);

/** A model of other weights. */
async function otherModel(): Promise<Uint8Array<ArrayBuffer>> {
  const weights = await read('weights/default.safetensors');
  const view = new DataView(weights.buffer);
  const begin = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(
    new TextDecoder().decode(weights.subarray(8, begin)),
  );
  weights[begin + header['fc2.weight'].data_offsets[0]]! ^= 1;
  return weights;
}

test('a lesson ends when another model comes in, and can be given again', async () => {
  const model = new File([await otherModel()], 'other.safetensors');
  const lesson = page.teach();
  expect(page.isTeaching.value).toBe(true);
  expect(await page.useFile(model, false)).toBe(true);
  await lesson;
  expect(page.lesson.value).toEqual({
    state: 'failed',
    reason:
      'The model was changed while it was being taught; train again to teach the present one.',
  });
  expect(counts()).toEqual([2, 2]);
  expect(page.isTeaching.value).toBe(false);
  await page.teach();
  expect(page.lesson.value.state).toBe('taught');
  expect(page.network.value).toMatchObject({ hasHead: true });
});

test('a model that comes in between looking and training ends the lesson, too', async () => {
  await page.teach();
  expect(await page.dropHead()).toBe(true);
  // All photos have been looked at: only the training is asked for.
  const change = page.loadModel(readerOf(await otherModel()), () => {});
  await Promise.all([change, page.teach()]);
  expect(page.lesson.value).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/^The model was changed/),
  });
});

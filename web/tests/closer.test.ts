/** Showing the network a part of a photo, with everything down to the engine, in one thread. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Photo } from '../src/photos/photo';
import { openPage, type Page } from './page';
import { read } from './threads';

vi.mock('../src/worker/preview', () => ({
  encodePreview: async () => new Blob(),
}));

let page: Page;
let photos: typeof import('../src/photos/photos');
let closer: typeof import('../src/photos/closer');
let file: File;
let photo: Photo;

beforeEach(async () => {
  page = await openPage();
  photos = await import('../src/photos/photos');
  closer = await import('../src/photos/closer');
  file = new File([await read('web/pictures/portrait.jpg')], 'portrait.jpg');
  const [added] = await photos.addPhotos({ files: [file], refused: [] });
  photo = added!;
});
afterEach(() => page.close());

const PART = { x: 0, y: 0, width: 100, height: 100 };

async function mapBy(method: string) {
  await photos.remakeMaps({ method });
  return photo.maps.value.get(photo.target.value);
}

function seen() {
  const { value } = photo.state;
  return value.name === 'done' ? value.result.crop : undefined;
}

test('after a look that failed, maps are of what the answer on the page is about', async () => {
  const { Engine, EngineError } = await import('../../wasm/engine');
  const expected = await mapBy('hirescam');
  await mapBy('gradcam');
  vi.spyOn(Engine.prototype, 'beginForward').mockImplementationOnce(() => {
    throw new EngineError('out_of_memory', 'no room');
  });
  await closer.aim(photo, PART);
  expect(photo.trouble.value?.failure.code).toBe('out_of_memory');
  expect(photo.crop.value).toBe(undefined);
  expect(await mapBy('hirescam')).toEqual(expected);
});

test('the part that is shown already is not looked at again', async () => {
  const { Team } = await import('../src/worker/team');
  await closer.aim(photo, PART);
  const { value: map } = photo.maps;
  const looking = vi.spyOn(Team.prototype, 'lookAt');
  await closer.aim(photo, { ...PART });
  expect(looking).not.toHaveBeenCalled();
  expect(photo.maps.value).toBe(map);
  await closer.aim(photo, undefined);
  expect(looking).toHaveBeenCalledOnce();
});

test('so are those of a photo that was taken off the page amid a look, and put back', async () => {
  const { Team } = await import('../src/worker/team');
  const { notice } = await import('../src/news');
  const expected = await mapBy('hirescam');
  await mapBy('gradcam');
  const usual = seen();
  const { lookAt } = Team.prototype;
  const looking = vi.spyOn(Team.prototype, 'lookAt');
  looking.mockImplementationOnce(async function (
    this: InstanceType<typeof Team>,
    ...args
  ) {
    photos.clearAll();
    return lookAt.apply(this, args);
  });
  await closer.aim(photo, PART);
  expect(looking).toHaveBeenCalledOnce();
  notice.value!.offer!.take();
  await page.quiet();
  expect(photo.crop.value).toBe(undefined);
  expect(seen()).toEqual(usual);
  expect(await mapBy('hirescam')).toEqual(expected);
});

test('looking closer amid a look is of what the network sees then', async () => {
  await closer.aim(photo, PART);
  const { value: square } = photo.crop;
  const wider = closer.aim(photo, undefined);
  expect(closer.isAiming(photo)).toBe(true);
  await closer.lookCloser(photo);
  await wider;
  expect(closer.isAiming(photo)).toBe(false);
  const { value: within } = photo.crop;
  await closer.aim(photo, undefined);
  await closer.lookCloser(photo);
  expect(within).toEqual(photo.crop.value);
  expect(within).not.toEqual(square);
});

test('looking closer twice is looking closer once', async () => {
  const { Engine } = await import('../../wasm/engine');
  const found = vi.spyOn(Engine.prototype, 'closer');
  const first = closer.lookCloser(photo);
  expect(closer.isAiming(photo)).toBe(true);
  await closer.lookCloser(photo);
  expect(photo.crop.value).toBeDefined();
  await first;
  expect(seen()).toEqual(photo.crop.value);
  expect(found).toHaveBeenCalledOnce();
  expect(closer.isAiming(photo)).toBe(false);
});

test('looking closer does not wait for what it ends', async () => {
  const { compare } = await import('../src/photos/maps');
  const second = compare(photo, photo.target.value, 'layercam');
  expect(photo.makingRival.state.value).toBe('waiting');
  const looking = closer.lookCloser(photo);
  expect(photo.makingRival.state.value).toBe('idle');
  await Promise.all([looking, second]);
  expect(photo.crop.value).toEqual(seen());
  expect(photo.rival.value?.map).toBeDefined(); // made anew, of what is shown
});

test('all that is being made is stopped, and can be gone on with', async () => {
  const { compare } = await import('../src/photos/maps');
  photo.rival.value = {
    target: photo.target.value,
    method: 'scorecam',
    map: undefined,
  };
  const making = photos.remakeMaps({ method: 'occlusion' });
  expect(photo.making.state.value).toBe('waiting');
  photos.stopMaps();
  await making;
  await page.quiet();
  expect(photo.making.state.value).toBe('stopped');
  expect(photo.makingRival.state.value).toBe('stopped');
  await compare(photo, photo.target.value, 'hirescam');
  expect(photo.rival.value?.map).toBeDefined();
  await photos.remakeMaps({ method: 'gradcam' });
});

test('a second map is stopped with the first, which it waits for, and not made in vain', async () => {
  const { compare, stopComparing } = await import('../src/photos/maps');
  const rival = compare(photo, photo.target.value, 'occlusion');
  expect(photo.makingRival.state.value).toBe('waiting');
  const remade = photos.remakeMaps({ method: 'scorecam' });
  expect(photo.makingRival.state.value).toBe('idle');
  photo.making.stop();
  await Promise.all([rival, remade]);
  expect(photo.making.state.value).toBe('stopped');
  expect(photo.makingRival.state.value).toBe('stopped');
  stopComparing(photo);
  await photos.remakeMaps({ method: 'gradcam' });
});

test('what a look has ended goes on, though it failed', async () => {
  await closer.aim(photo, PART);
  // Then the engine does not hold the photo as a whole.
  await photos.addPhotos({ files: [new File([file], 'b.jpg')], refused: [] });
  const gone = new DOMException('moved', 'NotFoundError');
  vi.spyOn(file, 'arrayBuffer').mockRejectedValue(gone);
  const remade = photos.remakeMaps({ method: 'hirescam' });
  await closer.aim(photo, undefined);
  expect(photo.trouble.value?.failure.code).toBe('unreadable_file');
  await remade;
  expect(photo.maps.value.has(photo.target.value)).toBe(true);
});

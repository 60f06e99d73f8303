/** Photos that helpers prepare and paint, with everything from the page to the engine, in one thread. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Engine } from '../../wasm/engine';
import { outcomeOf } from '../src/shared/outcome';
import { SideEngine } from '../src/worker/side-engine';
import { openPage, type Page } from './page';
import { compileEngine, read } from './threads';

/** Stand-ins for helpers, which do nothing else here. */
const { helpers } = vi.hoisted(() => ({ helpers: [] as unknown[] }));

vi.mock('../src/backend/hiring', async (original) => {
  const actual = await original<typeof import('../src/backend/hiring')>();
  return Object.create(actual, { helpers: { get: () => helpers } });
});
vi.mock('../src/worker/preview', () => ({
  encodePreview: async (engine: Engine) =>
    new Blob([engine.preview(1280).data]),
}));

const prepare = vi.fn<SideEngine['prepare']>();
const paint = vi.fn<SideEngine['paint']>();
const api = {
  paint: (...args: Parameters<SideEngine['paint']>) =>
    outcomeOf(() => paint(...args)),
  prepare: (...args: Parameters<SideEngine['prepare']>) =>
    outcomeOf(() => prepare(...args)),
};
const helper = {
  ask: (request: (worker: typeof api) => unknown) => request(api),
};

let page: Page;
let photos: typeof import('../src/photos/photos');
/** The sizes of the files that were prepared. */
let asked: number[];

beforeEach(async () => {
  const side = new SideEngine(await compileEngine());
  asked = [];
  prepare.mockReset();
  prepare.mockImplementation((bytes, ...how) => {
    asked.push(bytes.byteLength);
    return side.prepare(bytes, ...how);
  });
  paint.mockReset();
  paint.mockImplementation((...how) => side.paint(...how));
  helpers.splice(0, Infinity, helper);
  page = await openPage();
  photos = await import('../src/photos/photos');
});
afterEach(() => page.close());

const NAMES = ['portrait.jpg', 'landscape.jpg', 'lossless.png'];
const filesOf = (names: readonly string[]) =>
  Promise.all(
    names.map(
      async (name) => new File([await read(`web/pictures/${name}`)], name),
    ),
  );
const sizes = (files: readonly File[]) => files.map(({ size }) => size);

/** What the page says of the photos on it, but for the time that it took. */
async function answers() {
  return Promise.all(
    photos.photos.value.map(async ({ state: { value }, maps }) => {
      if (value.name !== 'done') return value;
      const { milliseconds, preview, ...result } = value.result;
      // As a text, because arrays that large take long to be compared.
      const pixels = Buffer.from(await preview.arrayBuffer()).toString('hex');
      return { ...result, pixels, maps: [...maps.value] };
    }),
  );
}

async function answersTo(files: File[]) {
  photos.removeAll();
  await photos.addPhotos({ files, refused: [] });
  return answers();
}

/** What it says without helpers. */
function aloneTo(files: File[]) {
  helpers.splice(0);
  return answersTo(files);
}

test('a prepared photo is answered like one that the first worker decodes', async () => {
  const files = await filesOf(NAMES);
  const found = await answersTo(files);
  // While the first worker had the one before; the last one had none to wait for.
  expect(asked).toEqual(sizes([files[1]!]));
  expect(found).toEqual(await aloneTo(files));
});

test('each helper prepares one photo, and not too many do', async () => {
  const five = Array.from({ length: 5 }, () => ({ ...helper }));
  helpers.splice(0, Infinity, ...five);
  const files = await filesOf([...NAMES, ...NAMES]);
  const found = await answersTo(files);
  const [, second, third, fourth, , last] = files;
  expect(asked).toEqual(sizes([second!, third!, fourth!, last!]));
  expect(found.slice(3)).toEqual(found.slice(0, 3));
});

test('what goes wrong at preparing is for the first worker to do', async () => {
  const [good, other] = await filesOf(NAMES);
  const broken = new File(['This is no picture.'], 'notes.jpg');
  const found = await answersTo([good!, broken, other!]);
  expect(asked).toEqual(sizes([broken, other!]));
  expect(found[1]).toMatchObject({
    name: 'failed',
    failure: { code: 'unsupported_format' },
  });
  prepare.mockRejectedValue(new RangeError('out of memory'));
  expect(await answersTo([good!, other!])).toEqual([found[0], found[2]]);
});

test('what was prepared for another model is not used', async () => {
  const files = await filesOf(NAMES);
  prepare.mockImplementationOnce(async () => {
    const { value } = page.network;
    if (value.state !== 'ready') throw new Error('there is no model');
    const preprocess = { ...value.model.preprocess };
    page.network.value = { ...value, model: { ...value.model, preprocess } };
    const crop = { x: 0, y: 0, width: 1, height: 1 };
    const info = { width: 1, height: 1, format: 'png', crop, milliseconds: 0 };
    return { info, views: new Float32Array(224 * 224 * 3) };
  });
  const found = await answersTo(files);
  expect(prepare).toHaveBeenCalled();
  expect(found).toEqual(await aloneTo(files));
});

test('a file that was prepared as a whole is decoded for a part of it', async () => {
  const [first, file] = await filesOf(NAMES);
  await answersTo([first!, file!, file!]);
  const part = { x: 20, y: 20, width: 100, height: 100 };
  photos.photos.value[1]!.crop.value = part;
  await photos.changeModel(async () => true);
  const [, one, two] = await answers();
  expect(one).toMatchObject({ crop: part });
  expect(two).toHaveProperty('crop');
});

test('a part of a photo that someone chose is not prepared', async () => {
  const files = await filesOf(NAMES);
  await answersTo(files);
  asked = [];
  const part = { x: 20, y: 20, width: 100, height: 100 };
  photos.photos.value[1]!.crop.value = part;
  await photos.changeModel(async () => true);
  expect(asked).toEqual(sizes([files[2]!]));
  expect((await answers())[1]).toMatchObject({ crop: part });
});

test('a lesson is the same with photos that were prepared', async () => {
  const lesson = async () => {
    const [mine, other] = page.boxes.value;
    const [a, b, c, d] = await filesOf([...NAMES, 'square.jpg']);
    for (const box of [mine!, other!]) box.photos.value = [];
    await page.putIn(mine!, [a!, b!]);
    await page.putIn(other!, [c!, d!]);
    await page.teach();
    const { value } = page.lesson;
    if (value.state !== 'taught') throw new Error(value.state);
    expect(await page.dropHead()).toBe(true);
    return { head: value.head, files: [a!, b!, c!, d!] };
  };
  const { head, files } = await lesson();
  expect(asked).toEqual(sizes([files[1]!, files[3]!]));
  helpers.splice(0);
  expect((await lesson()).head).toEqual(head);
});

test('of several pictures a helper paints some', async () => {
  const { pictureOf } = await import('../src/saving/picture');
  const pictures = () =>
    Promise.all(photos.photos.value.map((each) => pictureOf(each)?.paint()));
  await answersTo(await filesOf(NAMES));
  const found = await pictures();
  expect(found.map((each) => each?.ok)).toEqual([true, true, true]);
  // One at a time, while the first worker has another one.
  expect(paint).toHaveBeenCalledOnce();
  const one = await pictureOf(photos.photos.value[1]!)?.paint();
  expect(paint).toHaveBeenCalledOnce();
  expect(one).toEqual(found[1]);
  paint.mockRejectedValue(new RangeError('out of memory'));
  expect(await pictures()).toEqual(found);
  expect(paint).toHaveBeenCalledTimes(2);
  helpers.splice(0);
  expect(await pictures()).toEqual(found);
});

test('memory that no photo needs any more is given back', async () => {
  vi.useFakeTimers();
  const { Engine, EngineError } = await import('../../wasm/engine');
  const made = vi.spyOn(Engine, 'create');
  try {
    const { SideEngine } = await import('../src/worker/side-engine');
    const side = new SideEngine(await compileEngine());
    const { value } = page.network;
    if (value.state !== 'ready') throw new Error('there is no model');
    const { preprocess } = value.model;
    const prepareOne = async (name: string) => {
      const bytes = await read(`web/pictures/${name}`);
      return side.prepare(bytes.buffer, preprocess, 1, false);
    };
    await prepareOne('portrait.jpg');
    vi.advanceTimersByTime(2000);
    await prepareOne('portrait.jpg');
    vi.advanceTimersByTime(2000);
    await prepareOne('portrait.jpg');
    expect(made).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(4000);
    await prepareOne('portrait.jpg');
    expect(made).toHaveBeenCalledTimes(2);
    // One that refused a file goes on; after a crash, which may be for lack of memory, there is a
    // new one, too.
    await expect(prepareOne('make_pictures.py')).rejects.toThrow();
    await prepareOne('portrait.jpg');
    expect(made).toHaveBeenCalledTimes(2);
    const crash = vi.spyOn(Engine.prototype, 'decode');
    crash.mockImplementationOnce(() => {
      throw new WebAssembly.RuntimeError('unreachable');
    });
    await expect(prepareOne('portrait.jpg')).rejects.toThrow('unreachable');
    await prepareOne('portrait.jpg');
    expect(made).toHaveBeenCalledTimes(3);
    // As after one that could not be made.
    vi.advanceTimersByTime(4000);
    made.mockRejectedValueOnce(new EngineError('out_of_memory', 'no room'));
    await expect(prepareOne('portrait.jpg')).rejects.toThrow('no room');
    await prepareOne('portrait.jpg');
    expect(made).toHaveBeenCalledTimes(5);
    // Of two at once the last one to end decides when.
    const slow = prepareOne('portrait.jpg');
    await prepareOne('portrait.jpg');
    await slow;
    expect(vi.getTimerCount()).toBe(1);
  } finally {
    vi.useRealTimers();
    made.mockRestore();
  }
});

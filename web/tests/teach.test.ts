/** Boxes of photos and lessons, with everything from the page to the engine, in one thread. */

import { unzipSync } from 'fflate';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openPage, type Page } from './page';
import { otherModel, read, readerOf } from './threads';

vi.mock('../src/saving/download', () => ({ download: vi.fn() }));
vi.mock('../src/camera', () => ({
  isSnapshot: ({ name }: File) => name.startsWith('camera'),
}));

const photo = async (name: string) =>
  new File([await read(`web/pictures/${name}`)], name);

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

/** What begins like a photo. */
const drawnBytes = (name: string) =>
  new Blob([Uint8Array.of(0xff, 0xd8, 0xff), name]);
const drawn = (name: string) => new File([drawnBytes(name)], name);

const counts = () => page.boxes.value.map(({ photos }) => photos.value.length);

test('what was taught is known', async () => {
  await page.teach();
  const labels = page.boxes.value.map(({ name }) => name.value);
  expect(page.network.value).toMatchObject({ model: { labels } });
  for (const [i, name] of ['portrait.jpg', 'square.jpg'].entries()) {
    const file = await photo(name);
    const answer = await page.ask(async (worker) => {
      const held = await page.hold(worker, { id: i + 1, file }, undefined, () =>
        worker.look({}),
      );
      return held.ok ? held.value.asked : held;
    });
    const best = answer.ok ? answer.value.predictions[0] : undefined;
    expect(best?.label).toBe(labels[i]);
    expect(best?.probability).toBeGreaterThan(0.6); // two photos each make it sure of little
  }
});

test('a lesson ends when another model comes in, and can be given again', async () => {
  const model = new File(
    [otherModel(await read('weights/default.safetensors'))],
    'other.safetensors',
  );
  const lesson = page.teach();
  expect(page.isTeaching.value).toBe(true);
  expect(await page.useFile(model, { keeps: false })).toBe(true);
  await lesson;
  expect(page.lesson.value).toEqual({
    state: 'failed',
    reason:
      'The model was changed while it was being taught; train again to teach the present one.',
  });
  expect(counts()).toEqual([2, 2]);
  expect(page.isTeaching.value).toBe(false);
  await page.teach();
  const taught = page.lesson.value;
  if (taught.state !== 'taught') throw new Error(taught.state);
  expect(page.network.value).toMatchObject({ head: taught.head });
  expect(page.isOfBoxes(taught)).toBe(true);
  const [box] = page.boxes.value;
  const { value: name } = box!.name;
  box!.name.value = 'Another';
  expect(page.isOfBoxes(taught)).toBe(false);
  box!.name.value = name;
  page.takeOut(box!, box!.photos.value[0]!);
  expect(page.isOfBoxes(taught)).toBe(false);
});

test('a model that comes in between looking and training ends the lesson, too', async () => {
  await page.teach();
  expect(await page.dropHead()).toBe(true);
  // All photos have been looked at: only the training is asked for.
  const change = page.loadModel(
    readerOf(otherModel(await read('weights/default.safetensors'))),
    {},
    () => {},
  );
  await Promise.all([change, page.teach()]);
  expect(page.lesson.value).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/^The model was changed/),
  });
});

test('a photo is taken out of its box for its own faults only', async () => {
  const [, box] = page.boxes.value;
  const bytes = await read('web/pictures/landscape.jpg');
  const cut = new File([bytes.subarray(0, 5000)], 'cut.jpg');
  await page.putIn(box!, [cut]);
  const { Engine, EngineError } = await import('../../wasm/engine');
  for (const [error, reason] of [
    [new RangeError('unreachable'), /^It stopped at landscape.jpg: .*anew/],
    [new EngineError('out_of_memory', 'no room'), /landscape.jpg: no room\./],
    // As of a model file that is read for each photo.
    [new EngineError('unreadable_file', 'moved'), /landscape.jpg: moved\./],
  ] as const) {
    const spy = vi.spyOn(Engine.prototype, 'features');
    spy.mockImplementationOnce(() => {
      throw error;
    });
    await page.teach();
    expect(page.lesson.value).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(reason),
    });
    expect(counts()).toEqual([2, 3]);
    expect(page.remarks.value).toEqual([]);
  }
  await page.teach();
  expect(page.lesson.value.state).toBe('taught');
  expect(counts()).toEqual([2, 2]);
  expect(page.remarks.value).toEqual([
    expect.stringMatching(/^cut.jpg is skipped: .*end early/),
  ]);
});

test('two quick drops of the same photo put it into one box', async () => {
  const [mine, other] = page.boxes.value;
  const one = drawn('drawn.jpg');
  const same = drawn('drawn.jpg');
  await Promise.all([page.putIn(mine!, [one]), page.putIn(other!, [same])]);
  expect(counts()).toEqual([3, 2]);
  expect(page.remarks.value).toEqual([
    `drawn.jpg is left out of "The neighbour’s": the same photo is in "My dog".`,
  ]);
});

test('photos that are left out for one reason are told of at once', async () => {
  const names = ['landscape.jpg', 'portrait.jpg', 'square.jpg'];
  const files = await Promise.all(names.map(photo));
  await page.putIn(page.boxes.value[0]!, files);
  expect(page.remarks.value).toEqual([
    'landscape.jpg and 1 more are left out of "My dog": the same photo is in "My dog".',
    'square.jpg is left out of "My dog": the same photo is in "The neighbour’s".',
  ]);
});

test('boxes whose names look the same teach nothing', () => {
  const of = (...names: string[]) =>
    page.obstacle(names.map((name) => ({ name, photos: 2 })));
  expect(of('rex', 'Luna')).toBeUndefined();
  expect(of('rex', 'Rex ')).toBe('Two boxes are named "Rex".');
  expect(of('old_dog', 'Old dog')).toMatch(/^Two boxes/);
  expect(of('rex', 'Lu\u0085na')).toMatch(/^The name "Lu.*cannot be shown/);
});

test('a box that was taken away can be put back', async () => {
  const { notice } = await import('../src/news');
  const before = page.boxes.value;
  page.removeBox(before[0]!);
  expect(page.boxes.value).toEqual([before[1]]);
  notice.value!.offer!.take();
  expect(page.boxes.value).toEqual(before);
});

test('a box that was taken away has what was on its way into it when it is back', async () => {
  const { notice } = await import('../src/news');
  page.addBox();
  const box = page.boxes.value.at(-1)!;
  const putting = page.putInPicture(box, Promise.resolve(drawn('camera.jpg')));
  page.removeBox(box);
  await putting;
  expect(notice.value!.offer!.take()).toBe(page.boxIdOf(box));
  expect(page.boxes.value.at(-1)).toBe(box);
  expect(box.photos.value.map(({ name }) => name)).toEqual(['camera.jpg']);

  await page.putInPicture(box, Promise.resolve(undefined));
  expect(box.photos.value.length).toBe(1);
});

test('a photo is put back with its box', async () => {
  const { notice } = await import('../src/news');
  page.addBox();
  page.addBox();
  const { value: before } = page.boxes;
  const third = before[2]!;
  const file = drawn('d');
  third.photos.value = [file];
  page.takeOut(third, file);
  page.removeBox(third);
  notice.value!.offer!.take();
  await vi.waitFor(() => expect(third.photos.value).toEqual([file]));
  expect(page.boxes.value).toEqual(before);
});

test('what was taken away in a row is put back at once', async () => {
  const { notice } = await import('../src/news');
  const before = page.boxes.value;
  const [mine, other] = before;
  const files = [...mine!.photos.value];
  for (const file of files) page.takeOut(mine!, file);
  expect(notice.value!.text).toBe('2 photos were taken away.');
  page.removeBox(other!);
  expect(notice.value!.text).toBe('2 photos and a box were taken away.');
  notice.value!.offer!.take();
  expect(page.boxes.value).toEqual(before);
  await vi.waitFor(() => expect(mine!.photos.value).toEqual(files));
  expect(counts()).toEqual([2, 2]);

  // A photo goes back to its place.
  page.takeOut(mine!, files[0]!);
  notice.value!.offer!.take();
  await vi.waitFor(() => expect(mine!.photos.value).toEqual(files));

  // What comes in between is not what one wants to have gone on with.
  page.takeOut(mine!, files[0]!);
  await page.putIn(mine!, [drawn('drawn.jpg')]);
  page.takeOut(mine!, files[1]!);
  expect(notice.value!.text).toBe('portrait.jpg was taken out of "My dog".');
});

test('a box that is put back during the lesson is no part of it', async () => {
  const { notice } = await import('../src/news');
  page.addBox();
  const third = page.boxes.value[2]!;
  third.photos.value = [new File(['d'], 'd')]; // with which no lesson would begin
  page.removeBox(third);
  const lesson = page.teach();
  notice.value!.offer!.take();
  expect(page.boxes.value).toContain(third);
  await lesson;
  const labels = page.boxes.value.slice(0, 2).map(({ name }) => name.value);
  expect(page.network.value).toMatchObject({ model: { labels } });
});

test('a photo that was taken out can be put back, and dragged into another box', async () => {
  const { notice } = await import('../src/news');
  const [one, other] = page.boxes.value;
  const files = ['a', 'b', 'c'].map(drawn);
  one!.photos.value = files;
  other!.photos.value = [];
  page.takeOut(one!, files[1]!);
  expect(one!.photos.value).toEqual([files[0], files[2]]);
  notice.value!.offer!.take();
  await vi.waitFor(() => expect(one!.photos.value).toContain(files[1]));
  for (const box of [one!, other!]) {
    page.moving.value = files[0];
    page.moveTo(box);
    expect(page.moving.value).toBeUndefined();
    expect(box.photos.value).toContain(files[0]);
  }
  expect(one!.photos.value).toEqual([files[2], files[1]]);
  expect(other!.photos.value).toEqual([files[0]]);
});

test('what is no photo is left out of a box at once, and keeps nothing else out', async () => {
  vi.stubGlobal('createImageBitmap', async (file: File) => {
    if (file.name !== 'lossless.webp') throw new Error('not decoded');
    return { close: () => {} };
  });
  const gone = new File(['gone'], 'gone.jpg');
  gone.slice = () => {
    throw new Error('it has gone');
  };
  const heic = '\0\0\0\x18ftypheic\0\0\0\0mif1heic';
  await page.putIn(page.boxes.value[0]!, [
    new File(['some words'], 'a.txt'),
    new File(['more words'], 'b.jpg'),
    new File([heic], 'phone.heic'),
    await photo('lossless.webp'),
    new File([], 'empty.jpg'),
    gone,
  ]);
  expect(counts()).toEqual([3, 2]);
  expect(page.remarks.value).toEqual([
    'a.txt and 1 more are left out of "My dog": this is a text file; a picture such as a JPEG or PNG is expected.',
    'phone.heic is left out of "My dog": this is a HEIC picture, which cannot be read here; convert it to JPEG or PNG.',
    'empty.jpg is left out of "My dog": the file is empty; a picture such as a JPEG or PNG is expected.',
    expect.stringMatching(/^gone.jpg is left out .*: the file cannot be read/),
  ]);
});

test('what a box refuses is said', async () => {
  const message = 'this is a folder without pictures in it';
  const failure = { code: 'unreadable_file', message };
  const refused = [{ name: 'notes', failure }];
  await page.putIn(page.boxes.value[0]!, [], refused);
  await page.putIn(page.boxes.value[0]!, [], refused);
  expect(page.remarks.value).toEqual([
    'notes is left out of "My dog": this is a folder without pictures in it.',
  ]);
});

/** The head of the last lesson. */
function taughtHead(): Uint8Array<ArrayBuffer> {
  const { value } = page.lesson;
  if (value.state !== 'taught') throw new Error(value.state);
  return value.head!;
}

test('what was taught is kept by the names of its boxes, and asks for no more', async () => {
  expect(page.isUnsaved.value).toBe(true);
  await page.teach();
  await vi.waitFor(() => expect(page.isUnsaved.value).toBe(false));
  const [mine] = page.boxes.value;
  const before = page.keptAs(taughtHead())!;
  expect(before).toMatchObject({
    name: 'My dog and The neighbour’s',
    head: { labels: ['My dog', 'The neighbour’s'] },
  });
  expect(page.keptHead.value).toEqual(before);

  // Another lesson for these boxes takes its place, one for others does not.
  const [file] = mine!.photos.value;
  await page.putIn(mine!, [
    new File([await read('tests/fixtures/images/scene.png')], 'scene.png'),
  ]);
  expect(page.isUnsaved.value).toBe(true);
  await page.teach();
  await vi.waitFor(() => expect(page.isUnsaved.value).toBe(false));
  expect(page.kept.value).toEqual([page.keptAs(taughtHead())]);
  expect(page.kept.value[0]).not.toEqual(before);
  mine!.name.value = 'Rex';
  page.takeOut(mine!, file!);
  await page.teach();
  await vi.waitFor(() => expect(page.kept.value.length).toBe(2));

  await page.forget(page.keptHead.value!);
  expect(page.kept.value.length).toBe(1);
  expect(page.isUnsaved.value).toBe(true);
  expect(page.network.value).toMatchObject({ head: taughtHead() });
});

test('what is in no file yet, nor kept, is not left without a question', async () => {
  const { NewModel } = await import('../src/models/model-store');
  vi.spyOn(NewModel, 'begin').mockRejectedValueOnce(
    new DOMException('', 'InvalidStateError'),
  );
  const [mine, other] = page.boxes.value;
  expect(page.isUnsaved.value).toBe(true);
  await page.teach();
  expect(page.keeping.value).toEqual({
    name: 'My dog and The neighbour’s',
    notKept: 'this browser does not let the page store anything',
  });
  expect(page.network.value).toMatchObject({ head: taughtHead() });
  expect(page.isUnsaved.value).toBe(true);
  page.saveHead(page.lastTaught.value!);
  expect(page.isUnsaved.value).toBe(false);
  mine!.name.value = 'Rex';
  expect(page.isUnsaved.value).toBe(true);
  page.removeBox(mine!);
  page.removeBox(other!);
  expect(page.isUnsaved.value).toBe(false);

  // Nor what was learnt from boxes that are empty by now.
  page.boxes.value = [mine!, other!];
  vi.spyOn(NewModel, 'begin').mockRejectedValueOnce(new Error());
  await page.teach();
  page.boxes.value = [];
  expect(page.isUnsaved.value).toBe(true);
  page.saveHead(page.lastTaught.value!);
  expect(page.isUnsaved.value).toBe(false);
});

test('what was learnt can be saved though a later lesson came to nothing', async () => {
  const { NewModel } = await import('../src/models/model-store');
  vi.spyOn(NewModel, 'begin').mockRejectedValueOnce(new Error());
  await page.teach();
  const { value: learnt } = page.lastTaught;
  const [mine, other] = page.boxes.value;
  const cut = new File([(await photo('square.jpg')).slice(0, 99)], 'cut.jpg');
  const [dog] = mine!.photos.value;
  mine!.photos.value = [dog!, cut];
  await page.teach();
  expect(page.lesson.value.state).toBe('idle');
  page.removeBox(mine!);
  page.removeBox(other!);
  expect(page.isUnsaved.value).toBe(true);
  expect(page.lastTaught.value).toBe(learnt);
  const { download } = await import('../src/saving/download');
  page.saveHead(learnt!);
  expect(vi.mocked(download).mock.lastCall![1]).toBe(
    'My_dog_and_The_neighbour’s.safetensors',
  );
  expect(page.isUnsaved.value).toBe(false);
});

test('a lesson says what it lacked, though photos were put back meanwhile', async () => {
  const [mine] = page.boxes.value;
  const [dog, second] = mine!.photos.value;
  const cut = new File([(await photo('square.jpg')).slice(0, 99)], 'cut.jpg');
  mine!.photos.value = [dog!, cut];
  const lesson = page.teach();
  mine!.photos.value = [dog!, cut, second!]; // put back
  await lesson;
  expect(page.lesson.value).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/^"My dog" has one photo/),
  });
});

test('boxes have names of their own', () => {
  page.addBox();
  page.addBox();
  page.removeBox(page.boxes.value[2]!);
  page.addBox();
  const names = page.boxes.value.slice(2).map(({ name }) => name.value);
  expect(names).toEqual(['Box 4', 'Box 5']);
});

test('pictures of the camera are not left without a question until each is saved', async () => {
  const { photos } = await import('../src/photos/photos');
  const { makePhoto } = await import('../src/photos/photo');
  const { saveCameraPicture } = await import('../src/saving/camera-picture');
  const [mine] = page.boxes.value;
  const ofFile = mine!.photos.value[0]!;
  const scene = await read('tests/fixtures/images/scene.png');
  const [inBox, onPage] = [1, 2].map(
    (number) => new File([scene], `camera ${number}.jpg`),
  );
  await page.putIn(mine!, [inBox!]);
  await page.teach();
  await vi.waitFor(() => expect(page.keptHead.value).toBeDefined());
  expect(page.isUnsaved.value).toBe(true);
  saveCameraPicture(inBox!);
  expect(page.isUnsaved.value).toBe(false);

  photos.value = [makePhoto(ofFile, { name: 'queued' })];
  expect(page.isUnsaved.value).toBe(false);
  photos.value = [makePhoto(onPage!, { name: 'queued' })];
  expect(page.isUnsaved.value).toBe(true);
  saveCameraPicture(onPage!);
  expect(page.isUnsaved.value).toBe(false);
  photos.value = [];
});

/** As a folder that is chosen brings it. */
function lying(path: string, bytes: BlobPart): File {
  const file = new File([bytes], path.slice(path.lastIndexOf('/') + 1));
  return Object.assign(file, { webkitRelativePath: path });
}

const names = () => page.boxes.value.map(({ name }) => name.value);

test('each folder becomes a box, and empty boxes that nobody named make room', async () => {
  const bytes = await Promise.all(
    ['landscape.jpg', 'portrait.jpg', 'square.jpg'].map((name) =>
      read(`web/pictures/${name}`),
    ),
  );
  for (const box of page.boxes.value) {
    for (const file of box.photos.value) page.takeOut(box, file);
  }
  const files = [
    lying('pets/loose.jpg', drawnBytes('loose')),
    lying('alone.jpg', drawnBytes('alone')),
    lying('pets/cats/a.jpg', bytes[0]!),
    lying('pets/cats/old/b.jpg', bytes[1]!),
    lying('pets/cats/twin.jpg', bytes[0]!),
    lying('pets/dogs/a.jpg', bytes[2]!),
    lying('pets/none/again.jpg', bytes[2]!),
  ];
  await page.putInByFolder({ files, refused: [] });
  expect(names()).toEqual(['cats', 'dogs']);
  expect(counts()).toEqual([2, 1]);
  expect(page.remarks.value).toEqual([
    'loose.jpg and 1 more are left out: only what lies in a folder comes into a box here.',
    'twin.jpg is left out: the same photo is in "cats".',
    'again.jpg is left out: the same photo is in "dogs".',
  ]);

  // What comes later joins the box of its name; folders on their own are classes.
  page.addBox();
  const more = [
    lying('dogs/x.jpg', drawnBytes('x')),
    lying('birds/deep/y.jpg', drawnBytes('y')),
  ];
  await page.putInByFolder({ files: more, refused: [] });
  expect(names()).toEqual(['cats', 'dogs', 'birds']);
  expect(counts()).toEqual([2, 2, 1]);
});

test('a box that is added while folders are taken in stays', async () => {
  const putting = page.putInByFolder({
    files: [
      lying('x/x.jpg', drawnBytes('x')),
      lying('y/y.jpg', drawnBytes('y')),
    ],
    refused: [],
  });
  await vi.waitFor(() => expect(names()).toContain('x'));
  page.addBox();
  const mine = page.boxes.value.at(-1)!;
  await putting;
  expect(names()).toEqual(expect.arrayContaining(['x', 'y']));
  expect(page.boxes.value).toContain(mine);
});

test('folders without photos change no box', async () => {
  const before = page.boxes.value;
  const failure = { code: 'unreadable_file', message: 'no pictures' } as const;
  await page.putInByFolder({ files: [], refused: [{ name: 'x', failure }] });
  const text = new File(['text'], 'a.jpg');
  const files = [Object.assign(text, { webkitRelativePath: 'y/a.jpg' })];
  await page.putInByFolder({ files, refused: [] });
  expect(page.boxes.value).toEqual(before);
  expect(page.remarks.value).toEqual([
    expect.stringMatching(/^a.jpg is left out: this is a text file/),
  ]);
});

test('photos are saved in a folder for each box, and asked for no more', async () => {
  const { download } = await import('../src/saving/download');
  const [mine, other] = page.boxes.value;
  const camera = [drawn('camera 1'), drawn('camera 2.jpg_large')];
  const gone = Object.assign(drawn('gone.jpg'), {
    arrayBuffer: () => Promise.reject(new DOMException('gone')),
  });
  await page.putIn(mine!, [...camera]);
  mine!.photos.value = [...mine!.photos.value, gone];
  mine!.name.value = 'Me: 1/2.';
  other!.name.value = ' me_ 1_2_';
  vi.mocked(download).mockClear();
  expect(page.isUnsaved.value).toBe(true);
  await Promise.all([page.savePhotos(), page.savePhotos()]);
  expect(download).toHaveBeenCalledTimes(1);
  const [[zip, name]] = vi.mocked(download).mock.calls as [[Blob, string]];
  expect(name).toBe('photos.zip');
  const entries = unzipSync(new Uint8Array(await zip.arrayBuffer()));
  expect(Object.keys(entries)).toEqual([
    'Me_ 1_2_/landscape.jpg',
    'Me_ 1_2_/portrait.jpg',
    'Me_ 1_2_/camera 1.jpeg',
    'Me_ 1_2_/camera 2.jpg_large.jpeg',
    'me_ 1_2_-2/square.jpg',
    'me_ 1_2_-2/lossless.png',
  ]);
  expect(entries['Me_ 1_2_/landscape.jpg']).toEqual(
    new Uint8Array(await read('web/pictures/landscape.jpg')),
  );
  const { notice } = await import('../src/news');
  expect(notice.value?.text).toBe(
    'All is saved but gone.jpg, which can no longer be read.',
  );
  expect(page.isUnsaved.value).toBe(true); // gone.jpg
  page.takeOut(mine!, gone);
  expect(page.isUnsaved.value).toBe(false);
  mine!.name.value = 'Another';
  expect(page.isUnsaved.value).toBe(true);

  // As in another visit.
  const clear = () => {
    for (const box of page.boxes.value) box.photos.value = [];
  };
  clear();
  const file = lying(name, zip);
  await page.putInByFolder({ files: [file], refused: [] });
  expect(page.remarks.value).toEqual([]);
  expect(names().slice(-2)).toEqual(['Me_ 1_2_', 'me_ 1_2_-2']);
  expect(counts().slice(-2)).toEqual([4, 2]);
  clear();
  await page.putIn(mine!, [file]);
  expect(mine!.photos.value.length).toBe(6);
});

import { describe, expect, test, vi } from 'vitest';
import { inOrder } from '../../wasm/in-order';
import { ArrivingFile } from '../src/worker/arriving';
import { Breakable } from '../src/breakable';
import { cellsInWords, cellsOf, underCells } from '../src/cells';
import { decodeByAtob, fromBase64 } from '../src/base64';
import { halfway, isInside, moved, resized, scaled } from '../src/crop';
import { csv } from '../src/csv';
import { fitLabel, fitStem, numbered, stem } from '../src/download';
import { explainedLine } from '../src/explain-line';
import { isPicture } from '../src/intake';
import { nameInText } from '../src/name';
import type { Box } from '../../wasm/engine';
import { untilAnswered } from '../src/progress';
import { parseSettings } from '../src/settings';

test.each([0, 1, 2, 3, 1000])('base64 of %d bytes', (count) => {
  const bytes = Uint8Array.from({ length: count }, (_, i) => (i * 7) % 256);
  const text = Buffer.from(bytes).toString('base64');
  expect(fromBase64(text)).toEqual(bytes);
  expect(decodeByAtob(text)).toEqual(bytes);
});

test('a file is read as it arrives', async () => {
  const again = async () => Uint8Array.of(7);
  const file = new ArrivingFile(6, again);
  const first = file.read(0, 2);
  const rest = file.read(1, 6);
  let isRead = false;
  void rest.then(() => (isRead = true));
  file.take(Uint8Array.of(0, 1, 2));
  expect(await first).toEqual(Uint8Array.of(0, 1));
  expect(isRead).toBe(false);
  file.take(Uint8Array.of(3, 4, 5));
  expect(await rest).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
  // Each reader may do what it likes with what it got.
  (await rest).fill(0);
  expect(await file.read(4, 6)).toEqual(Uint8Array.of(4, 5));
  file.letGo();
  expect(await file.read(4, 6)).toEqual(Uint8Array.of(7));
});

test('what is done side by side comes in its order', async () => {
  const ends: (() => void)[] = [];
  const started: number[] = [];
  const tasks = [0, 1, 2, 3].map((i) => async () => {
    started.push(i);
    await new Promise<void>((resolve) => ends.push(resolve));
    if (i === 3) throw new Error('the last one');
    return i;
  });
  const all = inOrder(tasks, 2);
  const first = all.next();
  expect(started).toEqual([0, 1]);
  ends[1]!();
  ends[0]!();
  expect(await first).toEqual({ done: false, value: 0 });
  const second = all.next();
  expect(started).toEqual([0, 1, 2]);
  expect(await second).toMatchObject({ value: 1 });
  const third = all.next();
  ends[3]!();
  ends[2]!();
  expect(await third).toMatchObject({ value: 2 });
  await expect(all.next()).rejects.toThrow('the last one');
});

test('names of files are used once', () => {
  const used = new Set<string>();
  const names = ['a.pug.png', 'b.png', 'A.pug.png', 'a.pug.png', 'a.pug-2.png'];
  expect(names.map((name) => numbered(name, used))).toEqual([
    'a.pug.png',
    'b.png',
    'A.pug-2.png',
    'a.pug-3.png',
    'a.pug-2-2.png',
  ]);
});

test('what a file is named after fits into names of files everywhere', () => {
  expect(fitLabel('pug / "old" type')).toBe('pug____old__type');
  expect(fitStem('a folder/my dog: <1>?.final.jpg')).toBe('my dog_ _1__.final');
  expect(fitStem('a\nb.png')).toBe('a_b');
  // What would turn the name round; but not what holds a family together.
  expect(fitStem('rex\u202egpj.exe.jpg')).toBe('rex_gpj.exe');
  expect(fitStem('👨\u200d👩.png')).toBe('👨\u200d👩');
  const long = `${'ü'.repeat(90)}.jpg`;
  expect(fitStem(long)).toBe('ü'.repeat(80));
  expect(fitStem(`x${long}`)).toBe(`x${'ü'.repeat(79)}`);
});

test('a table for spreadsheets has no formulas and quotes what it must', () => {
  const breeds = (...labels: string[]) =>
    labels.map((label, index) => ({
      label,
      index,
      probability: 0.75 / (index + 1),
      logit: 0,
    }));
  const table = csv([
    {
      photo: 'a, "b".jpg',
      answer: 'German shepherd',
      predictions: breeds('german_shepherd', 'pug', 'beagle'),
      picture: 'a, "b".pug.png',
    },
    {
      photo: '=1+1.jpg',
      answer: 'Not sure',
      predictions: breeds('pug'),
      others: { label: 'another breed', probability: 0.25 },
    },
    { photo: 'köter.jpg', answer: 'Failed', error: 'cut' },
  ]);
  expect(table.split('\r\n')).toEqual([
    '\uFEFFphoto,picture,answer,breed,probability,second breed,its probability,another breed,error',
    '"a, ""b"".jpg","a, ""b"".pug.png",German shepherd,German shepherd,0.7500,Pug,0.3750,,',
    "'=1+1.jpg,,Not sure,Pug,0.7500,,,0.2500,",
    'köter.jpg,,Failed,,,,,,cut',
    '',
  ]);
});

test('progress that comes after the answer is not reported', async () => {
  const reported: number[] = [];
  let late = (_: number) => {};
  const answer = untilAnswered(
    (share) => reported.push(share),
    async (report) => {
      late = report;
      report(0.5);
      return 'answer';
    },
  );
  expect(await answer).toBe('answer');
  late(1);
  expect(reported).toEqual([0.5]);
  const failure = untilAnswered(
    (share) => reported.push(share),
    async (report) => {
      late = report;
      throw new Error('failed');
    },
  );
  await expect(failure).rejects.toThrow('failed');
  late(1);
  expect(reported).toEqual([0.5]);
});

test('waiting is broken off for good', async () => {
  const life = new Breakable();
  expect(await life.wait(async () => 1)).toBe(1);
  const refused = new Error('refused');
  await expect(life.wait(() => Promise.reject(refused))).rejects.toBe(refused);
  const gone = new Error('gone');
  const waiting = life.wait(() => new Promise(() => {}));
  life.break(gone);
  life.break(new Error('gone again'));
  await expect(waiting).rejects.toBe(gone);
  const task = vi.fn();
  await expect(life.wait(task)).rejects.toBe(gone);
  expect(task).not.toHaveBeenCalled();
});

test.each([
  ['rex.jpg', 'rex'],
  ['rex.photo.jpeg', 'rex.photo'],
  ['holiday/rex.jpg', 'rex'],
  ['rex', 'rex'],
  ['.hidden', '.hidden'],
])('stem of %s', (name, expected) => {
  expect(stem(name)).toBe(expected);
});

test.each([
  ['rex.jpg', 'image/jpeg', true],
  ['rex.HEIC', '', true],
  ['notes.txt', 'text/plain', false],
  ['.DS_Store', '', false],
])('is %s (%s) a picture', (name, type, expected) => {
  expect(isPicture({ name, type })).toBe(expected);
});

test.each([
  ['rex.jpg', 'rex.jpg'],
  ['dog\u202Egpj.exe', 'dog\uFFFDgpj.exe'],
  ['a\u2066\u2069\nb.jpg', 'a\uFFFD\uFFFD\uFFFDb.jpg'],
  ['\u05DB\u05DC\u05D1 1.jpg', '\u2066\u05DB\u05DC\u05D1 1.jpg\u2069'],
  // As macOS names screenshots, there.
  ['\u05D1\u200F-10.png', '\u2066\u05D1\u200F-10.png\u2069'],
])('the name %j in a text', (name, expected) => {
  expect(nameInText(name)).toBe(expected);
});

describe('settings', () => {
  const defaults = { opacity: 0.5, colormap: 'turbo', lowMemory: false };

  test.each([null, '', 'no json', '7', '{}', '{"opacity": 2}', '[]', 'null'])(
    'fall back to the defaults for %s',
    (text) => {
      expect(parseSettings(text)).toEqual(defaults);
    },
  );

  test('are taken as stored', () => {
    const stored = { opacity: 0.25, colormap: 'gray', lowMemory: true };
    expect(parseSettings(JSON.stringify(stored))).toEqual(stored);
  });
});

test("an explained photo is the command line's JSON, and no more", () => {
  const result = {
    width: 300,
    height: 200,
    crop: { x: 62.5, y: 12.5, width: 175, height: 175 },
    preview: new Blob(),
    predictions: [
      { label: 'pug', index: 1, probability: 0.75, logit: 2 },
      { label: 'beagle', index: 0, probability: 0.25, logit: 1 },
    ],
    others: { label: 'another breed', probability: 0.05 },
    milliseconds: { decode: 3, forward: 40, backward: 1 },
  };
  const values = Float32Array.of(0, 0.1, 1 / 3, 1);
  const heatmap = {
    class: 0,
    status: 'ok' as const,
    maximum: 9,
    box: { x: 1, y: 0, width: 1, height: 2 },
    rows: 2,
    cols: 2,
  };
  const line = explainedLine(
    'a.jpg',
    result,
    { ...heatmap, values },
    { method: 'hirescam', layer: 'block4_conv3' },
    0.8,
  );
  expect(line).toEqual({
    photo: 'a.jpg',
    width: 300,
    height: 200,
    top: result.predictions,
    others: result.others,
    certainty: 'unsure',
    class: 'beagle',
    method: 'hirescam',
    layer: 'block4_conv3',
    crop: result.crop,
    box: { x: 150, y: 12.5, width: 87.5, height: 175 },
    heatmap: {
      rows: 2,
      cols: 2,
      status: 'ok',
      maximum: 9,
      values: expect.anything(),
    },
    milliseconds: result.milliseconds,
  });
  expect(JSON.stringify(line.heatmap.values)).toBe(
    '[0,0.100000001,0.333333343,1]',
  );
  expect(Float32Array.from(line.heatmap.values)).toEqual(values);
});

describe('the square that the network is shown', () => {
  const photo = { width: 400, height: 300 };
  const crop = { x: 100, y: 100, width: 120, height: 120 };
  const square = (x: number, y: number, side: number) => ({
    x,
    y,
    width: side,
    height: side,
  });

  test.each([
    [square(0, 0, 300), true],
    [square(100, 0, 300), true],
    [square(101, 0, 300), false],
    [square(0, -1, 300), false],
    [square(0, 0, 0), false],
    [square(NaN, 0, 10), false],
  ])('is inside or not: %o', (part, expected) => {
    expect(isInside(part, photo)).toBe(expected);
  });

  test('is moved, as far as the photo goes, by whole pixels', () => {
    expect(moved(crop, 10.4, -20.6, photo)).toEqual(square(110, 79, 120));
    expect(moved(crop, -500, 500, photo)).toEqual(square(0, 180, 120));
  });

  test('in the middle between two it stays in the photo', () => {
    expect(halfway(crop, square(0, 0, 300), photo)).toEqual(
      square(50, 50, 210),
    );
    const [one, other] = [square(100, 0, 300), square(399, 299, 1)];
    expect(isInside(halfway(one, other, photo), photo)).toBe(true);
    const odd = halfway(square(100, 0, 300), square(101, 1, 299), photo);
    expect(isInside(odd, photo)).toBe(true);
  });

  test.each([
    ['se', 30, 10, square(100, 100, 140)],
    ['nw', -30, -10, square(80, 80, 140)],
    ['ne', 20, -20, square(100, 80, 140)],
    ['sw', -20, 20, square(80, 100, 140)],
    ['se', 1000, 1000, square(100, 100, 200)],
    ['nw', -1000, -1000, square(0, 0, 220)],
    ['se', -1000, -1000, square(100, 100, 32)],
    ['nw', 1000, 1000, square(188, 188, 32)],
  ] as const)('dragged at %s by %d, %d', (corner, dx, dy, expected) => {
    expect(resized(crop, corner, dx, dy, photo)).toEqual(expected);
  });

  test('is made larger and smaller about its middle', () => {
    expect(scaled(crop, 0.5, photo)).toEqual(square(130, 130, 60));
    expect(scaled(crop, 1.5, photo)).toEqual(square(70, 70, 180));
    expect(scaled(crop, 10, photo)).toEqual(square(10, 0, 300));
    expect(scaled(crop, 0.01, photo)).toEqual(square(144, 144, 32));
  });

  test('is all of a photo that is smaller still', () => {
    const tiny = { width: 10, height: 20 };
    expect(scaled(square(0, 5, 10), 0.5, tiny)).toEqual(square(0, 5, 10));
    expect(resized(square(0, 5, 10), 'se', -5, -5, tiny)).toEqual(
      square(0, 5, 10),
    );
  });
});

test('how finely a layer shows where, at any size of input', () => {
  const info = {
    layers: ['block4_conv3', 'block5_conv3'],
    receptive_fields: [
      { size: 92, stride: 8 },
      { size: 196, stride: 16 },
    ],
  };
  const words = (layer: string, size: number) =>
    cellsInWords(cellsOf(layer, info, { preprocess: { size } })!).replaceAll(
      '\u00a0',
      ' ',
    );
  expect(words('block5_conv3', 224)).toBe(
    '14 × 14 cells; each sees up to 196 × 196 of the 224 × 224 pixels',
  );
  expect(words('block4_conv3', 96)).toBe(
    '12 × 12 cells; each sees up to 92 × 92 of the 96 × 96 pixels',
  );
  expect(words('block5_conv3', 96)).toBe(
    '6 × 6 cells; each sees up to all 96 × 96 pixels',
  );
  expect(cellsOf('fc1', info, { preprocess: { size: 224 } })).toBeUndefined();
});

test('a cell and what it sees lie around the same middle, within the input', () => {
  const cells = { count: 14, size: 16, sees: 196, input: 224 };
  const pixels = ({ x, y, width, height }: Box) =>
    [x, y, width, height].map((share) => Math.round(224 * share));
  const { cell, field } = underCells(cells, { x: 0.5, y: 0.999 });
  expect(pixels(cell)).toEqual([112, 208, 16, 16]);
  expect(pixels(field)).toEqual([22, 118, 196, 106]);
});

test('what is said beside an offer goes with it', async () => {
  const { aside, notice, say } = await import('../src/news');
  say('rex.jpg was taken off the page.', { label: 'Put back', take() {} });
  say('This is no file.');
  expect(notice.value?.text).toMatch(/rex/);
  expect(aside.value?.text).toMatch(/no file/);
  notice.value = undefined; // as it is when the offer is taken
  say('This is no file.');
  expect(aside.value).toBeUndefined();
  say('');
  expect(notice.value).toBeUndefined();
});

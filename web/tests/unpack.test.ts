/** What comes out of zip files, hostile ones included. */

import { zipSync, type Zippable } from 'fflate';
import { expect, test } from 'vitest';
import { foldersOf } from '../src/intake/folder';
import { unpackAll, unpacked } from '../src/intake/unpack';

const bytes = (text: string) => new TextEncoder().encode(text);

/** What is taken of it: where each file lies, and what is said of the others. */
async function taken(zip: Uint8Array, name = 'pets.zip') {
  const file = new File([zip as Uint8Array<ArrayBuffer>], name);
  return tell(await unpackAll({ files: [file], refused: [] }));
}

function tell({ files, refused }: Awaited<ReturnType<typeof unpackAll>>) {
  return {
    files: files.map((file) => [...foldersOf(file), file.name].join(' > ')),
    refused: refused.map(({ name, failure }) => `${name}: ${failure.message}`),
  };
}

const packed: Zippable = {
  'pets/cats/a.jpg': [bytes('a'.repeat(1000)), { level: 9 }],
  'pets/cats/._a.jpg': bytes('of macOS'),
  '__MACOSX/pets/cats/._a.jpg': bytes('of macOS'),
  'pets\\dogs\\ü.png': [bytes('b'), { level: 0 }],
  './loose.webp': bytes('c'),
  'pets/notes.txt': bytes('text'),
};

test('pictures lie in the folders of the zip file', async () => {
  const zip = new File([zipSync(packed) as Uint8Array<ArrayBuffer>], 'P.ZIP');
  const other = new File(['x'], 'x.jpg');
  const failure = { code: 'unreadable_file', message: 'gone' } as const;
  const intake = await unpackAll({
    files: [zip, Object.assign(other, { webkitRelativePath: '' })],
    refused: [{ name: 'y', failure }],
  });
  expect(tell(intake)).toEqual({
    files: [
      'pets > cats > a.jpg',
      'pets > dogs > ü.png',
      'loose.webp',
      'x.jpg',
    ],
    refused: ['y: gone'],
  });
  expect(await intake.files[0]!.text()).toBe('a'.repeat(1000));
});

test('what is no zip file, or has no picture, is refused', async () => {
  const none = 'pets.zip: this is no zip file, or it is damaged';
  expect(await taken(bytes('text'))).toEqual({ files: [], refused: [none] });
  const cut = zipSync(packed).subarray(0, -30);
  expect(await taken(cut)).toEqual({ files: [], refused: [none] });
  expect(await taken(zipSync({ 'a.txt': bytes('a') }))).toEqual({
    files: [],
    refused: ['pets.zip: no pictures are found in it'],
  });
});

test('a damaged picture keeps the others out of nothing', async () => {
  const zip = zipSync({
    'a.jpg': [bytes('abc'.repeat(99)), { level: 9 }],
    'b.jpg': bytes('b'),
  });
  zip.fill(0xff, 30 + 'a.jpg'.length, 40 + 'a.jpg'.length);
  expect(await taken(zip)).toEqual({
    files: ['b.jpg'],
    refused: [expect.stringMatching(/^a.jpg: it is damaged in the zip file/)],
  });
});

test('names in UTF-8 are read, whether the zip file says that they are', async () => {
  const path = 'pets/Ködi 👍/é.jpg'.normalize('NFD');
  const zip = zipSync({ [path]: bytes('a'), 'ü/ф.jpg': bytes('b') });
  const files = [path.replaceAll('/', ' > '), 'ü > ф.jpg'];
  expect((await taken(zip)).files).toEqual(files);
  const list = zip.findIndex(
    (_, i) => zip.subarray(i, i + 3).toString() === '80,75,1',
  );
  for (const flags of [6 + 1, list + 8 + 1]) zip[flags]! &= ~8;
  expect((await taken(zip)).files).toEqual(files);
  // As in Latin-1, where they are no UTF-8.
  const latin = zipSync({ 'über/é.jpg': bytes('a') });
  expect((await taken(latin)).files).toEqual(['über > é.jpg']);
});

test('two pictures of one path are two', async () => {
  const zip = zipSync({ 'a.jpg': bytes('a'), 'b.jpg': bytes('b') });
  const text = Buffer.from(zip).toString('latin1').replaceAll('b.jpg', 'a.jpg');
  const file = new File([Buffer.from(text, 'latin1')], 'pets.zip');
  const { files } = await unpackAll({ files: [file], refused: [] });
  expect(await Promise.all(files.map((each) => each.text()))).toEqual([
    'a',
    'b',
  ]);
});

test('of many pictures it is told how many are unpacked', async () => {
  const names = Array.from({ length: 100 }, (_, i) => `${i}.jpg`);
  const zip = zipSync(Object.fromEntries(names.map((n) => [n, bytes(n)])));
  const told: (number | undefined)[] = [];
  const stop = unpacked.subscribe((share) => told.push(share));
  const { files } = await taken(zip);
  stop();
  expect(files).toEqual(names);
  expect(told).toEqual([undefined, 0, expect.closeTo(0.63, 2), 1, undefined]);
});

test('a zip file that says to have more members than it can has none', async () => {
  const zip = zipSync({ 'a.jpg': bytes('a') });
  // With a list of 64 bits, behind which the usual end says to look there.
  const list = new DataView(new ArrayBuffer(56 + 20));
  list.setUint32(0, 0x06064b50, true);
  list.setUint32(32, 0xffff_ffff, true);
  list.setUint32(48, 31 + 'a.jpg'.length, true);
  list.setUint32(56, 0x07064b50, true);
  list.setUint32(56 + 8, zip.length - 22, true);
  const end = zip.slice(-22);
  end.fill(0xff, 8, 20);
  const whole = [zip.subarray(0, -22), new Uint8Array(list.buffer), end];
  expect(await taken(Buffer.concat(whole))).toEqual({
    files: [],
    refused: ['pets.zip: this is no zip file, or it is damaged'],
  });
});

test('what would be too large once unpacked is not unpacked', async () => {
  const zip = zipSync({ 'a.jpg': [bytes('a'), { level: 9 }] });
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const entry = zip.length - 22 - (46 + 'a.jpg'.length);
  view.setUint32(entry + 24, 0x5000_0000, true);
  expect(await taken(zip)).toEqual({
    files: [],
    refused: [expect.stringMatching(/^pets.zip: .*more than a gigabyte/)],
  });
});

import { expect, test } from 'vitest';
import {
  fitLabel,
  fitStem,
  numbered,
  numberedFolder,
  stem,
} from '../src/saving/file-names';

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

test('names of folders are used once, dots and all', () => {
  const used = new Set<string>();
  const names = ['St. Bernard', 'st. bernard'];
  expect(names.map((name) => numberedFolder(name, used))).toEqual([
    'St. Bernard',
    'st. bernard-2',
  ]);
});

test('what a file is named after fits into names of files everywhere', () => {
  expect(fitLabel('pug / "old" type')).toBe('pug____old__type');
  expect(fitStem('a folder/my dog: <1>?.final.jpg')).toBe('my dog_ _1__.final');
  expect(fitStem('a\nb.png')).toBe('a_b');
  expect(fitStem('Con.jpg')).toBe('_Con');
  expect(fitStem('Contact.jpg')).toBe('Contact');
  // What would turn the name round; but not what holds a family together.
  expect(fitStem('rex\u202egpj.exe.jpg')).toBe('rex_gpj.exe');
  expect(fitStem('👨\u200d👩.png')).toBe('👨\u200d👩');
  const long = `${'ü'.repeat(90)}.jpg`;
  expect(fitStem(long)).toBe('ü'.repeat(80));
  expect(fitStem(`x${long}`)).toBe(`x${'ü'.repeat(79)}`);
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

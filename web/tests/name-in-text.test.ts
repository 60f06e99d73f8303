import { expect, test } from 'vitest';
import { nameInText } from '../src/words/name-in-text';

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

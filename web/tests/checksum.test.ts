import { expect, test } from 'vitest';
import { checksum } from '../src/models/checksum';

// As xxHash's own program has them.
test.each([
  ['', 0x02cc5d05],
  ['a', 0x550d7456],
  ['abc', 0x32d153ff],
  ['Nobody inspects the spammish repetition', 0xe2293b2f],
])('the checksum of "%s"', (text, expected) => {
  const { buffer } = Uint8Array.from(new TextEncoder().encode(text));
  expect(checksum(buffer)).toBe(expected);
});

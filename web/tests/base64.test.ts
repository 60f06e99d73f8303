import { expect, test } from 'vitest';
import { decodeByAtob, fromBase64 } from '../src/base64';

test.each([0, 1, 2, 3, 1000])('base64 of %d bytes', (count) => {
  const bytes = Uint8Array.from({ length: count }, (_, i) => (i * 7) % 256);
  const text = Buffer.from(bytes).toString('base64');
  expect(fromBase64(text)).toEqual(bytes);
  expect(decodeByAtob(text)).toEqual(bytes);
});

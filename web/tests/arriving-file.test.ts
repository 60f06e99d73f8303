import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { EngineError } from '../../wasm/engine';
import { ArrivingFile } from '../src/worker/arriving-file';

const SIZE = 1 << 18;
const bytes = Uint8Array.from(randomBytes(SIZE));
const packed = Uint8Array.from(gzipSync(bytes));
const middle = packed.length >> 1;

const lent = (size: number) => ({
  size,
  loan: 3,
  read: async () => Uint8Array.of(7),
  write: async () => {},
});

test('a file is read as it arrives', async () => {
  const file = new ArrivingFile(lent(SIZE));
  const first = file.read(0, 2);
  const rest = file.read(1, SIZE);
  let isRead = false;
  void rest.then(() => (isRead = true));
  file.take(packed.slice(0, middle));
  expect(await first).toEqual(bytes.subarray(0, 2));
  expect(isRead).toBe(false);
  file.take(packed.slice(middle));
  expect(await rest).toEqual(bytes.subarray(1));
  // Each reader may do what it likes with what it got.
  (await rest).fill(0);
  expect(await file.read(4, 6)).toEqual(bytes.subarray(4, 6));
  expect(file.loan).toBeUndefined();
  file.letGo();
  expect(file.loan).toBe(3);
  expect(await file.read(4, 6)).toEqual(Uint8Array.of(7));
});

test.each([
  ['that is no gzip', SIZE, bytes],
  ['with more in it than was said', SIZE - 1, packed],
])('one %s is an error for all who read', async (_, size, content) => {
  const file = new ArrivingFile(lent(size));
  const early = file.read(0, size);
  early.catch(() => {});
  file.take(content.slice());
  for (const read of [early, file.read(0, size)]) {
    await expect(read).rejects.toThrow(EngineError);
    await expect(read).rejects.toThrow('cannot be unpacked');
  }
});

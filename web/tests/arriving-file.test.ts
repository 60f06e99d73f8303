import { expect, test } from 'vitest';
import { ArrivingFile } from '../src/worker/arriving-file';

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

import { expect, test, vi } from 'vitest';
import { Breakable } from '../src/shared/breakable';

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

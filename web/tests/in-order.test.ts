import { expect, test } from 'vitest';
import { inOrder } from '../../wasm/in-order';

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

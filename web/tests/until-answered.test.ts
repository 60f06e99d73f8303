import { expect, test } from 'vitest';
import { untilAnswered } from '../src/backend/until-answered';

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

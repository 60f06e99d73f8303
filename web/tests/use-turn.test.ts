import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { leaveTurn, takeTurn } from '../src/components/use-turn';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.runAllTimers();
  vi.useRealTimers();
});

const take = (count: number) => Array.from({ length: count }, takeTurn);
const had = (turns: ReturnType<typeof take>) =>
  turns.filter((turn) => turn.value).length;

test('cards that come one by one are filled at once', () => {
  for (let i = 0; i < 100; i++) {
    expect(takeTurn().value).toBe(true);
    vi.advanceTimersByTime(10);
  }
});

test('of hundreds only the first ones are filled at once, the others in their order', () => {
  const turns = take(300);
  const first = had(turns);
  expect(first).toBeLessThan(50);
  expect(had(turns.slice(0, first))).toBe(first);
  let before = first;
  for (let step = 0; before < turns.length; step++) {
    expect(step).toBeLessThan(turns.length);
    vi.advanceTimersToNextTimer();
    const now = had(turns);
    expect(now - before).toBeGreaterThan(0);
    expect(now - before).toBeLessThanOrEqual(first);
    expect(had(turns.slice(0, now))).toBe(now);
    before = now;
  }
  expect(vi.getTimerCount()).toBe(0);
  expect(takeTurn().value).toBe(true);
});

test('one that leaves takes nobody the turn', () => {
  const turns = take(60);
  const gone = turns.filter((turn) => !turn.value).slice(0, -1);
  gone.forEach(leaveTurn);
  vi.advanceTimersToNextTimer();
  expect(turns.at(-1)!.value).toBe(true);
  expect(had(gone)).toBe(0);
});

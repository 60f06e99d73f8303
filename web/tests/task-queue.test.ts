import { expect, test } from 'vitest';
import {
  INTERRUPTED,
  TaskQueue,
  type Priority,
} from '../src/backend/task-queue';

/** A task that ends when told to, and notes when it began. */
function makeTask(log: string[], name: string) {
  let finish = () => {};
  const ended = new Promise<void>((resolve) => (finish = resolve));
  const task = async () => {
    log.push(name);
    await ended;
    return name;
  };
  return { task, finish: () => finish() };
}

test('runs one task at a time, in order, and hands back what it gives', async () => {
  const queue = new TaskQueue();
  const log: string[] = [];
  const a = makeTask(log, 'a');
  const b = makeTask(log, 'b');
  const results = [queue.run(a.task), queue.run(b.task)];
  await Promise.resolve();
  expect(log).toEqual(['a']);
  a.finish();
  expect(await results[0]).toBe('a');
  b.finish();
  expect(await results[1]).toBe('b');
  expect(log).toEqual(['a', 'b']);
});

test('lets an urgent task overtake those that wait, not the one that runs', async () => {
  const queue = new TaskQueue();
  const log: string[] = [];
  const first = makeTask(log, 'first');
  const running = queue.run(first.task);
  const rest = [
    queue.run(async () => log.push('leisurely'), 'leisurely'),
    queue.run(async () => log.push('patient')),
    queue.run(async () => log.push('urgent'), 'urgent'),
  ];
  first.finish();
  await Promise.all([running, ...rest]);
  expect(log).toEqual(['first', 'urgent', 'patient', 'leisurely']);
});

test('goes on after a task has failed', async () => {
  const queue = new TaskQueue();
  const failing = queue.run(() => Promise.reject(new Error('no')));
  const next = queue.run(async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});

test('starts again after it has been idle', async () => {
  const queue = new TaskQueue();
  expect(await queue.run(async () => 1)).toBe(1);
  expect(await queue.run(async () => 2)).toBe(2);
});

test('a task that makes room has its turn again, before others of its kind', async () => {
  const queue = new TaskQueue();
  const log: string[] = [];
  const slow = (name: string) =>
    queue.run<string>(async (signal) => {
      log.push(name);
      // Longer than it takes to have something else asked.
      await new Promise((resolve) => setTimeout(resolve));
      return signal.aborted ? INTERRUPTED : name;
    }, 'leisurely');
  const all = [slow('a'), slow('b')];
  all.push(queue.run(async () => 'photo', 'patient'));
  all.push(slow('c'));
  expect(await Promise.all(all)).toEqual(['a', 'b', 'photo', 'c']);
  expect(log).toEqual(['a', 'a', 'b', 'c']);
});

test('asks nobody to make room for what is as urgent as it is', async () => {
  const queue = new TaskQueue();
  const signals: AbortSignal[] = [];
  const task = async (signal: AbortSignal) => signals.push(signal);
  await Promise.all([
    queue.run(task, 'patient'),
    queue.run(task, 'patient'),
    queue.run(task, 'leisurely'),
  ]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false]);
});

test('what has no end has every second turn, and interrupts nobody', async () => {
  const queue = new TaskQueue();
  const log: string[] = [];
  const take = (name: string, priority: Priority) =>
    queue.run(async (signal) => {
      log.push(name);
      await new Promise((resolve) => setTimeout(resolve));
      return signal.aborted ? INTERRUPTED : name;
    }, priority);
  let isOver = false;
  const watching = (async () => {
    while (!isOver) await take('frame', 'endless');
  })();
  await Promise.all([
    take('map 1', 'leisurely'),
    take('map 2', 'leisurely'),
    take('photo', 'patient'),
    take('click', 'urgent'),
  ]);
  isOver = true;
  await watching;
  expect(log.slice(0, 7)).toEqual([
    'frame',
    'click',
    'photo',
    'frame',
    'map 1',
    'frame',
    'map 2',
  ]);
});

test('what has no end has all turns that nobody else wants', async () => {
  const queue = new TaskQueue();
  for (let i = 0; i < 3; i++) {
    expect(await queue.run(async () => i, 'endless')).toBe(i);
  }
});

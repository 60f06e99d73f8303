import { computed, effect, signal } from '@preact/signals';
import { expect, test, vi } from 'vitest';
import { ofEach } from '../src/photos/of-each';
import { makePhoto, type Photo } from '../src/photos/photo';

const failed = { code: 'corrupt_image', message: 'it is damaged' };
const make = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    makePhoto(new File([], `${i}.jpg`), { name: 'queued' }),
  );

test('what is found of each is in the order of the photos, and up to date', () => {
  const all = make(150);
  const photos = signal<readonly Photo[]>(all);
  const states = ofEach(photos, ({ state }) => state.value.name);
  const failures = computed(() =>
    states.value.flatMap((state, i) => (state === 'failed' ? [i] : [])),
  );
  expect(states.value).toHaveLength(150);
  for (const i of [149, 0, 70]) {
    all[i]!.state.value = { name: 'failed', failure: failed };
  }
  expect(failures.value).toEqual([0, 70, 149]);
  photos.value = all.slice(1);
  expect(failures.value).toEqual([69, 148]);
  photos.value = [];
  expect(states.value).toEqual([]);
});

test('what becomes of one costs as much among a thousand as among a hundred', () => {
  const asked = (count: number) => {
    const all = make(count);
    const find = vi.fn(({ state }: Photo) => state.value.name);
    const found = ofEach(signal<readonly Photo[]>(all), find);
    const stop = effect(() => void found.value);
    find.mockClear();
    all[50]!.state.value = { name: 'running' };
    stop();
    return find.mock.calls.length;
  };
  expect(asked(1000)).toBe(asked(100));
});

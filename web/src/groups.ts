/** The photos on the page by what the network says of them. */

import { computed, signal } from '@preact/signals';
import { unsureBelow } from './backend';
import { breed, capitalised, isOther, isSure } from './describe';
import type { Photo } from './photo';
import { photos } from './photos';

export interface Group {
  name: string;
  count: number;
}

/** Fewer photos are seen at a glance. */
const MANY = 4;
export const hasGroups = computed(() => photos.value.length >= MANY);

/** The name of the group that is shown alone, if there is one of it. */
export const chosen = signal<string | undefined>(undefined);

/** The larger ones first, those without an answer last. */
export const groups = computed<readonly Group[]>(() => {
  if (!hasGroups.value) return [];
  const counts = new Map<string, number>();
  for (const photo of photos.value) {
    const name = answerOf(photo);
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const last = [NOT_SURE, FAILED];
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort(
      (a, b) =>
        last.indexOf(a.name) - last.indexOf(b.name) || b.count - a.count,
    );
});

/** All photos, or those of the chosen group and those that have no answer yet. */
export const shown = computed<readonly Photo[]>(() => {
  const { value: name } = chosen;
  if (!groups.value.some((group) => group.name === name)) return photos.value;
  return photos.value.filter((photo) => {
    const own = answerOf(photo);
    return own === undefined || own === name;
  });
});

const NOT_SURE = 'Not sure';
const FAILED = 'Failed';

/** The answer in a word, which names its group; nothing of a photo that has none yet. */
export function answerOf({ state: { value } }: Photo): string | undefined {
  if (value.name === 'failed') return FAILED;
  if (value.name !== 'done') return undefined;
  const { predictions, others } = value.result;
  if (others && isOther(others)) return capitalised(others.label);
  const [first] = predictions;
  return first && isSure(predictions, others, unsureBelow.value)
    ? breed(first.label)
    : NOT_SURE;
}

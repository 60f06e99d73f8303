/** The photos on the page by what the network says of them. */

import { computed, effect, signal } from '@preact/signals';
import type { ModelInfo } from '../../../wasm/engine';
import { presentModel, unsureBelow } from '../backend/network';
import { answer } from '../words/answer';
import { breedName } from '../words/names';
import { ofEach } from './of-each';
import type { Photo } from './photo';
import { photos } from './photos';

interface Group {
  name: string;
  count: number;
}

/** Fewer photos are seen at a glance. */
const MANY = 4;
export const hasGroups = computed(() => photos.value.length >= MANY);

/** The group that is shown alone, if there is one. */
interface Choice {
  name: string;
  /** What has been in it since it was chosen, and stays in sight whatever one does with it. */
  seen: Set<Photo>;
  /** What it was chosen among. */
  known: ReadonlySet<Photo>;
  model: ModelInfo | undefined;
}
const choice = signal<Choice | undefined>(undefined);
export const chosen = computed(() => choice.value?.name);

export function showGroup(name: string): void {
  choice.value = {
    name,
    seen: new Set(),
    known: new Set(photos.value),
    model: presentModel(),
  };
}

export function showAll(): void {
  choice.value = undefined;
}

const answers = ofEach(photos, answerOf);

/** The larger ones first, those without an answer last. */
export const groups = computed<readonly Group[]>(() => {
  if (!hasGroups.value) return [];
  const counts = new Map<string, number>();
  for (const name of answers.value) {
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const { value: name } = chosen;
  if (name !== undefined && !counts.has(name)) counts.set(name, 0);
  const last = [NOT_SURE, FAILED];
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort(
      (a, b) =>
        last.indexOf(a.name) - last.indexOf(b.name) || b.count - a.count,
    );
});

/** All photos, or those of the chosen group and those that have no answer yet. */
export const inSight = computed<readonly Photo[]>(() => {
  const { value: present } = choice;
  if (!present) return photos.value;
  return photos.value.filter((photo, i) => {
    const own = answers.value[i];
    if (own === present.name) present.seen.add(photo);
    return own === undefined || present.seen.has(photo);
  });
});

// New photos, ones that were put back, and what another model says, are not what the group was chosen
// among.
effect(() => {
  const { value: present } = choice;
  if (!present) return;
  const isAnother =
    photos.value.some((photo) => !present.known.has(photo)) ||
    presentModel() !== present.model;
  if (isAnother || !hasGroups.value || inSight.value.length === 0) showAll();
});

const NOT_SURE = 'Not sure';
const FAILED = 'Failed';

/** The answer in a word, which names its group; nothing of a photo that has none yet. */
export function answerOf({ state: { value } }: Photo): string | undefined {
  if (value.name === 'failed') return FAILED;
  if (value.name !== 'done') return undefined;
  const { predictions, others } = value.result;
  const found = answer(predictions, others, unsureBelow.value);
  if (!found) return NOT_SURE;
  const name = breedName(found.label);
  // As of things that passed or failed a test.
  return name === NOT_SURE || name === FAILED ? `${name} (a class)` : name;
}

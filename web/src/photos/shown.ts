/** What the network was shown of photos: to be asked about them again, it needs no more of them. */

import { effect } from '@preact/signals';
import type { PreparedPhoto } from '../shared/protocol';
import { lowMemory } from '../settings';

/** Each takes 0.6 MB. */
const MOST = 64;

/** By the ids of photos, the one that was looked at longest ago first. */
const shown = new Map<number, PreparedPhoto>();

effect(() => {
  if (lowMemory.value) shown.clear();
});

/** Whether there is room to keep what the network is shown. */
export function hasRoom(): boolean {
  return !lowMemory.value;
}

export function keepShown(id: number, prepared: PreparedPhoto): void {
  shown.delete(id);
  shown.set(id, prepared);
  const [oldest] = shown.keys();
  if (shown.size > MOST) shown.delete(oldest!);
}

/** Undefined if it is not known any more; a copy, as it goes to the worker. */
export function shownOf(id: number): PreparedPhoto | undefined {
  const known = shown.get(id);
  return known && { ...known, views: known.views.slice() };
}

export function forgetShown(id: number): void {
  shown.delete(id);
}

/** What the network was shown of photos: to be asked about them again, it needs no more of them. */

import type { Photo } from './photo';
import type { PreparedPhoto } from './protocol';
import { lowMemory } from './settings';

/** Each takes 0.6 MB. */
const MOST = 64;

/** The one that was looked at longest ago first. */
const shown = new Map<Photo, PreparedPhoto>();

/** Whether there is room to keep what the network is shown. */
export function hasRoom(): boolean {
  return !lowMemory.value;
}

export function keepShown(photo: Photo, prepared: PreparedPhoto): void {
  shown.delete(photo);
  shown.set(photo, prepared);
  const [oldest] = shown.keys();
  if (shown.size > MOST) shown.delete(oldest!);
}

/** Undefined if it is not known any more; a copy, as it goes to the worker. */
export function shownOf(photo: Photo): PreparedPhoto | undefined {
  const known = shown.get(photo);
  return known && { ...known, views: known.views.slice() };
}

export function forgetShown(photo: Photo): void {
  shown.delete(photo);
}

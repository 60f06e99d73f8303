/** What is found of each photo, kept up to date at a cost that does not grow with their number. */

import { computed, type ReadonlySignal } from '@preact/signals';
import type { Photo } from './photo';

/** So many are asked again when one of them changes, instead of all. */
const TOGETHER = 64;

/** In the order of the photos. */
export function ofEach<T>(
  photos: ReadonlySignal<readonly Photo[]>,
  find: (photo: Photo) => T,
): ReadonlySignal<readonly T[]> {
  const parts = computed(() => {
    const all = photos.value;
    return Array.from({ length: Math.ceil(all.length / TOGETHER) }, (_, i) => {
      const some = all.slice(i * TOGETHER, (i + 1) * TOGETHER);
      return computed(() => some.map(find));
    });
  });
  return computed(() => parts.value.flatMap((part) => part.value));
}

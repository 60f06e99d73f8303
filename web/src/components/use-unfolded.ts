/** Whether a card on the page is long because something in it is unfolded. */

import { computed, signal } from '@preact/signals';
import { useLayoutEffect } from 'preact/hooks';

const count = signal(0);

/**
 * Styles could find out themselves, with `:has`, but then browsers look through all cards whenever
 * something changes in one.
 */
export const isAnyUnfolded = computed(() => count.value > 0);

/** Says so while a part of a card is unfolded. */
export function useUnfolded(isUnfolded: boolean): void {
  useLayoutEffect(() => {
    if (!isUnfolded) return;
    count.value++;
    return () => {
      count.value--;
    };
  }, [isUnfolded]);
}

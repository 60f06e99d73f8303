/** Waiting for what signals say. */

import { effect } from '@preact/signals';

/** Settles once this is so, which is asked anew whenever a signal changes that it reads. */
export function until(isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = effect(() => {
      if (!isSo()) return;
      resolve();
      queueMicrotask(() => stop()); // it may be so at once
    });
  });
}

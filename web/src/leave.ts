/** The browser asks before a page is left with which something would be lost. */

import { effect } from '@preact/signals';
import { isUnsaved } from './teach/lesson';

export function askBeforeLeaving(): void {
  effect(() => {
    // Only where there is something: a page that listens to this is not kept for "back" everywhere.
    if (!isUnsaved.value) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  });
}

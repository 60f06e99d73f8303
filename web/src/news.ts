/** What the page has to say that belongs to no photo: a line in sight wherever one is, until dismissed. */

import { signal } from '@preact/signals';

export interface Notice {
  text: string;
  /** What can be done about it, once. */
  offer?: { label: string; take: () => void };
}

export const notice = signal<Notice | undefined>(undefined);

/**
 * Says this in the place of what was said before. Nothing to say takes that away, too, as one goes
 * on; but an offer stays.
 */
export function say(text: string, offer?: Notice['offer']): void {
  if (text) notice.value = { text, offer };
  else if (!notice.value?.offer) notice.value = undefined;
}

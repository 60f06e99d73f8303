/** What the page has to say that belongs to no photo: a line above everything, until dismissed. */

import { signal } from '@preact/signals';

export interface Notice {
  text: string;
  /** What can be done about it, once. */
  offer?: { label: string; take: () => void };
}

export const notice = signal<Notice | undefined>(undefined);

/** Says this in the place of what was said before; nothing if it is empty. */
export function say(text: string, offer?: Notice['offer']): void {
  notice.value = text ? { text, offer } : undefined;
}

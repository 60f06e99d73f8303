/** What the page has to say that belongs to no photo: a line in sight wherever one is, until dismissed. */

import { signal } from '@preact/signals';

export interface Notice {
  text: string;
  /** What can be done about it, once; gives the id of what came back, if something did. */
  offer?: { label: string; take: () => string | undefined | void };
}

export const notice = signal<Notice | undefined>(undefined);
/** What is said while an offer is there. */
export const aside = signal<Notice | undefined>(undefined);

/**
 * Says this in the place of what was said before. Nothing to say takes that away, too, as one goes
 * on. But an offer stays, until it is taken or dismissed, or another one is made, and what else is
 * said then stands beside it.
 */
export function say(text: string, offer?: Notice['offer']): void {
  const place = !offer && notice.value?.offer ? aside : notice;
  aside.value = undefined;
  place.value = text ? { text, offer } : undefined;
}

/** Which model is at work: the one in the page or a file, with or without a head on it. */

import { computed, signal } from '@preact/signals';
import { ready } from '../backend/network';
import { nameInText } from '../words/name-in-text';
import type { Failure } from '../shared/protocol';

/** Whether a head is in the place of the model's own last layer. */
export const hasHead = computed(() => ready()?.head !== undefined);

/** The id of the kept model at work, if it is one: it is read again and again. */
export const keptAtWork = computed(() => ready()?.kept);

/** What `fileUnderHead` is while there is a head; who puts one on says so here. */
export const baseFile = signal<string | undefined>(undefined);

/** The file of the model at work, whatever is on it; none if that is the one in the page. */
export function fileUnderHead(): string | undefined {
  return hasHead.value ? baseFile.value : ready()?.file;
}

/** Whether the model at work, with or without a head on it, is the one in the page. */
export const isOwnAtWork = computed(() => fileUnderHead() === undefined);

/** Which model is at work after a change that failed like this, as a sentence. */
export function whatStays(failure: Failure): string {
  const present = ready();
  if (!present) return '';
  if (present.insteadOf === failure) {
    return 'The model in this page is used instead.';
  }
  const { file } = present;
  return `${file ? nameInText(file) : 'The model in this page'} stays in use.`;
}

/** Errors, as sentences. */

import { capitalised } from './names';

/** What an error says, as a sentence of its own. */
export function sentence(message: string): string {
  return `${capitalised(withoutStop(message))}.`;
}

/** The same, within a sentence. */
export function withoutStop(message: string): string {
  return message.replace(/[.\s]+$/, '');
}

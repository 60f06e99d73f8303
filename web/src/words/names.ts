/** The names of classes, as they are written. */

import { nameInText } from './name-in-text';

/** Parts of breed names that English writes with a capital. */
const PROPER = new Set(
  `afghan airedale alaskan american appenzeller australian bedlington belgian bernese border boston
  brittany cardigan chesapeake chihuahua doberman english french german gordon ibizan irish
  italian japanese kerry labrador lakeland maltese newfoundland norfolk norwegian norwich old
  pekinese pembroke pyrenees rhodesian russian saluki samoyed scotch scottish sealyham shih siberian
  staffordshire sussex tibetan tzu welsh yorkshire`.split(/\s+/),
);

/** "golden_retriever" as words, wherever they are for: "golden retriever", "Siberian husky". */
function wordsOf(label: string): string {
  return label
    .replace(/_/g, ' ')
    .split(' ')
    .map((word) => (PROPER.has(word) ? capitalised(word) : word))
    .join(' ');
}

/** "golden_retriever" as it stands within a sentence: "golden retriever". */
export function breedInText(label: string): string {
  return nameInText(wordsOf(label));
}

/** "golden_retriever" on its own: "Golden retriever". */
export function breed(label: string): string {
  return nameInText(breedName(label));
}

/** The same for what is no text: to be compared, or written into a table. */
export function breedName(label: string): string {
  return capitalised(wordsOf(label));
}

/** "My dog and The neighbour’s", "12 classes". */
export function shortList(labels: readonly string[]): string {
  return labels.length <= 3
    ? new Intl.ListFormat('en').format(labels.map(breed))
    : `${labels.length} classes`;
}

/** What a head is called by its classes: "My dog and The neighbour’s". */
export function nameOfHead(labels: readonly string[]): string {
  return new Intl.ListFormat('en').format(labels);
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

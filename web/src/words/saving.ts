/** What is not in a file that was saved. */

import { andMore } from './name-in-text';

/** Why there is no picture of a photo. */
export const NO_LONGER_READABLE = 'which can no longer be read';
export const WITHOUT_MAP =
  'of which no map was made (results.csv has the answers, results.jsonl nothing)';

/** Which photos were not saved with the rest, if there is a rest; nothing if all were. */
export function lackingPhotos(
  names: readonly string[],
  isRest: boolean,
): string {
  if (names.length === 0) return '';
  if (!isRest) return 'None of the photos can be read any more.';
  return `All is saved but ${andMore(names)}, ${NO_LONGER_READABLE}.`;
}

/** Whose pictures were not saved with the rest: photos by why, by name; nothing if there are none. */
export function lackingPictures(
  lacking: ReadonlyMap<string, readonly string[]>,
): string {
  const parts = [...lacking].map(
    ([why, names]) => `of ${andMore(names)}, ${why}`,
  );
  if (parts.length === 0) return '';
  const isOne = [...lacking.values()].flat().length === 1;
  return `All is saved but the ${isOne ? 'picture' : 'pictures'} ${parts.join(', and ')}.`;
}

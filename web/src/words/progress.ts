/** How far the page is with its photos, in words. */

import { nameInText } from './name-in-text';
import { capitalised } from './names';

/** "3 of 10 done", "9 of 10 done, 1 failed". */
export function progress(
  total: number,
  finished: number,
  failed: number,
): string {
  const done = `${finished - failed} of ${total} done`;
  return failed === 0 ? done : `${done}, ${failed} failed`;
}

/** What is announced of that: where it begins and ends, not every step; nothing without photos. */
export function progressAnnounced(
  total: number,
  finished: number,
  failed: number,
): string {
  if (total === 0) return '';
  return finished < total
    ? 'Looking at photos…'
    : progress(total, finished, failed);
}

/** What became of photos that were on the page; of one of them, by its name. */
export function tookOff(count: number, name = 'The photo'): string {
  const what = count === 1 ? `${nameInText(name)} was` : `${count} photos were`;
  return `${what} taken off the page.`;
}

/** What became of several photos and boxes to teach. */
export function tookAway(photos: number, boxes: number): string {
  const some = (count: number, one: string, many: string) =>
    count === 0 ? [] : [count === 1 ? `a ${one}` : `${count} ${many}`];
  const what = [
    ...some(photos, 'photo', 'photos'),
    ...some(boxes, 'box', 'boxes'),
  ];
  return `${capitalised(what.join(' and '))} were taken away.`;
}

/** Why there is no picture of a photo. */
export const NO_LONGER_READABLE = 'which can no longer be read';
export const WITHOUT_MAP =
  'of which no map was made (results.csv has the answers, results.jsonl nothing)';

/** Which photos were not saved with the rest, if there is a rest; nothing if all were. */
export function lackingPhotos(
  names: readonly string[],
  isRest: boolean,
): string {
  const [first, ...more] = names;
  if (first === undefined) return '';
  if (!isRest) return 'None of the photos can be read any more.';
  const others = more.length > 0 ? ` and ${more.length} more` : '';
  return `All is saved but ${nameInText(first)}${others}, ${NO_LONGER_READABLE}.`;
}

/** Whose pictures were not saved with the rest: photos by why, by name; nothing if there are none. */
export function lackingPictures(
  lacking: ReadonlyMap<string, readonly string[]>,
): string {
  const parts = [...lacking].map(([why, [first, ...more]]) =>
    more.length > 0
      ? `of ${nameInText(first!)} and ${more.length} more, ${why}`
      : `of ${nameInText(first!)}, ${why}`,
  );
  if (parts.length === 0) return '';
  const isOne = [...lacking.values()].flat().length === 1;
  return `All is saved but the ${isOne ? 'picture' : 'pictures'} ${parts.join(', and ')}.`;
}

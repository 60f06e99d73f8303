/** What was taken away, and can be put back. */

import { nameInText } from './name-in-text';
import { capitalised } from './names';

/** What became of photos that were on the page; of one of them, by its name. */
export function tookOff(count: number, name: string): string {
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

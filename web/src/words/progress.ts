/** How far the page is with its photos, in words. */

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

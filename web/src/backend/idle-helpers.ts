/** Helpers have little to do while the first worker decodes or paints a photo: they can do so too. */

import type { Remote } from 'comlink';
import { helpers } from './hiring';
import type { Outcome, WorkerApi } from '../shared/protocol';
import type { WatchedWorker } from './watched-worker';

/** Each takes some hundred megabytes, if the photo is of a phone. */
const MOST_AT_ONCE = 3;

const busy = new WeakSet<WatchedWorker>();

/** So many of them that may be given something to do. */
export function idleHelpers(): WatchedWorker[] {
  const working = helpers.filter((helper) => busy.has(helper)).length;
  return helpers
    .filter((helper) => !helper.isGone && !busy.has(helper))
    .slice(0, Math.max(0, MOST_AT_ONCE - working));
}

/** Undefined if it cannot be done: the first worker will say why, or find a way. */
export async function borrow<T>(
  helper: WatchedWorker,
  request: (worker: Remote<WorkerApi>) => Promise<Outcome<T>>,
): Promise<T | undefined> {
  busy.add(helper);
  try {
    const outcome = await helper.ask<Outcome<T>>(request);
    return outcome.ok ? outcome.value : undefined;
  } catch {
    return undefined;
  } finally {
    busy.delete(helper);
  }
}

/** Showing the network a part of a photo that it has looked at. */

import { signal } from '@preact/signals';
import type { Box } from '../../../wasm/engine';
import { askAbout } from './errand';
import { presentHow, stopErrands } from './maps';
import { wasStopped } from '../shared/outcome';
import { isSameBox } from '../shared/same-box';
import { until } from '../shared/until';
import type { Photo } from './photo';
import { explainAnew, photos, show } from './photos';
import type { Failure } from '../shared/protocol';
import { hasRoom } from './shown';

/** The photos that the network is shown a part of just now. */
const aiming = signal<ReadonlyMap<Photo, Promise<void>>>(new Map());

/** Those of which it is being found out what is warm. */
const finding = signal<ReadonlySet<Photo>>(new Set());

export function isAiming(photo: Photo): boolean {
  return aiming.value.has(photo) || finding.value.has(photo);
}

/**
 * Shows the network this part of a photo, or what it sees of it usually. May be called again and
 * again while the first call is under way: what is skipped then is never the last one.
 */
export function aim(photo: Photo, crop: Box | undefined): Promise<void> {
  const { value: seen } = photo.crop;
  const known = aiming.peek().get(photo);
  if (isSameBox(seen, crop)) {
    photo.trouble.value = undefined;
    return known ?? Promise.resolve();
  }
  photo.crop.value = crop;
  if (known) return known;
  const underWay = follow(photo, seen);
  aiming.value = new Map([...aiming.peek(), [photo, underWay]]);
  return underWay;
}

/** Shows the network the square around what is warm in the map at hand. */
export async function lookCloser(photo: Photo): Promise<void> {
  const looking = aiming.peek().get(photo);
  if (looking) await looking; // the map at hand is of another part
  if (finding.peek().has(photo)) return until(() => !isAiming(photo));
  const { value: state } = photo.state;
  const map = photo.maps.value.get(photo.target.value);
  if (state.name !== 'done' || !map) return;
  photo.trouble.value = undefined;
  stopErrands(photo); // which it would wait for, and which look at what is no longer shown
  const { crop } = state.result;
  finding.value = new Set([...finding.peek(), photo]);
  const outcome = await askAbout(photo, (worker) => worker.closer(map, crop), {
    needs: 'pixels',
  });
  const aimed = outcome.ok && aim(photo, outcome.value);
  finding.value = new Set([...finding.peek()].filter((each) => each !== photo));
  if (!outcome.ok) {
    const again = () => lookCloser(photo);
    photo.trouble.value = { failure: outcome.failure, again };
    await explainAnew(photo, 'urgent');
  }
  await aimed;
}

/** @param seen what the network was shown last */
async function follow(photo: Photo, seen: Box | undefined): Promise<void> {
  photo.trouble.value = undefined;
  try {
    for (;;) {
      const { value: crop } = photo.crop;
      const outcome = await lookAgain(photo, crop);
      if (outcome === 'gone') {
        // As below, should the photo be put back; else it is looked at anew.
        if (photo.state.value.name === 'done') photo.crop.value = seen;
        return;
      }
      if (outcome !== 'looked') {
        const { value: wanted } = photo.crop;
        const again = () => aim(photo, wanted);
        // The frame goes back to what the answer on the page is about.
        photo.crop.value = seen;
        photo.trouble.value = { failure: outcome, again };
        break;
      }
      seen = crop;
      if (photo.crop.value === crop) break;
    }
  } finally {
    aiming.value = new Map(
      [...aiming.peek()].filter(([other]) => other !== photo),
    );
  }
  // Looking has ended what was under way, whether or not there is an answer.
  await explainAnew(photo, 'urgent');
}

/** Whether the network looked, or why not; the photo may have gone, or wait for another model. */
async function lookAgain(
  photo: Photo,
  crop: Box | undefined,
): Promise<'looked' | 'gone' | Failure> {
  const isThere = () => photos.value.includes(photo);
  const how = presentHow();
  stopErrands(photo);
  const outcome = await askAbout(
    photo,
    (worker) => worker.look(how, crop, hasRoom()),
    { needs: 'pixels', isWanted: isThere },
  );
  const { value: state } = photo.state;
  if (!isThere() || state.name !== 'done') return 'gone';
  // It was away for a moment.
  if (wasStopped(outcome)) return 'gone';
  if (!outcome.ok) return outcome.failure;
  const result = { ...state.result, ...outcome.value };
  const target = photo.isTargetChosen ? photo.target.value : undefined;
  show(photo, result, how, target);
  return 'looked';
}

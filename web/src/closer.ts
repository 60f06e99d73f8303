/** Showing the network a part of a photo that it has looked at. */

import type { Rect } from '../../wasm/engine';
import { askAbout } from './errand';
import { present, stopErrands } from './maps';
import type { Photo } from './photo';
import { explainAnew, photos, show } from './photos';

const aiming = new Map<Photo, Promise<void>>();

/**
 * Shows the network this part of a photo, or what it sees of it usually. May be called again and
 * again while the first call is under way: what is skipped then is never the last one.
 */
export function aim(photo: Photo, crop: Rect | undefined): Promise<void> {
  photo.crop.value = crop;
  const underWay = aiming.get(photo) ?? follow(photo);
  aiming.set(photo, underWay);
  return underWay;
}

/** Shows the network the square around what is warm in the map at hand. */
export async function lookCloser(photo: Photo): Promise<void> {
  const { value: state } = photo.state;
  const map = photo.maps.value.get(photo.target.value);
  if (state.name !== 'done' || !map) return;
  const { crop } = state.result;
  const outcome = await askAbout(photo, (worker) => worker.closer(map, crop));
  if (outcome.ok) await aim(photo, outcome.value);
  else photo.state.value = { name: 'failed', failure: outcome.failure };
}

async function follow(photo: Photo): Promise<void> {
  try {
    for (;;) {
      const { value: crop } = photo.crop;
      if (!(await lookAgain(photo, crop))) return;
      if (photo.crop.value === crop) break;
    }
  } finally {
    aiming.delete(photo);
  }
  await explainAnew(photo);
}

/** Whether the network looked: not if the photo has gone, or waits for another model. */
async function lookAgain(
  photo: Photo,
  crop: Rect | undefined,
): Promise<boolean> {
  const isThere = () => photos.value.includes(photo);
  const how = present();
  stopErrands(photo);
  const outcome = await askAbout(
    photo,
    (worker) => worker.look(how, crop),
    isThere,
  );
  const { value: state } = photo.state;
  if (!isThere() || state.name !== 'done') return false;
  if (!outcome.ok) {
    photo.state.value = { name: 'failed', failure: outcome.failure };
    return false;
  }
  const { value: target } = photo.target;
  const isBest = state.result.predictions[0]?.index === target;
  const result = { ...state.result, ...outcome.value };
  show(photo, result, how, isBest ? undefined : target);
  return true;
}

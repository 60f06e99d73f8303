/** Making heatmaps of a photo that was looked at: of other classes, in other ways, and what for. */

import type { ExplainOptions, Heatmap } from '../../wasm/engine';
import { askAbout, type Photo, type Rival } from './photo';
import type { Failure } from './protocol';
import { layer, method } from './settings';

/** Makes the heatmap answer for another class. */
export async function retarget(photo: Photo, index: number): Promise<void> {
  photo.target.value = index;
  if (photo.maps.value.has(index)) return;
  const how = present();
  const outcome = await askAbout(photo, (worker) =>
    worker.explain([index], how),
  );
  if (!isPresent(how)) return;
  if (outcome.ok) {
    photo.maps.value = withMaps(photo.maps.value, outcome.value);
  } else {
    fail(photo, outcome.failure);
  }
}

/** Puts a second map beside the first, of this class and by this method. */
export async function compare(
  photo: Photo,
  target: number,
  by: string,
): Promise<void> {
  const rival: Rival = { target, method: by };
  const known = by === method.value ? photo.maps.value.get(target) : undefined;
  photo.rival.value = { ...rival, map: known };
  if (known) return;
  const waiting = photo.rival.value;
  const how = { ...present(), method: by };
  const outcome = await askAbout(photo, (worker) =>
    worker.explain([target], how),
  );
  if (photo.rival.value !== waiting) return;
  if (outcome.ok) photo.rival.value = { ...rival, map: outcome.value[0]! };
  else fail(photo, outcome.failure);
}

export function stopComparing(photo: Photo): void {
  photo.rival.value = undefined;
}

/** Finds out what the Grad-CAM map of a class was made of. */
export async function askEvidence(photo: Photo, index: number): Promise<void> {
  if (photo.evidence.value.has(index)) return;
  const outcome = await askAbout(photo, (worker) => worker.evidence(index));
  if (outcome.ok) {
    photo.evidence.value = new Map([
      ...photo.evidence.value,
      [index, outcome.value],
    ]);
  } else {
    fail(photo, outcome.failure);
  }
}

/** How heatmaps are made at present. */
export function present(): Required<ExplainOptions> {
  return { method: method.value, layer: layer.value };
}

export function isPresent(how: ExplainOptions): boolean {
  return how.method === method.value && how.layer === layer.value;
}

export function withMaps(
  known: ReadonlyMap<number, Heatmap>,
  more: readonly Heatmap[],
): ReadonlyMap<number, Heatmap> {
  return new Map([
    ...known,
    ...more.map((map): [number, Heatmap] => [map.class, map]),
  ]);
}

function fail(photo: Photo, failure: Failure): void {
  photo.state.value = { name: 'failed', failure };
}

/** Making heatmaps of a photo that was looked at: of other classes, in other ways, and what for. */

import type { ExplainOptions, Heatmap } from '../../../wasm/engine';
import { methodOf, presentModel } from '../backend/network';
import type { Photo, Rival } from './photo';
import { channels, layer, method } from '../settings';
import { MOST_EXPLAINED_TOGETHER } from '../shared/protocol';
import type { Priority } from '../backend/task-queue';

/** What settles once the maps are there that were asked for last. */
const comings = new WeakMap<Photo, Promise<void>>();

/** Makes the heatmap answer for a class, from now on, whatever is the most probable one. */
export function choose(photo: Photo, index: number): Promise<void> {
  photo.isTargetChosen = true;
  const { making, target } = photo;
  // Its map may be long in the making.
  const comes =
    (index === target.value && making.isUnderWay) ||
    (making.isRunning && passesTellAll());
  if (!comes) return retarget(photo, index);
  target.value = index;
  return comings.get(photo)!;
}

/** Whether the maps of all classes come together, after many passes. */
function passesTellAll(): boolean {
  const isSlow = methodOf(method.value)?.in_passes.includes(layer.value);
  const classes = presentModel()?.classes ?? Infinity;
  return isSlow === true && classes <= MOST_EXPLAINED_TOGETHER;
}

/** Makes the heatmap answer for another class. */
export function retarget(
  photo: Photo,
  index: number,
  priority?: Priority,
): Promise<void> {
  photo.target.value = index;
  if (photo.maps.value.has(index)) {
    photo.making.reset();
    return Promise.resolve();
  }
  const coming = makeMaps(photo, index, priority);
  comings.set(photo, coming);
  return coming;
}

async function makeMaps(
  photo: Photo,
  index: number,
  priority: Priority | undefined,
): Promise<void> {
  const how = presentHow();
  const classes = withBest(photo, index);
  const maps = await photo.making.run(
    photo,
    (worker, report) => worker.explain(classes, how, report),
    priority,
  );
  if (maps && isPresentHow(how)) {
    photo.maps.value = withMaps(photo.maps.value, maps);
  }
}

/** This class, and the most probable one, where its map is soon made and both can be compared. */
function withBest(photo: Photo, index: number): number[] {
  const { value: state } = photo.state;
  const known = methodOf(method.value);
  const isSoon = known && !known.in_passes.includes(layer.value);
  if (!isSoon || !known.is_comparable || state.name !== 'done') return [index];
  const best = state.result.predictions[0]?.index ?? index;
  return [...new Set([index, best])];
}

/** Puts a second map beside the first, of this class and by this method. */
export async function compare(
  photo: Photo,
  target: number,
  by: string,
  priority?: Priority,
): Promise<void> {
  const known = by === method.value ? photo.maps.value.get(target) : undefined;
  const rival: Rival = { target, method: by, map: known };
  photo.rival.value = rival;
  if (known) {
    photo.makingRival.reset();
    return;
  }
  const how = { ...presentHow(), method: by };
  const maps = await photo.makingRival.run(
    photo,
    (worker, report) => worker.explain([target], how, report),
    priority,
  );
  if (maps && photo.rival.value === rival) {
    const map = maps.find((each) => each.class === target);
    photo.rival.value = { ...rival, map };
    // The first one may be among them.
    if (isPresentHow(how)) photo.maps.value = withMaps(photo.maps.value, maps);
  }
}

export function stopComparing(photo: Photo): void {
  photo.rival.value = undefined;
  photo.makingRival.reset();
}

/** Finds out whether a map of the photo shows what the network used. */
export async function measure(photo: Photo, map: Heatmap): Promise<void> {
  if (photo.trust.value?.map === map) return;
  const found = await photo.measuring.run(photo, (worker, report) =>
    worker.measure(map, report),
  );
  if (found) photo.trust.value = { map, found };
}

/** Ends whatever is done for a photo. */
export function stopErrands(photo: Photo): void {
  const { making, makingRival, measuring, tracing } = photo;
  for (const errand of [making, makingRival, measuring, tracing]) {
    errand.reset();
  }
}

/** Finds out what the Grad-CAM map of a class was made of, at the layer of the settings. */
export async function askEvidence(photo: Photo, index: number): Promise<void> {
  if (photo.evidence.value.has(index)) return;
  const how = presentHow();
  const found = await photo.tracing.run(photo, (worker) =>
    worker.evidence(index, how.layer),
  );
  if (!found || !isPresentHow(how)) return;
  photo.evidence.value = new Map([...photo.evidence.value, [index, found]]);
}

/** How heatmaps are made at present. */
export function presentHow(): Required<ExplainOptions> {
  return {
    method: method.value,
    layer: layer.value,
    channels: channels.value,
  };
}

export function isPresentHow(how: Required<ExplainOptions>): boolean {
  return (
    how.method === method.value &&
    how.layer === layer.value &&
    how.channels === channels.value
  );
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

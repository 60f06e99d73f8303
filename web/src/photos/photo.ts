/** One photo on the page. */

import { signal, type Signal } from '@preact/signals';
import type { Box, Evidence, Heatmap, Trust } from '../../../wasm/engine';
import { Errand } from './errand';
import type { Answer, Failure } from '../shared/protocol';

/** Everything that the page shows of one photo. */
export interface PhotoResult extends Pick<
  Answer,
  'predictions' | 'others' | 'milliseconds'
> {
  /** Of the whole, upright photo. */
  width: number;
  height: number;
  /** The part of it that the network saw. */
  crop: Box;
  /** The photo in the size of the screen. */
  preview: Blob;
}

export type PhotoState =
  | { name: 'queued' }
  | { name: 'running' }
  | { name: 'done'; result: PhotoResult }
  | { name: 'failed'; failure: Failure };

export interface Photo {
  readonly id: number;
  readonly name: string;
  readonly file: File;
  /** Or else it is something that was refused, such as a folder. */
  readonly isFile: boolean;
  readonly state: Signal<PhotoState>;
  /** The part of it that the network is to be shown, if someone has chosen one. */
  readonly crop: Signal<Box | undefined>;
  /** Index of the class that the heatmap answers for. */
  readonly target: Signal<number>;
  /** Whether someone has chosen it; otherwise it is the most probable one. */
  isTargetChosen: boolean;
  /** The heatmaps at hand, by class, all made in the way of the settings. */
  readonly maps: Signal<ReadonlyMap<number, Heatmap>>;
  /** What Grad-CAM maps at the layer of the settings were made of, by class, as far as asked. */
  readonly evidence: Signal<ReadonlyMap<number, Evidence>>;
  readonly tracing: Errand;
  /** Makes the map of the target. */
  readonly making: Errand;
  /** A second map beside the first, if there is one. */
  readonly rival: Signal<Rival | undefined>;
  readonly makingRival: Errand;
  /** What the last map that someone asked about is worth. */
  readonly trust: Signal<MapTrust | undefined>;
  readonly measuring: Errand;
  /** What else was asked of the finished photo last, and did not work. */
  readonly trouble: Signal<Trouble | undefined>;
}

/** Why something did not work that leaves the answer as it is, and how to try it again. */
interface Trouble {
  readonly failure: Failure;
  readonly again: () => Promise<void>;
}

/** A map, and whether it shows what the network used. */
interface MapTrust {
  readonly map: Heatmap;
  readonly found: Trust;
}

/** A map to compare with: of another class, or by another method, at the layer of the settings. */
export interface Rival {
  readonly target: number;
  readonly method: string;
  /** Once it is made. */
  readonly map?: Heatmap;
}

let nextId = 1;

export function makePhoto(file: File, state: PhotoState): Photo {
  const id = nextId++;
  return {
    id,
    name: file.name || 'pasted photo',
    file,
    isFile: state.name !== 'failed',
    state: signal(state),
    crop: signal(undefined),
    target: signal(-1),
    isTargetChosen: false,
    maps: signal(new Map()),
    evidence: signal(new Map()),
    tracing: new Errand(id),
    making: new Errand(id),
    rival: signal(undefined),
    makingRival: new Errand(id),
    trust: signal(undefined),
    measuring: new Errand(id),
    trouble: signal(undefined),
  };
}

/** The id of the element with its name on the page. */
export function titleIdOf({ id }: Photo): string {
  return `photo-${id}`;
}

/** Whether there is no more to be expected of a photo than it has. */
export function isSettled({ state, maps, target, making }: Photo): boolean {
  const { name } = state.value;
  const hasMap = maps.value.has(target.value);
  const hasNone = making.state.value === 'stopped' || !!making.failure;
  return name === 'failed' || (name === 'done' && (hasMap || hasNone));
}

export function labelOf({ predictions }: PhotoResult, index: number): string {
  const prediction = predictions.find((entry) => entry.index === index);
  return prediction?.label ?? String(index);
}

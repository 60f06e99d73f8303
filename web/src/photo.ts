/** One photo on the page, and how the worker is asked about it. */

import { signal, type Signal } from '@preact/signals';
import type { Remote } from 'comlink';
import type { Evidence, Heatmap, Rect } from '../../wasm/engine';
import { ask } from './backend';
import { hold } from './photo-io';
import type { Answer, Failure, Outcome, WorkerApi } from './protocol';

/** Everything that the page shows of one photo. */
export interface PhotoResult extends Pick<
  Answer,
  'predictions' | 'milliseconds'
> {
  /** Of the whole, upright photo. */
  width: number;
  height: number;
  /** The part of it that the network saw. */
  crop: Rect;
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
  readonly state: Signal<PhotoState>;
  /** Index of the class that the heatmap answers for. */
  readonly target: Signal<number>;
  /** The heatmaps at hand, by class, all made in the way of the settings. */
  readonly maps: Signal<ReadonlyMap<number, Heatmap>>;
  /** What Grad-CAM maps were made of, by class, as far as someone asked. */
  readonly evidence: Signal<ReadonlyMap<number, Evidence>>;
  /** A second map beside the first, if there is one. */
  readonly rival: Signal<Rival | undefined>;
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
  return {
    id: nextId++,
    name: file.name || 'pasted photo',
    file,
    state: signal(state),
    target: signal(-1),
    maps: signal(new Map()),
    evidence: signal(new Map()),
    rival: signal(undefined),
  };
}

export function labelOf({ predictions }: PhotoResult, index: number): string {
  const prediction = predictions.find((entry) => entry.index === index);
  return prediction?.label ?? String(index);
}

/** Asks about a photo that was looked at before; the engine may hold another one by now. */
export function askAbout<T>(
  { id, file }: Photo,
  request: (worker: Remote<WorkerApi>) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  return ask(async (worker) => {
    if (!(await worker.holds(id))) {
      const held = await hold(worker, id, file);
      if (!held.ok) return held;
    }
    return request(worker);
  }, 'urgent');
}

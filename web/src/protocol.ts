/** What the page and its worker say to each other; comlink carries it. */

import type { Heatmap, ModelInfo, Prediction, Rect } from '../../wasm/engine';

/** An error as a value, because a thrown one would lose its code on the way between threads. */
export interface Failure {
  code: string;
  message: string;
}

export type Outcome<T> =
  { ok: true; value: T } | { ok: false; failure: Failure };

/** Everything that the page shows of one photo. */
export interface PhotoResult {
  /** Of the whole, upright photo. */
  width: number;
  height: number;
  /** The part of it that the network saw. */
  crop: Rect;
  /** The photo as the engine decoded it, made smaller for the screen. */
  preview: Blob;
  /** All classes, the most probable first. */
  predictions: Prediction[];
  /** Of every class, or of the most probable ones where there are too many classes. */
  maps: Heatmap[];
  milliseconds: { decode: number; forward: number; backward: number };
}

/** A photo's file; the id tells whether the engine still holds it, as files change identity. */
export interface PhotoFile {
  id: number;
  file: File;
}

export type ModelSource =
  { kind: 'base64'; text: string } | { kind: 'file'; file: File };

/** The methods of the worker; the page calls one at a time. */
export interface WorkerApi {
  /** Starts the engine and loads the model that is in the page. */
  start(
    module: WebAssembly.Module,
    model: ModelSource,
  ): Promise<Outcome<ModelInfo>>;
  /** Loads another model; if that fails the one before stays. */
  loadModel(
    model: ModelSource,
    progress: (share: number) => void,
  ): Promise<Outcome<ModelInfo>>;
  /** Decodes, classifies and explains a photo. */
  process(photo: PhotoFile): Promise<Outcome<PhotoResult>>;
  /** The heatmaps of further classes. */
  explain(photo: PhotoFile, classes: number[]): Promise<Outcome<Heatmap[]>>;
  /** The whole photo with a heatmap over it, as a PNG file. */
  overlayPng(
    photo: PhotoFile,
    heatmap: Heatmap,
    colormap: string,
    alpha: number,
  ): Promise<Outcome<Blob>>;
}

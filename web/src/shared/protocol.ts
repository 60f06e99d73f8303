/** What the page and its worker say to each other; comlink carries it. */

import type {
  Box,
  Evidence,
  ExplainOptions,
  AboutModel,
  Trust,
  Heatmap,
  ModelInfo,
  Others,
  PassProgress,
  PhotoInfo,
  Precision,
  Prediction,
  Prepared,
  Teaching,
  TeachProgress,
} from '../../../wasm/engine';

/** An error as a value, because a thrown one would lose its code on the way between threads. */
export interface Failure {
  code: string;
  message: string;
}

export type Outcome<T> =
  { ok: true; value: T } | { ok: false; failure: Failure };

/** What the network has to say about a photo. */
export interface Answer {
  /** The part of the photo that the network saw. */
  crop: Box;
  /** All classes, the most probable first. */
  predictions: Prediction[];
  /** Null if the model does not know what is none of its classes. */
  others: Others | null;
  /**
   * Of every class, or of fewer, or none, where that would take long; that of the most probable class
   * is the first.
   */
  maps: Heatmap[];
  milliseconds: { decode: number; forward: number; backward: number };
  /** What the network was shown, if that was to be kept. */
  shown?: Float32Array<ArrayBuffer>;
}

/** Of a photo that an engine holds. */
export interface HeldInfo extends Omit<PhotoInfo, 'format'> {
  /** What it took to decode it and, of a prepared one, to prepare it. */
  milliseconds: number;
}

/** Of a prepared photo there are no more pixels than those that the network is shown. */
export type PhotoSource = ArrayBuffer | ImageBitmap | PreparedPhoto;

/** A photo, ready for the network. */
export interface PreparedPhoto extends Pick<Prepared, 'views'> {
  /** With the crop of the network that it was prepared for. */
  info: HeldInfo;
  preview?: Blob;
}

/** A message on its way between members of the network. */
export interface Parcel {
  /** The run that it belongs to. */
  run: number;
  values: Float32Array<ArrayBuffer>;
}

/** With more classes than this, heatmaps are made when asked for. */
export const MOST_EXPLAINED_TOGETHER = 64;

/** The number of the first worker, whose helpers are counted from 0. */
export const FIRST = -1;

/** A parcel that goes through the page, beside what comlink carries. */
export interface Passed {
  /** The worker that it goes to, and where it arrives the one that it comes from. */
  peer: number;
  parcel: Parcel;
}

/** What a worker may ask the page for, at any time. */
export interface PageApi {
  /** Reads a part of a file that the page has lent to it or, for a helper, to the first worker. */
  read(loan: number, begin: number, end: number): Promise<Uint8Array>;
  /** Writes on at the end of what is to be made of it. */
  write(loan: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** The worker that it was lent to has no more use for it. */
  giveBack(loan: number): void;
}

/**
 * The methods of the worker. The page calls one at a time, but for what it asks about a photo, which
 * may follow `hold` at once and is refused if that failed. Photos and models come as bytes, or are
 * lent: on file:// pages, WebKit's workers cannot read a File or a Blob.
 */
export interface WorkerApi {
  /** What this worker holds as long as it is there, see lifeline.ts. */
  lifeline(): Promise<string | undefined>;
  /**
   * Starts the engine. `helpers` lead to other workers that divide the network with this one, as
   * many as is fastest for the model; `lowMemory` is `LoadOptions.lowMemory` of all models; `onLoss`
   * is told which helper is not there any more, and why.
   */
  start(
    module: WebAssembly.Module,
    helpers: MessagePort[],
    lowMemory: boolean,
    onLoss: (index: number, reason: string) => void,
  ): Promise<void>;
  /**
   * Loads a model of so many bytes as `takeModel` is given them, gzipped. Once they are given away,
   * they can be read by the loan.
   */
  receiveModel(size: number, loan: number): Promise<Outcome<ModelInfo>>;
  /** The gzipped model's next bytes. */
  takeModel(bytes: Uint8Array<ArrayBuffer>): void;
  /** Gives all of them away, once the model is loaded. */
  returnModel(): Promise<Uint8Array<ArrayBuffer>>;
  /** Makes this worker a helper of the one at the other end of the port. */
  serve(module: WebAssembly.Module, port: MessagePort): Promise<void>;
  /**
   * As a helper: prepares a photo for a network that takes it in this way, of ModelInfo; so many
   * views of it (`Engine.prepare`), and a preview if that is wanted.
   */
  prepare(
    file: ArrayBuffer,
    preprocess: ModelInfo['preprocess'],
    views: number,
    hasPreview: boolean,
  ): Promise<Outcome<PreparedPhoto>>;
  /** As a helper: `overlayPng` of the photo in a file. */
  paint(
    file: ArrayBuffer,
    ...how: Parameters<WorkerApi['overlayPng']>
  ): Promise<Outcome<Uint8Array<ArrayBuffer>>>;
  /**
   * Takes other helpers in the place of those before, of which all have a part in any model if so
   * wanted; the model is read anew, and may be run in other ways.
   */
  setHelpers(
    helpers: MessagePort[],
    lowMemory: boolean,
    allTakePart: boolean,
  ): Promise<Outcome<ModelInfo>>;
  /** A helper is known to have gone. */
  lost(index: number, reason: string): Promise<void>;
  /**
   * Whether a model is at work. After a failure it may be that none is: when the one before has to
   * be read again, its file may be gone.
   */
  hasModel(): boolean;
  /** Ends what is under way for this photo, within a layer or 16 ms; it then fails. */
  stop(id: number): void;
  /**
   * Loads another model; if that fails the one before stays, see `hasModel`. `read` may be called
   * as long as the model is at work.
   */
  loadModel(
    size: number,
    loan: number,
    progress: (share: number) => void,
  ): Promise<Outcome<ModelInfo>>;
  /** `Engine.useHead`. */
  useHead(head: Uint8Array | undefined): Promise<Outcome<ModelInfo>>;
  /** `Engine.convertModel`, of a file that was lent and into it. */
  convertModel(
    size: number,
    loan: number,
    precision: Precision,
    progress: (share: number) => void,
    about?: AboutModel,
  ): Promise<Outcome<null>>;
  /**
   * What the last layer takes, of some views of the photo held; refused with `model_changed` if
   * another model than the one of this fingerprint is at work.
   */
  features(
    fingerprint: string,
    views: readonly number[],
  ): Promise<Outcome<Float32Array<ArrayBuffer>[]>>;
  /**
   * Teaches a last layer; gives its head file, and how it did without each photo. `fingerprint` is
   * that of the model that the features are of.
   */
  teach(
    fingerprint: string,
    features: Float32Array<ArrayBuffer>,
    labels: readonly number[],
    views: number,
    names: readonly string[],
    progress: (teaching: Teaching, progress: TeachProgress) => void,
  ): Promise<Outcome<Uint8Array<ArrayBuffer>>>;
  /**
   * Whether the engine holds all of the photo with this id, or, if that is told, whether this part
   * of it is what the network is shown.
   */
  holds(id: number, shown?: Box): boolean;
  /**
   * Makes the engine hold a photo: an image file, or what the browser or a helper made of one;
   * `crop` is the part of it that the network is shown, if it is not the usual one.
   */
  hold(id: number, source: PhotoSource, crop?: Box): Promise<Outcome<HeldInfo>>;
  /** The photo held as the engine decoded it, made smaller for the screen: a JPEG file. */
  preview(): Promise<Outcome<Blob>>;
  /**
   * Classifies and explains this part of the photo held, or the usual one.
   * @param keep whether the answer is to have `shown`
   */
  look(
    how: ExplainOptions,
    crop?: Box,
    keep?: boolean,
  ): Promise<Outcome<Answer>>;
  /** `Engine.closer`. */
  closer(heatmap: Heatmap, crop: Box): Promise<Outcome<Box>>;
  /**
   * The heatmaps of further classes for the photo held, and of others that come with them: of all,
   * if they take many passes and there are no more classes than `MOST_EXPLAINED_TOGETHER`.
   */
  explain(
    classes: number[],
    how: ExplainOptions,
    report: (progress: PassProgress) => void,
  ): Promise<Outcome<Heatmap[]>>;
  /** Whether a heatmap of the photo held shows what the network used. */
  measure(
    heatmap: Heatmap,
    report: (progress: PassProgress) => void,
  ): Promise<Outcome<Trust>>;
  /** What the Grad-CAM map of a class of the photo held, at a layer, was made of. */
  evidence(index: number, layer: string): Promise<Outcome<Evidence>>;
  /** The whole photo held with a heatmap of a part of it over it, as a PNG file. */
  overlayPng(
    heatmap: Heatmap,
    crop: Box,
    colormap: string,
    alpha: number,
    threshold: number,
  ): Promise<Outcome<Uint8Array<ArrayBuffer>>>;
}

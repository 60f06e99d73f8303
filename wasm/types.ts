/** What the class `Engine` takes and gives. */

export interface EngineInfo {
  version: string;
  /** Which build of the engine this is. */
  simd: 'none' | 'simd128' | 'relaxed';
  /** Names that `heatRgba` and `overlayPng` take. */
  colormaps: string[];
  /** The default first. */
  methods: Method[];
  /** Layers whose maps `explain` can look at, from the input on. */
  layers: string[];
  /** What a cell of each of them sees of the input, in pixels of that, whatever its size. */
  receptive_fields: ReceptiveField[];
  /** What `explain` does where it is not told. */
  usual: Required<ExplainOptions>;
  /** How many engines can divide a model. */
  max_members: number;
}

/** How `explain` can be asked to make a map. */
export interface Method {
  name: string;
  /** For people; and a sentence on what the map shows. */
  title: string;
  about: string;
  /** The beginning of a sentence on one map; its class, if it is of one, in the place of "{}". */
  caption: string;
  /** The layers at which it takes many forward passes. */
  in_passes: string[];
  /** The layers at which the maps of all classes take little longer than one. */
  all_at_once: string[];
  /** Whether it looks at a layer; otherwise at the input itself, and the layer is ignored. */
  has_layer: boolean;
  /** Whether it tries `ExplainOptions.channels`. */
  tries_channels: boolean;
  /** Whether it shows edges of the photo, and little of what the network learned. */
  is_decoration: boolean;
  /** Whether what is warm speaks against the class. */
  is_against: boolean;
  /** Whether the maxima of maps of several classes can be compared. */
  is_comparable: boolean;
}

/** What a cell of a layer's map depends on: a square around the cell's middle. */
interface ReceptiveField {
  /** A side of the square. */
  size: number;
  /** From one cell to the next. */
  stride: number;
}

export interface ModelInfo {
  architecture: string;
  labels: string[];
  classes: number;
  /** What a photo shows that shows none of the classes; "" if the model does not know such. */
  others: string;
  parameters: number;
  /** Products that a forward pass sums up, as the layers define it. */
  multiply_adds: number;
  preprocess: Record<string, unknown>;
  temperature: number;
  /** With less probability than this for the best class the answer is "not sure". */
  unsure_below: number;
  /** Tells networks and what they are shown apart, last layers aside; a head file names the one it belongs to. */
  fingerprint: string;
  source: string;
  license: string;
  layers: {
    name: string;
    output: number[];
    weight: number[];
    dtype: string;
    /** How it is computed here. */
    algorithm: string;
  }[];
}

/** A rectangle in the pixels of the upright photo. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PhotoInfo {
  width: number;
  height: number;
  format: string;
  /** The part of the photo that the network sees; without a model, all of it. */
  crop: Box;
}

/** What a file is, by its first bytes. */
export interface Sniffed {
  /** "webp", "pdf", ...; "" for what is not known. */
  format: string;
  /** What `decode` says of that; null for what it reads. */
  refusal: { code: string; message: string } | null;
}

/** What a network is shown of a photo, made by another engine than its own. */
export interface Prepared {
  /** The part of the photo that it sees. */
  crop: Box;
  /** Of each view, one after another: RGB or BGR as it takes them, row by row. */
  views: Float32Array<ArrayBuffer>;
}

/** RGBA, 8 bits each, not premultiplied, row by row. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8ClampedArray<ArrayBuffer>;
}

export interface Prediction {
  label: string;
  index: number;
  probability: number;
  logit: number;
}

/** None of the classes. */
export interface Others {
  label: string;
  probability: number;
}

export interface Classification {
  /** All classes, the most probable first. */
  predictions: Prediction[];
  /** Null if the model does not know what is none of its classes. */
  others: Others | null;
  milliseconds: { preprocess: number; forward: number };
}

/** Where one class found its evidence, over the crop. */
export interface Heatmap {
  /** Index of the class. */
  class: number;
  /** `empty`: no positive evidence; `non_finite`: the network overflowed. All values are zero. */
  status: 'ok' | 'empty' | 'non_finite';
  /** The maximum before it was scaled to 1. */
  maximum: number;
  /** Around what is warm and connected with the maximum, in cells; null without heat. */
  box: Box | null;
  rows: number;
  cols: number;
  /** In [0, 1], row by row. */
  values: Float32Array<ArrayBuffer>;
}

/** What is drawn of a heatmap. */
export type HeatValues = Pick<Heatmap, 'rows' | 'cols' | 'values'>;

export interface ExplainOptions {
  /** The name of a method of `EngineInfo`; `gradcam` if absent. */
  method?: string;
  /** The name of a layer of `EngineInfo`; `block5_conv3` if absent. */
  layer?: string;
  /** How many channels Score-CAM tries, those that vary most first; 0 for all, 32 if absent. */
  channels?: number;
}

/** How far something is that takes many forward passes. */
export interface PassProgress {
  done: number;
  passes: number;
}

/** The forward passes that are left of something. */
export interface PassesLeft {
  passes: number;
  /** The layer that they begin behind; null if they begin at the input. */
  from: string | null;
}

/**
 * A class's probability while pixels are put into a blurred photo, those first that a map calls
 * hottest: a large area is good. evaluate/trust.h has the source.
 */
interface Insertion {
  area: number;
  /** At equal steps, from none of the pixels to all. */
  curve: number[];
}

/** Whether a heatmap shows what the network used. */
export interface Trust {
  /** The class's, of the whole photo. */
  probability: number;
  /** The part of the input where the map is at least one half. */
  covered_area: number;
  /** The class's probability with that covered. */
  covered: number;
  /** With as much covered around the middle. */
  covered_centre: number;
  map: Insertion;
  /** Of pixels, without a map. */
  random_order: Insertion;
  /** Of a round spot in the middle, which knows nothing of the network: what the map must beat. */
  centre: Insertion;
}

/** A Grad-CAM map before its ReLU, as a sum of some channels and all others. */
export interface Evidence {
  rows: number;
  cols: number;
  /** The strongest that speak for the class, the strongest first, then those against it, as well. */
  channels: {
    channel: number;
    /** Its weight in the map. */
    alpha: number;
    /** Its part in everything that was added up or taken away; below zero if it was taken away. */
    share: number;
    /** Its activations, row by row. */
    values: Float32Array<ArrayBuffer>;
  }[];
  /** All other channels together; the values have their weights in them. */
  others: { share: number; values: Float32Array<ArrayBuffer> };
  /** The whole sum, row by row. */
  sum: Float32Array<ArrayBuffer>;
  /** The weights of all channels of the layer. */
  alphas: Float32Array<ArrayBuffer>;
}

/** How numbers are stored in a model file. */
export type Precision = 'f32' | 'f16' | 'int8' | 'int4';

/** What the pixels of photos were turned into when a network was trained. */
export type PixelValues = 'keras' | 'torchvision' | 'unit';

/** A model file of Keras, PyTorch or ONNX, and what it does not tell. */
interface ForeignModel {
  /** The file's. */
  name: string;
  /** If other ones than its program is known for. */
  values?: PixelValues;
  /** How many bytes, behind its own, are of another file, which has the weights of an ONNX file. */
  beside?: number;
}

/** What is to be known of a model file beside its bytes. */
export interface AboutModel {
  /** What a file says that names the classes: a line each, or JSON as Keras has it. */
  labels?: string;
  /** If it is not a safetensors file. */
  foreign?: ForeignModel;
}

/** What is to be taught, and how it will be tested. */
export interface Teaching {
  /** Of a training. */
  steps: number;
  /** The first makes the layer, the others leave photos out. */
  trainings: number;
  /** Into how many the photos are divided to be left out. */
  groups: number;
}

/** How far teaching has come. */
export interface TeachProgress {
  done: boolean;
  /** Of the first training, those that are new: the mean loss of each step. */
  losses: number[];
  /** How many photos have been left out so far. */
  left_out: number;
  /** Of those: a photo, by its number, and the class that it was taken for. */
  mistakes: [photo: number, takenFor: number][];
}

export interface Explanation {
  maps: Heatmap[];
  milliseconds: number;
}

/** Which of how many engines that divide a model this one is, counted from 0. */
export interface Share {
  member: number;
  members: number;
}

export interface LoadOptions extends Share {
  /**
   * Leaves the weights of the convolutions in memory as they are stored, which takes a fraction of
   * the memory and more time.
   */
  lowMemory?: boolean;
  /**
   * Leaves the weights of fc1 in the file, of a VGG16 most of it: for the only member, whose driver
   * reads them when they are needed. `classify` and `explain` do not.
   */
  leaveFc1?: boolean;
}

/**
 * Whether a member has something to compute, lacks a message of another one, or rows of fc1 that
 * were left in the file, or is done.
 */
export type Progress = 'ready' | 'waiting' | 'reading' | 'done';

/** Numbers for another member. */
export interface MemberMessage {
  member: number;
  values: Float32Array<ArrayBuffer>;
}

/**
 * A file that is read in pieces, each with memory of its own, which is given up when it has been
 * used; a `Blob` is another, where the browser lets it be read.
 */
export interface PieceReader {
  size: number;
  read(begin: number, end: number): Promise<Uint8Array>;
}

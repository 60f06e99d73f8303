/**
 * The engine for JavaScript: one typed class over the C functions of gradcam_wasm.h. It runs in a
 * page, a worker and Node, needs no loader script, and leaves `WebAssembly.compile` to the caller,
 * so that one compiled module can serve several engines.
 *
 *     const engine = await Engine.create(await WebAssembly.compile(bytes));
 *     await engine.loadModel(safetensors);
 *     const photo = engine.decode(jpeg);
 *     const { predictions } = engine.classify();
 *     const { maps } = engine.explain([predictions[0].index]);
 *
 * Every method that can fail throws an `EngineError`. Whatever a method returns is a copy of its
 * own and stays valid.
 */

import { Bridge, EngineError, outOfMemory, unsigned } from './bridge';
import {
  pieceReader,
  piecesOf,
  readAhead,
  release,
  spansOf,
  type TensorPlace,
} from './pieces';
import type {
  Box,
  Classification,
  EngineInfo,
  Evidence,
  ExplainOptions,
  Explanation,
  AboutModel,
  Trust,
  Heatmap,
  HeatValues,
  LoadOptions,
  MemberMessage,
  ModelInfo,
  PassesLeft,
  PhotoInfo,
  PieceReader,
  Pixels,
  Precision,
  Prepared,
  Progress,
  Share,
  Sniffed,
  TeachProgress,
  Teaching,
} from './types';
import { wasiImports } from './wasi';

export { EngineError };
export * from './types';

/** The first bytes of a safetensors file, which tell how long its header is. */
const HEADER_LENGTH_BYTES = 8;

/** What `about` says, for those who cannot wait for it: `usual`. */
export const USUAL_METHOD = 'gradcam';
export const USUAL_LAYER = 'block5_conv3';
export const USUAL_CHANNELS = 32;
/** And `max_members`. */
export const MAX_MEMBERS = 8;

const PROGRESS: readonly Progress[] = ['ready', 'waiting', 'reading', 'done'];

const WHOLE: Share = { member: 0, members: 1 };

const NOWHERE: Box = { x: 0, y: 0, width: 0, height: 0 };

/** Refuses what would become another number on its way into the engine. */
function checkNumber(what: string, number: number): void {
  if (Number.isInteger(number) && number >= 0 && number < 2 ** 31) return;
  throw new EngineError(
    'invalid_argument',
    `${what} is a whole number from 0 on, not ${number}`,
  );
}

export class Engine {
  /** How many models have begun to be loaded. */
  private loads = 0;

  private constructor(private readonly bridge: Bridge) {}

  /** An engine of its own memory, without a model; `out_of_memory` where the browser has none. */
  static async create(module: WebAssembly.Module): Promise<Engine> {
    let memory: WebAssembly.Memory | undefined;
    const imports = wasiImports(() => memory!);
    const instance = await WebAssembly.instantiate(module, imports).catch(
      (error: unknown) => {
        // Its imports are there, so all else that a browser can lack is memory.
        throw error instanceof WebAssembly.LinkError
          ? error
          : outOfMemory('an engine');
      },
    );
    memory = instance.exports.memory as WebAssembly.Memory;
    return new Engine(new Bridge(instance));
  }

  /** Frees the engine; it must not be used afterwards. */
  dispose(): void {
    this.bridge.ask('gradcam_destroy');
  }

  /**
   * Lets the browser compile the busiest loops well before a photo needs them, in some tens of
   * milliseconds. Once is enough for all engines of a module.
   */
  warmUp(): void {
    this.bridge.invoke('gradcam_warm_up');
  }

  /** The memory that the engine has taken, in bytes; it gives none of it back. */
  get heapBytes(): number {
    return this.bridge.memory.buffer.byteLength;
  }

  about(): EngineInfo {
    return this.bridge.call('gradcam_about');
  }

  /**
   * Loads a safetensors file piece by piece, so that it is never in memory as a whole. The
   * engine keeps the model it had if the header does not fit a VGG16 and the file's size; after
   * that, the two are not in memory together, and a failure leaves it without one.
   * Throws what `source` throws when it cannot be read, and "cancelled" if another model has begun
   * to be loaded meanwhile.
   * @param progress is told the part already read, from 0 to 1.
   * @param share makes this engine one of several members that divide the model: it reads only
   *   its share, and `classify` and `explain` are not for it.
   */
  async loadModel(
    source: Blob | Uint8Array | PieceReader,
    progress: (part: number) => void = () => {},
    { member, members, lowMemory, leaveFc1 }: LoadOptions = WHOLE,
  ): Promise<ModelInfo> {
    const { size: total, read } = pieceReader(source);
    const header = await this.readHeader(source);
    const turn = ++this.loads;
    const goOn = () => {
      if (turn === this.loads) return;
      throw new EngineError('cancelled', 'another model is loaded instead');
    };
    const { tensors } = this.bridge.call<{
      tensors: (TensorPlace & { index: number })[];
    }>(
      'gradcam_model_begin',
      header,
      total,
      member,
      members,
      lowMemory ? 1 : 0,
      leaveFc1 ? 1 : 0,
    );
    const spans = spansOf(
      tensors.flatMap((tensor) =>
        piecesOf(tensor).map((piece) => ({ ...piece, index: tensor.index })),
      ),
    );
    const all = spans.reduce((sum, { begin, end }) => sum + end - begin, 0);
    let done = 0;
    for await (const { begin: first, pieces, bytes } of readAhead(
      spans,
      read,
    )) {
      goOn();
      for (const { index, begin, end } of pieces) {
        const piece = bytes.subarray(begin - first, end - first);
        this.bridge.call('gradcam_model_tensor', index, piece);
      }
      done += bytes.length;
      if (!(source instanceof Uint8Array)) release(bytes);
      progress(done / all);
    }
    goOn();
    return this.bridge.call('gradcam_model_finish');
  }

  /**
   * How many products a forward pass of a model sums up, by its header; throws as `loadModel` does,
   * if that does not fit.
   */
  async multiplyAddsOf(source: PieceReader): Promise<number> {
    const header = await this.readHeader(source);
    return this.bridge.call<Pick<ModelInfo, 'multiply_adds'>>(
      'gradcam_model_describe',
      header,
      source.size,
    ).multiply_adds;
  }

  /** The header of a safetensors file, once its length has been checked. */
  private async readHeader(
    source: Blob | Uint8Array | PieceReader,
  ): Promise<Uint8Array> {
    const { size, read } = pieceReader(source);
    const first = await read(0, HEADER_LENGTH_BYTES);
    const { header_bytes: headerBytes } = this.bridge.call<{
      header_bytes: number;
    }>('gradcam_model_header_bytes', first, size);
    return read(0, headerBytes);
  }

  /**
   * Puts the last layer in a head file in the place of the model's own, or that one back. What was
   * classified is forgotten; on failure nothing is changed.
   */
  useHead(head?: Uint8Array): ModelInfo {
    return this.bridge.call('gradcam_model_use_head', head ?? new Uint8Array());
  }

  /**
   * Makes a model file of smaller or larger numbers out of another one, from its first byte to its
   * last; neither is ever in memory as a whole. Throws what `source` and `write` throw.
   * @param write takes the next bytes of the new file
   * @param progress is told the part already written, from 0 to 1
   * @param about a file of Keras, PyTorch or ONNX takes up to 150 MB of this engine's memory
   */
  async convertModel(
    source: Blob | Uint8Array | PieceReader,
    precision: Precision,
    write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
    progress: (part: number) => void = () => {},
    { labels = '', foreign }: AboutModel = {},
  ): Promise<void> {
    const { size, read } = pieceReader(source);
    type State = { bytes: number; wanted: [number, number] | null };
    let state = foreign
      ? this.bridge.call<State>(
          'gradcam_import_begin',
          size - (foreign.beside ?? 0),
          foreign.beside ?? 0,
          precision,
          foreign.name,
          foreign.values ?? '',
          labels,
        )
      : this.bridge.call<State>(
          'gradcam_convert_begin',
          await this.readHeader(source),
          size,
          precision,
          labels,
        );
    let written = 0;
    for (;;) {
      const made = this.bridge.data();
      if (made.length > 0) {
        written += made.length;
        await write(made);
        progress(written / state.bytes);
      }
      if (!state.wanted) return;
      const [begin, end] = state.wanted;
      const piece = begin < end ? await read(begin, end) : new Uint8Array();
      state = this.bridge.call('gradcam_convert_piece', piece);
    }
  }

  /** What a file is, by its first 1024 bytes. */
  sniff(start: Uint8Array): Sniffed {
    return this.bridge.call('gradcam_photo_sniff', start);
  }

  /** Takes the bytes of an image file as the photo. */
  decode(file: Uint8Array): PhotoInfo {
    return this.bridge.call('gradcam_photo_decode', file);
  }

  /** Takes upright pixels that someone else decoded as the photo. */
  setPixels({ width, height, data }: Pixels): PhotoInfo {
    if (data.length !== width * height * 4) {
      throw new EngineError(
        'invalid_argument',
        `${data.length} bytes given for ${width} x ${height} RGBA pixels`,
      );
    }
    return this.bridge.call('gradcam_photo_set_pixels', data, width, height);
  }

  /**
   * From now on shows the network this part of the photo, or without one the usual crop again,
   * which it gives. What was classified is forgotten.
   */
  setCrop({ x, y, width, height }: Box = NOWHERE): Box {
    return this.bridge.call('gradcam_photo_set_crop', x, y, width, height);
  }

  /** The photo, upright, shrunk so that no side exceeds `maxSide`. */
  preview(maxSide: number): Pixels {
    const size = this.bridge.call<{ width: number; height: number }>(
      'gradcam_photo_preview',
      maxSide,
    );
    return { ...size, data: new Uint8ClampedArray(this.bridge.data().buffer) };
  }

  /**
   * What a network is shown of the photo, for the engine that has that network; this one needs none.
   * @param preprocess the network's, of `ModelInfo`
   * @param views so many, counted as `beginForward` does
   */
  prepare(preprocess: ModelInfo['preprocess'], views = 1): Prepared {
    const { crop } = this.bridge.call<Pick<Prepared, 'crop'>>(
      'gradcam_photo_prepare',
      JSON.stringify(preprocess),
      views,
    );
    return { crop, views: new Float32Array(this.bridge.data().buffer) };
  }

  /** What the network was shown when it classified last; `setPrepared` takes it. */
  shown(): Float32Array<ArrayBuffer> {
    this.bridge.call('gradcam_photo_shown');
    return new Float32Array(this.bridge.data().buffer);
  }

  /**
   * Takes what another engine has prepared, or this one was shown before, as the photo, of which no
   * more can be had than that.
   */
  setPrepared({ views }: Pick<Prepared, 'views'>): void {
    this.bridge.call('gradcam_photo_set_prepared', views, views.length);
  }

  /** The probabilities of all classes for the photo. */
  classify(): Classification {
    const { milliseconds: preprocess } = this.beginForward();
    const start = performance.now();
    this.runAlone();
    const forward = performance.now() - start;
    return { ...this.predictions(), milliseconds: { preprocess, forward } };
  }

  /**
   * Heatmaps for these classes, of the photo last classified, by one of the methods and at one of
   * the layers that `about` lists. After methods that take passes, it has to be classified again.
   */
  explain(
    classes: readonly number[],
    options: ExplainOptions = {},
  ): Explanation {
    const start = performance.now();
    this.beginExplain(classes, options);
    this.runAlone();
    this.runPassesAlone();
    return { maps: this.maps(), milliseconds: performance.now() - start };
  }

  /**
   * Finds out whether a heatmap of the photo last classified shows what the network used; afterwards
   * it has to be classified again.
   */
  measure(heatmap: Heatmap): Trust {
    this.beginMeasure(heatmap);
    this.runPassesAlone();
    return this.trust();
  }

  private runAlone(): void {
    while (this.progress() === 'ready') this.step();
    if (this.progress() === 'done') return;
    throw new EngineError(
      'invalid_argument',
      'this engine has only a share of the model, or left some of it in the file',
    );
  }

  private runPassesAlone(): void {
    for (;;) {
      const { passes, from } = this.passesLeft();
      if (passes === 0) return;
      this.beginPass(from);
      this.runAlone();
    }
  }

  /**
   * Begins to classify the photo of member 0 together with the other members, and forgets what was
   * under way. All members must have begun before one is given a message. The photo's
   * preprocessing takes the milliseconds.
   * @param options of maps that will be wanted, which will not need this again
   * @param view 0 is the photo itself, 1 its mirror image, 2 to 5 are corners
   */
  beginForward(
    { method = USUAL_METHOD, layer = USUAL_LAYER }: ExplainOptions = {},
    view = 0,
  ): { milliseconds: number } {
    const start = performance.now();
    this.bridge.call('gradcam_members_begin_forward', view, method, layer);
    return { milliseconds: performance.now() - start };
  }

  /**
   * When classifying is done: begins to explain these classes, the same at all members. When that
   * is done, `passesLeft` has the rest.
   */
  beginExplain(
    classes: readonly number[],
    {
      method = USUAL_METHOD,
      layer = USUAL_LAYER,
      channels = USUAL_CHANNELS,
    }: ExplainOptions = {},
  ): void {
    for (const index of classes) checkNumber('a class', index);
    checkNumber('how many channels are tried', channels);
    this.bridge.call(
      'gradcam_members_begin_explain',
      Int32Array.from(classes),
      classes.length,
      method,
      layer,
      channels,
    );
  }

  /**
   * At member 0, when the photo is classified: begins to find out whether a heatmap of it shows
   * what the network used. All of that is passes.
   */
  beginMeasure(heatmap: Heatmap): void {
    const { rows, cols } = heatmap;
    const values = valuesOf(heatmap);
    this.bridge.call(
      'gradcam_members_begin_measure',
      heatmap.class,
      values,
      rows,
      cols,
    );
  }

  /**
   * Begins a pass, the same at all members; afterwards the photo has to be classified again.
   * @param from as `passesLeft` says at member 0
   */
  beginPass(from: string | null): void {
    this.bridge.call('gradcam_members_begin_pass', from ?? '');
  }

  /**
   * When classifying is done: begins to bring together what the Grad-CAM map of a class at a layer
   * is made of, the same at all members.
   */
  beginEvidence(index: number, layer = USUAL_LAYER): void {
    this.bridge.call('gradcam_members_begin_evidence', index, layer);
  }

  /** Where this member is with what it has begun. */
  progress(): Progress {
    return PROGRESS[this.bridge.ask('gradcam_members_progress')]!;
  }

  /** Computes one layer at most. */
  step(): void {
    this.bridge.call('gradcam_members_step');
  }

  /** While reading: where the rows of fc1 are that are lacking, the next one first. */
  unread(): TensorPlace {
    return this.bridge.call('gradcam_members_unread');
  }

  /** Takes the next of them, any number of whole ones, to compute with. */
  read(bytes: Uint8Array): void {
    this.bridge.call('gradcam_members_read', bytes);
  }

  /**
   * What beginning and the last steps have left for other members, to be sent in this order.
   * @param room gives a buffer of so many bytes for each of them
   */
  takeMessages(
    room: (bytes: number) => ArrayBuffer = (bytes) => new ArrayBuffer(bytes),
  ): MemberMessage[] {
    const messages: MemberMessage[] = [];
    for (;;) {
      const member = this.bridge.ask('gradcam_members_take_message');
      if (member < 0) return messages;
      const bytes = this.bridge.dataInPlace();
      const values = new Float32Array(room(bytes.length));
      new Uint8Array(values.buffer).set(bytes);
      messages.push({ member, values });
    }
  }

  /** Takes what the member `from` has sent; its messages must come in their order. */
  receive(from: number, values: Float32Array): void {
    const pointer = unsigned(
      this.bridge.ask('gradcam_members_receive', from, values.length),
    );
    if (!pointer) this.bridge.answer(1);
    new Float32Array(this.bridge.memory.buffer).set(values, pointer / 4);
  }

  /** When classifying together is done, at any member. */
  predictions(): Pick<Classification, 'predictions' | 'others'> {
    return this.bridge.call('gradcam_members_predictions');
  }

  /** When classifying is done, at any member: what the last layer takes. */
  features(): Float32Array<ArrayBuffer> {
    this.bridge.call('gradcam_members_features');
    return new Float32Array(this.bridge.data().buffer);
  }

  /**
   * At member 0, when what was begun to be explained or measured, or a pass of it, is done: what is
   * left of it. Whoever wants no more may begin something else.
   */
  passesLeft(): PassesLeft {
    return this.bridge.call('gradcam_passes_left');
  }

  /** What was begun to be explained, when no passes are left. */
  maps(): Heatmap[] {
    const { rows, cols, maps } = this.bridge.call<{
      rows: number;
      cols: number;
      maps: Pick<Heatmap, 'class' | 'status' | 'maximum' | 'box'>[];
    }>('gradcam_passes_finish');
    const all = new Float32Array(this.bridge.data().buffer);
    const cells = rows * cols;
    return maps.map((map, index) => ({
      ...map,
      rows,
      cols,
      values: all.slice(index * cells, (index + 1) * cells),
    }));
  }

  /** What was begun to be measured, when no passes are left. */
  trust(): Trust {
    return this.bridge.call('gradcam_passes_finish');
  }

  /** When that is done, at member 0: with so many channels for the class, and against it. */
  evidence(countFor = 3, countAgainst = 2): Evidence {
    const { rows, cols, channels, others_share } = this.bridge.call<
      Pick<Evidence, 'rows' | 'cols'> & {
        channels: Omit<Evidence['channels'][number], 'values'>[];
        others_share: number;
      }
    >('gradcam_members_evidence', countFor, countAgainst);
    const all = new Float32Array(this.bridge.data().buffer);
    let taken = 0;
    const take = (count: number) => all.slice(taken, (taken += count));
    const map = () => take(rows * cols);
    return {
      rows,
      cols,
      sum: map(),
      others: { share: others_share, values: map() },
      channels: channels.map((channel) => ({ ...channel, values: map() })),
      alphas: take(all.length - taken),
    };
  }

  /**
   * Begins to train a last layer on photos.
   * @param features of each view of each photo, one after another, as `features` gives them
   * @param labels the class of each photo, counted from 0
   */
  beginTeaching(
    features: Float32Array,
    labels: readonly number[],
    views: number,
  ): Teaching {
    return this.bridge.call(
      'gradcam_begin_teaching',
      features,
      Int32Array.from(labels),
      labels.length,
      views,
    );
  }

  /** Trains by so many steps, or until the end. */
  teach(steps: number): TeachProgress {
    return this.bridge.call('gradcam_teach', steps);
  }

  /** After the end: the layer as a head file, with a label for each class. */
  finishTeaching(labels: readonly string[]): Uint8Array<ArrayBuffer> {
    this.bridge.call('gradcam_finish_teaching', JSON.stringify(labels));
    return this.bridge.data();
  }

  /**
   * The square around what is warm in a heatmap of a part of the photo, to be shown to the network
   * in the place of all that: it knows dogs much better that are not small.
   */
  closer(heatmap: HeatValues, { x, y, width, height }: Box): Box {
    const { rows, cols } = heatmap;
    return this.bridge.call(
      'gradcam_closer',
      valuesOf(heatmap),
      rows,
      cols,
      x,
      y,
      width,
      height,
    );
  }

  /**
   * The heatmap in colour at this size, bilinear in between. The alpha is the evidence's: draw it
   * over the crop of the photo.
   * @param threshold below it no heat is shown
   */
  heatRgba(
    heatmap: HeatValues,
    colormap: string,
    width: number,
    height: number,
    threshold = 0,
  ): Pixels {
    const { rows, cols } = heatmap;
    this.bridge.call(
      'gradcam_heat_rgba',
      valuesOf(heatmap),
      rows,
      cols,
      width,
      height,
      colormap,
      threshold,
    );
    return {
      width,
      height,
      data: new Uint8ClampedArray(this.bridge.data().buffer),
    };
  }

  /**
   * A PNG file of the whole photo with a heatmap of a part of it over it, as the command line
   * writes it.
   * @param threshold below it no heat is shown
   */
  overlayPng(
    heatmap: HeatValues,
    { x, y, width, height }: Box,
    colormap: string,
    alpha: number,
    threshold = 0,
  ): Uint8Array<ArrayBuffer> {
    const { rows, cols } = heatmap;
    this.bridge.call(
      'gradcam_overlay_png',
      valuesOf(heatmap),
      rows,
      cols,
      x,
      y,
      width,
      height,
      colormap,
      alpha,
      threshold,
    );
    return this.bridge.data();
  }
}

function valuesOf({ rows, cols, values }: HeatValues): Float32Array {
  if (values.length !== rows * cols) {
    throw new EngineError(
      'invalid_argument',
      `${values.length} values given for a heatmap of ${rows} x ${cols}`,
    );
  }
  return values;
}

/** The worker: one engine, one task at a time, so that the page never waits for the network. */

import { expose, transfer } from 'comlink';
import {
  Engine,
  EngineError,
  type ModelInfo,
  type PhotoInfo,
  type PieceReader,
  type Pixels,
} from '../../wasm/engine';
import { fromBase64 } from './base64';
import type { Answer, Outcome, WorkerApi } from './protocol';

/** Sharp on a double-density screen in the widest card, and still small. */
const PREVIEW_SIDE = 1280;

/** With more classes than this, heatmaps are made when asked for. */
const EXPLAIN_ALL_CLASSES = 64;
const EXPLAIN_FIRST = 5;

let module: WebAssembly.Module;
let engine: Engine;
let model: Uint8Array | PieceReader;
/** The photo that the engine holds, and whether it has been classified. */
let held: { id: number; info: PhotoInfo; classified: boolean } | undefined;

const api: WorkerApi = {
  start: (compiled, texts) =>
    outcome(async () => {
      module = compiled;
      engine = await Engine.create(module);
      return load(fromBase64(texts));
    }),

  loadModel: (size, read, progress) => {
    const unreadable = () => {
      throw new EngineError(
        'unreadable_file',
        'the model file cannot be read; it may have been moved or changed',
      );
    };
    const reader = {
      size,
      read: (begin: number, end: number) => read(begin, end).catch(unreadable),
    };
    return outcome(() => load(reader, progress));
  },

  holds: (id) => held?.id === id,

  hold: (id, source) =>
    outcome(async () => {
      held = undefined;
      const start = performance.now();
      const info =
        source instanceof ArrayBuffer
          ? engine.decode(new Uint8Array(source))
          : engine.setPixels(pixelsOf(source));
      info.milliseconds = performance.now() - start;
      held = { id, info, classified: false };
      return info;
    }),

  look: async () => {
    const answer = await outcome(look);
    return answer.ok
      ? transfer(answer, [answer.value.preview.data.buffer])
      : answer;
  },

  explain: (classes) =>
    outcome(async () => {
      classify();
      return engine.explain(classes).maps;
    }),

  overlayPng: async (heatmap, colormap, alpha) => {
    const png = await outcome(async () =>
      engine.overlayPng(heatmap, colormap, alpha),
    );
    return png.ok ? transfer(png, [png.value.buffer]) : png;
  },
};

async function look(): Promise<Answer> {
  const { milliseconds: decode } = held!.info;
  const preview = engine.preview(PREVIEW_SIDE);
  const { predictions, milliseconds } = engine.classify();
  held!.classified = true;
  const explained =
    predictions.length > EXPLAIN_ALL_CLASSES
      ? predictions.slice(0, EXPLAIN_FIRST)
      : predictions;
  const explanation = engine.explain(explained.map(({ index }) => index));
  return {
    preview,
    predictions,
    maps: explanation.maps,
    milliseconds: {
      // As on the command line, everything before the network.
      decode: decode + milliseconds.preprocess,
      forward: milliseconds.forward,
      backward: explanation.milliseconds,
    },
  };
}

/** What `explain` stands on, where that has not been done already. */
function classify(): void {
  if (held?.classified) return;
  engine.classify();
  if (held) held.classified = true;
}

function pixelsOf(bitmap: ImageBitmap): Pixels {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', {
    willReadFrequently: true,
  })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, data: data as Pixels['data'] };
}

async function load(
  source: Uint8Array | PieceReader,
  progress?: (share: number) => void,
): Promise<ModelInfo> {
  const info = await engine.loadModel(source, progress);
  model = source;
  held = undefined;
  return info;
}

/** Turns what is thrown into a value, and a crash of the engine into a new engine. */
async function outcome<T>(task: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await task() };
  } catch (error) {
    const failure =
      error instanceof EngineError
        ? { code: error.code, message: error.message }
        : { code: 'internal', message: await restart(error) };
    return { ok: false, failure };
  }
}

/** After a trap, most often for lack of memory, only a fresh memory can be trusted. */
async function restart(cause: unknown): Promise<string> {
  held = undefined;
  const reason = cause instanceof Error ? cause.message : String(cause);
  try {
    engine = await Engine.create(module);
    await engine.loadModel(model);
    return `the engine failed at this and was started anew (${reason})`;
  } catch {
    return `the engine failed and could not be started anew (${reason})`;
  }
}

expose(api);

/** The worker: one engine, one task at a time, so that the page never waits for the network. */

import { expose } from 'comlink';
import {
  Engine,
  EngineError,
  type Heatmap,
  type ModelInfo,
  type PhotoInfo,
  type Pixels,
} from '../../wasm/engine';
import { fromBase64 } from './base64';
import { browserDecode } from './browser-decode';
import type { Outcome, PhotoFile, PhotoResult, WorkerApi } from './protocol';

/** Sharp on a double-density screen in the widest card, and still small. */
const PREVIEW_SIDE = 1280;
const PREVIEW_QUALITY = 0.9;

/** With more classes than this, heatmaps are made when asked for. */
const EXPLAIN_ALL_CLASSES = 64;
const EXPLAIN_FIRST = 5;

let module: WebAssembly.Module;
let engine: Engine;
let model: Blob;
/** The photo whose pixels the engine holds, and whether it has been classified. */
let held: { id: number; info: PhotoInfo; classified: boolean } | undefined;

const api: WorkerApi = {
  start: (compiled, source) =>
    outcome(async () => {
      module = compiled;
      engine = await Engine.create(module);
      return load(source, () => {});
    }),

  loadModel: (source, progress) => outcome(() => load(source, progress)),

  process: (source) =>
    outcome(async () => {
      const photo = await hold(source);
      const preview = await encode(engine.preview(PREVIEW_SIDE));
      const { predictions, milliseconds } = engine.classify();
      held!.classified = true;
      const asked =
        predictions.length > EXPLAIN_ALL_CLASSES
          ? predictions.slice(0, EXPLAIN_FIRST)
          : predictions;
      const explanation = engine.explain(asked.map(({ index }) => index));
      const result: PhotoResult = {
        width: photo.width,
        height: photo.height,
        crop: photo.crop,
        preview,
        predictions,
        maps: explanation.maps,
        milliseconds: {
          // As on the command line, everything before the network.
          decode: photo.milliseconds + milliseconds.preprocess,
          forward: milliseconds.forward,
          backward: explanation.milliseconds,
        },
      };
      return result;
    }),

  explain: (source, classes) =>
    outcome(async (): Promise<Heatmap[]> => {
      await hold(source);
      if (!held!.classified) engine.classify();
      held!.classified = true;
      return engine.explain(classes).maps;
    }),

  overlayPng: (source, heatmap, colormap, alpha) =>
    outcome(async () => {
      await hold(source);
      const png = engine.overlayPng(heatmap, colormap, alpha);
      return new Blob([png], { type: 'image/png' });
    }),
};

/** Makes the engine hold this photo, by the browser's decoder where the engine has none. */
async function hold({ id, file }: PhotoFile): Promise<PhotoInfo> {
  if (held?.id === id) return held.info;
  held = undefined;
  const info = await decode(file, await read(file));
  held = { id, info, classified: false };
  return info;
}

async function read(file: File): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new EngineError(
      'unreadable_file',
      'the file cannot be read; it may be a folder, or have been moved or changed',
    );
  }
}

async function decode(file: File, bytes: Uint8Array): Promise<PhotoInfo> {
  try {
    return engine.decode(bytes);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (error.code !== 'unsupported_format') throw error;
    const start = performance.now();
    const pixels = await browserDecode(file);
    if (!pixels) throw error;
    const info = engine.setPixels(pixels);
    return { ...info, milliseconds: performance.now() - start };
  }
}

async function encode({ width, height, data }: Pixels): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')!.putImageData(new ImageData(data, width), 0, 0);
  return canvas.convertToBlob({ type: 'image/jpeg', quality: PREVIEW_QUALITY });
}

async function load(
  source: Parameters<WorkerApi['loadModel']>[0],
  progress: (share: number) => void,
): Promise<ModelInfo> {
  const bytes = source.kind === 'file' ? source.file : fromBase64(source.text);
  const info = await engine.loadModel(bytes, progress);
  model = bytes instanceof Blob ? bytes : new Blob([bytes]);
  held = undefined;
  return info;
}

/** Turns what is thrown into a value, and a crash of the engine into a new engine. */
async function outcome<T>(task: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await task() };
  } catch (error) {
    if (error instanceof EngineError) {
      return {
        ok: false,
        failure: { code: error.code, message: error.message },
      };
    }
    const message = await restart(error);
    return { ok: false, failure: { code: 'internal', message } };
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

/** Photos on their way into an engine. */

import {
  EngineError,
  type Box,
  type Engine,
  type PhotoInfo,
  type Pixels,
} from '../../../wasm/engine';
import { release } from '../../../wasm/pieces';
import type { HeldInfo, PhotoSource } from '../shared/protocol';
import { isCanvasTrue } from './true-canvas';

const ONLY_NOISE =
  'this browser guards against fingerprinting and gives the page only noise for pictures that it ' +
  'decodes itself, such as WebP, AVIF and those of a camera; JPEG and PNG files will do';

/**
 * Makes the engine hold a photo, and tells how long that took; of a prepared one, how long it took
 * to prepare it.
 * @param crop the part that the network is shown, if it is not the usual one
 */
export function take(
  engine: Engine,
  source: PhotoSource,
  crop?: Box,
): HeldInfo {
  if ('views' in source) {
    engine.setPrepared(source);
    return source.info;
  }
  const start = performance.now();
  const info =
    source instanceof ArrayBuffer
      ? decodeFile(engine, source)
      : takeBitmap(engine, source);
  if (crop) info.crop = engine.setCrop(crop);
  return { ...info, milliseconds: performance.now() - start };
}

/** Makes the engine hold the photo in a file, of which the memory is given up. */
export function decodeFile(engine: Engine, bytes: ArrayBuffer): PhotoInfo {
  const file = new Uint8Array(bytes);
  try {
    return engine.decode(file);
  } finally {
    release(file);
  }
}

function takeBitmap(engine: Engine, bitmap: ImageBitmap): PhotoInfo {
  if (!isCanvasTrue()) {
    bitmap.close();
    throw new EngineError('unsupported_format', ONLY_NOISE);
  }
  const pixels = pixelsOf(bitmap);
  const info = engine.setPixels(pixels);
  release(pixels.data);
  return info;
}

function pixelsOf(bitmap: ImageBitmap): Pixels {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', {
    willReadFrequently: true,
  })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  context.canvas.width = context.canvas.height = 0; // gives up its memory at once
  return { width, height, data: data as Pixels['data'] };
}

/** What the page shows of a photo. */

import { EngineError, type Engine, type Pixels } from '../../../wasm/engine';
import { release } from '../../../wasm/pieces';
import { reasonOf } from '../shared/outcome';

/** Sharp on a double-density screen in the widest card, and still small. */
const SIDE = 1280;
const QUALITY = 0.9;

/**
 * The photo held as the engine decoded it, as a JPEG file for an image element, which the browser
 * may drop from memory off the screen. To be made in a worker: on the thread of a page, Chromium
 * waits with it until the page has nothing else to do, and in a hidden one for a second.
 */
export async function encodePreview(engine: Engine): Promise<Blob> {
  const pixels = engine.preview(SIDE);
  try {
    return await encode(pixels);
  } catch (error) {
    // Not the engine's fault, which goes on.
    const message = `the browser made no preview of it (${reasonOf(error)})`;
    throw new EngineError('internal', message);
  }
}

async function encode({ width, height, data }: Pixels): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')!.putImageData(new ImageData(data, width), 0, 0);
  release(data);
  const type = 'image/jpeg';
  const preview = await canvas.convertToBlob({ type, quality: QUALITY });
  canvas.width = canvas.height = 0; // gives up its memory at once
  return preview;
}

/** What the page shows of a photo. */

import { EngineError, type Engine, type Pixels } from '../../../wasm/engine';
import { release } from '../../../wasm/pieces';
import { reasonOf } from '../shared/outcome';
import { isCanvasTrue } from './true-canvas';

/** Sharp on a double-density screen in the widest card, and still small. */
const SIDE = 1280;
const QUALITY = 0.9;

/**
 * The photo held as the engine decoded it, as a file for an image element, which the browser may
 * drop from memory off the screen: JPEG, or BMP where the browser would encode noise. To be made in a worker: on the thread of a page, Chromium
 * waits with it until the page has nothing else to do, and in a hidden one for a second.
 */
export async function encodePreview(engine: Engine): Promise<Blob> {
  const pixels = engine.preview(SIDE);
  try {
    return isCanvasTrue() ? await encode(pixels) : bitmapFile(pixels);
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

/** The pixels as they are, behind a BITMAPFILEHEADER and a BITMAPV4HEADER. */
function bitmapFile({ width, height, data }: Pixels): Blob {
  const [fileHeader, header] = [14, 108];
  const view = new DataView(new ArrayBuffer(fileHeader + header));
  const isLittleEndian = true;
  const put = (at: number, ...values: number[]) =>
    values.forEach((value, i) =>
      view.setUint32(at + 4 * i, value, isLittleEndian),
    );
  view.setUint16(0, 0x424d); // "BM"
  put(2, view.byteLength + data.length);
  put(10, view.byteLength);
  put(fileHeader, header, width, -height); // from the top down
  view.setUint16(fileHeader + 12, 1, isLittleEndian); // plane
  view.setUint16(fileHeader + 14, 32, isLittleEndian); // bits
  const bitFields = 3;
  put(fileHeader + 16, bitFields, data.length);
  put(fileHeader + 40, 0xff, 0xff00, 0xff0000); // red, green and blue
  return new Blob([view, data], { type: 'image/bmp' });
}

/** Getting photos to the worker, and pictures from it. */

import { transfer, type Remote } from 'comlink';
import type { PhotoInfo, Pixels, Rect } from '../../wasm/engine';
import { release } from '../../wasm/pieces';
import type { Photo } from './photo';
import type { Outcome, WorkerApi } from './protocol';

const PREVIEW_QUALITY = 0.9;

/** What is wrong with the contents of a file, however often it is read. */
export const FAULTS_OF_CONTENTS: ReadonlySet<string> = new Set([
  'unsupported_format',
  'corrupt_image',
  'image_too_large',
]);

/**
 * Makes the engine hold this photo: by its own decoder, or by the browser's where it has none
 * (WebP, AVIF, HEIC, ...).
 * @param crop the part of it that the network is shown, if it is not the usual one
 */
export async function hold(
  worker: Remote<WorkerApi>,
  { id, file }: Pick<Photo, 'id' | 'file'>,
  crop?: Rect,
): Promise<Outcome<PhotoInfo>> {
  let bytes: ArrayBuffer;
  try {
    bytes = await file.arrayBuffer();
  } catch {
    const message =
      'the file cannot be read; it may be a folder, or have been moved or changed';
    return { ok: false, failure: { code: 'unreadable_file', message } };
  }
  const outcome = await worker.hold(id, transfer(bytes, [bytes]), crop);
  if (outcome.ok || outcome.failure.code !== 'unsupported_format') {
    return outcome;
  }
  const bitmap = await browserDecode(file);
  return bitmap ? worker.hold(id, transfer(bitmap, [bitmap]), crop) : outcome;
}

/** A JPEG file for an image element, which the browser may drop from memory off the screen. */
export async function encodePreview(pixels: Pixels): Promise<Blob> {
  const { width, height, data } = pixels;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')!.putImageData(new ImageData(data, width), 0, 0);
  release(data);
  const quality = PREVIEW_QUALITY;
  const preview = await canvas.convertToBlob({ type: 'image/jpeg', quality });
  canvas.width = canvas.height = 0; // gives up its memory at once
  return preview;
}

/** The photo upright, if the browser knows its format. */
async function browserDecode(file: File): Promise<ImageBitmap | undefined> {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    return undefined;
  }
}

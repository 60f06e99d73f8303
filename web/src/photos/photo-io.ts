/** Getting photos to the worker, and pictures from it. */

import { transfer, type Remote } from 'comlink';
import type { Box } from '../../../wasm/engine';
import { megabytes } from '../words/numbers';
import { browserDecode, sniff } from './browser-decoder';
import { refusal } from '../shared/outcome';
import type {
  Failure,
  HeldInfo,
  Outcome,
  PhotoSource,
  WorkerApi,
} from '../shared/protocol';

/** No photo is as large; what is may be a film, and would not fit into memory. */
export const MOST_FILE_BYTES = 512 << 20;

/** What is wrong with the contents of a file, however often it is read. */
export const FAULTS_OF_CONTENTS: ReadonlySet<string> = new Set([
  'unsupported_format',
  'corrupt_image',
  'image_too_large',
]);

const UNREADABLE = refusal(
  'unreadable_file',
  'the file cannot be read; it may be a folder, or have been moved or changed',
);

/** A photo that the engine was made to hold. */
export interface Held<T> {
  info: HeldInfo;
  /** What `ask` gave. */
  asked: T;
}

/**
 * Makes the engine hold this photo: by its own decoder, or by the browser's where it has none
 * (WebP, AVIF, HEIC, ...).
 * @param crop the part of it that the network is shown, if it is not the usual one
 * @param ask is called once the photo is on its way: what the worker is asked then it does next,
 *   without waiting for this thread, which may have much to draw; it refuses if it has no photo.
 */
export async function hold<T>(
  worker: Remote<WorkerApi>,
  { id, file }: { id: number; file: File },
  crop: Box | undefined,
  ask: () => T,
): Promise<Outcome<Held<T>>> {
  const tooLarge = whyTooLarge(file);
  if (tooLarge) return tooLarge;
  let bytes: ArrayBuffer;
  try {
    bytes = await file.arrayBuffer();
  } catch {
    return UNREADABLE;
  }
  const outcome = await put(worker, id, bytes, crop, ask);
  if (outcome.ok || outcome.failure.code !== 'unsupported_format') {
    return outcome;
  }
  const bitmap = await browserDecode(file, outcome);
  return bitmap.ok ? put(worker, id, bitmap.value, crop, ask) : bitmap;
}

/** The same with what has been made of the file. */
export async function put<T>(
  worker: Remote<WorkerApi>,
  id: number,
  source: PhotoSource,
  crop: Box | undefined,
  ask: () => T,
): Promise<Outcome<Held<T>>> {
  const given = 'views' in source ? source.views.buffer : source;
  const holding = worker.hold(id, transfer(source, [given]), crop);
  const asked = ask();
  const outcome = await holding;
  return outcome.ok
    ? { ok: true, value: { info: outcome.value, asked } }
    : outcome;
}

/** Why a file is no photo, as far as that is to be seen without decoding it by the engine. */
export async function whyNoPhoto(file: File): Promise<Failure | undefined> {
  try {
    const failure = (await sniff(file))?.refusal ?? undefined;
    if (failure?.code !== 'unsupported_format') return failure;
    const tooLarge = whyTooLarge(file);
    if (tooLarge) return tooLarge.failure;
    const bitmap = await browserDecode(file, { ok: false, failure });
    if (!bitmap.ok) return bitmap.failure;
    bitmap.value.close();
    return undefined;
  } catch {
    return UNREADABLE.failure;
  }
}

function whyTooLarge({ size }: File) {
  if (size <= MOST_FILE_BYTES) return undefined;
  return refusal(
    'image_too_large',
    `the file has ${megabytes(size)}, more than the ${megabytes(MOST_FILE_BYTES)} of the largest photo that is read`,
  );
}

/** Pictures that the engine has no decoder for, such as WebP and AVIF: the browser may have one. */

import type { Sniffed } from '../../../wasm/engine';
import { painter } from '../backend/network';
import { fromBase64 } from '../base64';
import { refusal } from '../shared/outcome';
import type { Outcome } from '../shared/protocol';

/** Of so many bytes the engine tells what a file is. */
const START = 1024;

/** One of each kind whose good and bad pictures can be told apart: it is read if its kind is. */
const KINDS = new Map([
  [
    'webp',
    {
      name: 'WebP',
      sample: 'UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA',
    },
  ],
  [
    'avif',
    {
      name: 'AVIF',
      sample:
        'AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAA' +
        'AAAAAGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAAB0AAAAoaWluZgAAAAAAAQAA' +
        'ABppbmZlAgAAAAABAABhdjAxQ29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAAAIAAAACAAAAEHBpeGkAAAAA' +
        'AwgICAAAAAxhdjFDgQ0MAAAAABNjb2xybmNseAACAAIAAYAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAACVtZGF0EgAKCBgA' +
        'NogQEAwgMg8f8D///8WfhwB8+ErK42A=',
    },
  ],
]);

/** What a file is, by its beginning; undefined until the engine is there, which knows. */
export async function sniff(file: Blob): Promise<Sniffed | undefined> {
  return painter.value?.engine.sniff(await startOf(file));
}

async function startOf(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.slice(0, START).arrayBuffer());
}

/**
 * The photo upright.
 * @param otherwise what the engine said of it, which counts if the browser has no decoder either
 */
export async function browserDecode(
  file: Blob,
  otherwise: Outcome<never>,
): Promise<Outcome<ImageBitmap>> {
  const start = await startOf(file).catch(() => new Uint8Array());
  const format = painter.value?.engine.sniff(start).format ?? '';
  if (format === 'webp' && endsEarly(file, start)) {
    return corrupt(
      'the WebP data end early: the file is cut off or incomplete',
    );
  }
  const bitmap = await bitmapOf(file);
  if (bitmap) return { ok: true, value: bitmap };
  const kind = KINDS.get(format);
  const sample = kind && (await bitmapOf(new Blob([fromBase64(kind.sample)])));
  sample?.close();
  return sample
    ? corrupt(
        `the ${kind!.name} data are damaged, or too much for this browser, which reads other ${kind!.name} pictures`,
      )
    : otherwise;
}

const corrupt = (message: string) => refusal('corrupt_image', message);

/** WebKit would make up what is lacking of a WebP file. */
function endsEarly({ size }: Blob, { buffer }: Uint8Array): boolean {
  const end = 8 + new DataView(buffer).getUint32(4, true);
  const padding = 1; // which some leave out
  return size + padding < end;
}

/** Undefined if the browser cannot decode it. */
async function bitmapOf(file: Blob): Promise<ImageBitmap | undefined> {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch (error) {
    if (!(error instanceof TypeError)) return undefined;
    // Chrome before 112 does so, but has no word for it.
    return createImageBitmap(file).catch(() => undefined);
  }
}

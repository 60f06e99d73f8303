import type { Pixels } from '../../wasm/engine';

/**
 * The pixels of a file that only the browser can decode (WebP, AVIF, HEIC, ...), upright; undefined
 * where it cannot either.
 */
export async function browserDecode(file: Blob): Promise<Pixels | undefined> {
  let bitmap: ImageBitmap | undefined;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext('2d', {
      willReadFrequently: true,
    })!;
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return { width, height, data: data as Pixels['data'] };
  } catch {
    return undefined;
  } finally {
    bitmap?.close();
  }
}

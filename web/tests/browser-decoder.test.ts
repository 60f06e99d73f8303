/** Pictures for the browser's decoder, with a stand-in for that. */

import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Engine } from '../../wasm/engine';
import { painter } from '../src/backend/network';
import { browserDecode } from '../src/photos/browser-decoder';
import { refusal } from '../src/shared/outcome';
import { compileEngine, read } from './threads';

beforeAll(async () => {
  const engine = await Engine.create(await compileEngine());
  painter.value = { engine, info: engine.about() };
});
afterEach(() => vi.unstubAllGlobals());

const otherwise = refusal('unsupported_format', 'it cannot be read here');
const bitmap = { close: () => {} };

/** Has a browser decode what is as it should be, of these formats. */
function decodes(...formats: string[]): void {
  vi.stubGlobal('createImageBitmap', async (file: Blob) => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const { format } = painter.value!.engine.sniff(bytes);
    if (!formats.includes(format) || bytes.at(-1) === 0xdd) throw new Error();
    return bitmap;
  });
}

async function outcomeOf(file: Blob) {
  const outcome = await browserDecode(file, otherwise);
  return outcome.ok ? outcome.value : outcome.failure;
}

const damaged = (bytes: Uint8Array<ArrayBuffer>) =>
  new Blob([bytes.subarray(0, -1), Uint8Array.of(0xdd)]);

test.each(['lossless.webp', 'small.avif'])(
  '%s is told from a damaged one, and that from one that no browser like this reads',
  async (name) => {
    const bytes = await read(`web/pictures/${name}`);
    decodes('webp', 'avif');
    expect(await outcomeOf(new Blob([bytes]))).toBe(bitmap);
    expect(await outcomeOf(damaged(bytes))).toMatchObject({
      code: 'corrupt_image',
      message: expect.stringMatching(/^the (WebP|AVIF) data are damaged/),
    });
    decodes();
    expect(await outcomeOf(damaged(bytes))).toBe(otherwise.failure);
    expect(await outcomeOf(new Blob([bytes]))).toBe(otherwise.failure);
  },
);

test('a WebP picture that is cut off is refused, though a browser would make up the rest', async () => {
  const bytes = await read('web/pictures/lossless.webp');
  decodes('webp');
  for (const length of [bytes.length - 2, bytes.length >> 1, 64, 12]) {
    const file = new Blob([bytes.subarray(0, length)]);
    expect(await outcomeOf(file)).toMatchObject({
      code: 'corrupt_image',
      message: expect.stringMatching(/^the WebP data end early/),
    });
  }
});

test('of another kind, what the engine says counts', async () => {
  decodes('webp');
  const heic = '\0\0\0\x18ftypheic\0\0\0\0mif1heic';
  expect(await outcomeOf(new Blob([heic]))).toBe(otherwise.failure);
});

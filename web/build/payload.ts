import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** What goes into the page beside its own code: name, file, and where that comes from. */
const ENGINES = [
  {
    id: 'engine-none',
    file: 'build/wasm-scalar/wasm/gradcam.wasm',
    origin: 'Build it with the CMake preset wasm-scalar.',
  },
  {
    id: 'engine-simd128',
    file: 'build/wasm-simd/wasm/gradcam.wasm',
    origin: 'Build it with the CMake preset wasm-simd.',
  },
  {
    id: 'engine-relaxed',
    file: 'build/wasm-relaxed/wasm/gradcam.wasm',
    origin: 'Build it with the CMake preset wasm-relaxed.',
  },
];
const MODEL = {
  id: 'model',
  file: 'weights/default.safetensors',
  origin: 'It is part of the repository: check it out again.',
};

/**
 * WebKit's parser takes time with the square of a text's length: 40 s for 16 MB in one element, 0.4
 * in these pieces. A multiple of 4, so that each piece stands for whole bytes.
 */
const PIECE = 1 << 19;

/**
 * Puts all builds of the engine and the default model into the page, gzipped, as base64 in script
 * elements that no browser executes: parsing those is five times faster than a string in JavaScript.
 */
export function payload(root: string): Plugin {
  return {
    name: 'gradcam:payload',
    transformIndexHtml: {
      order: 'post',
      handler: (html) => {
        const put = ({ id, file, origin }: typeof MODEL) =>
          elements(id, read(join(root, file), origin));
        return html
          .replace('<!-- engines -->', ENGINES.map(put).join('\n'))
          .replace('<!-- model -->', put(MODEL));
      },
    },
  };
}

function elements(id: string, bytes: Buffer): string {
  const packed = gzipSync(bytes, { level: 9 });
  const base64 = packed.toString('base64');
  const sizes = `data-size="${packed.length}" data-unpacked="${bytes.length}"`;
  let html = '';
  for (let at = 0; at < base64.length; at += PIECE) {
    const piece = base64.slice(at, at + PIECE);
    html += `<script type="text/plain" data-payload="${id}" ${sizes}>${piece}</script>`;
  }
  return html;
}

function read(path: string, origin: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    throw new Error(`The page needs ${path}, which cannot be read. ${origin}`);
  }
}

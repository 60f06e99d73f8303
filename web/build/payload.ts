import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** What goes into the page beside its own code: element id, file, and where that comes from. */
const ENGINES = [
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
 * Puts both builds of the engine and the default model into the page, as base64 in script elements
 * that no browser executes: parsing those is five times faster than a string in JavaScript. The
 * engines are compressed; the weights would not get smaller.
 */
export function payload(root: string): Plugin {
  const element = (id: string, bytes: Buffer) =>
    `<script type="text/plain" id="${id}">${bytes.toString('base64')}</script>`;
  return {
    name: 'gradcam:payload',
    transformIndexHtml: {
      order: 'post',
      handler: (html) => {
        const engines = ENGINES.map(({ id, file, origin }) =>
          element(id, gzipSync(read(join(root, file), origin), { level: 9 })),
        );
        const model = read(join(root, MODEL.file), MODEL.origin);
        return html
          .replace('<!-- engines -->', engines.join('\n'))
          .replace('<!-- model -->', element(MODEL.id, model));
      },
    },
  };
}

function read(path: string, origin: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    throw new Error(`The page needs ${path}, which cannot be read. ${origin}`);
  }
}

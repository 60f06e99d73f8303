import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
const MODELS = [
  {
    id: 'model',
    file: 'weights/default.safetensors',
    origin: 'It is part of the repository: check it out again.',
  },
];

/**
 * Puts both builds of the engine and the default model into the page, as base64 in script elements
 * that no browser executes: parsing those is five times faster than a string in JavaScript.
 */
export function payload(root: string): Plugin {
  const elements = (files: typeof MODELS) =>
    files
      .map(({ id, file, origin }) => {
        const base64 = read(join(root, file), origin).toString('base64');
        return `<script type="text/plain" id="${id}">${base64}</script>`;
      })
      .join('\n');
  return {
    name: 'gradcam:payload',
    transformIndexHtml: {
      order: 'post',
      handler: (html) =>
        html
          .replace('<!-- engines -->', elements(ENGINES))
          .replace('<!-- model -->', elements(MODELS)),
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

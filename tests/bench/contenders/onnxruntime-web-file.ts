/**
 * onnxruntime-web on a page opened by file://, where it finds neither its files nor threads: its
 * parts are in the page, and the model and the input come by the page's file input, in this order.
 */

import * as ort from 'onnxruntime-web/wasm';
import { load, run } from './onnxruntime-session';
import { fromText } from './tasks';

async function loadFiles(): Promise<{ version: string; milliseconds: number }> {
  const text = (id: string) => document.getElementById(id)!.textContent!;
  const loader = new Blob([fromText(text('loader'))], {
    type: 'text/javascript',
  });
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = fromText(text('wasm')).buffer;
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(loader) };
  const [model, input] = document.querySelector('input')!.files!;
  return load(await model!.arrayBuffer(), await input!.arrayBuffer());
}

Object.assign(window, {
  ask: (task: 'load' | 'gradcam') => (task === 'load' ? loadFiles() : run()),
});

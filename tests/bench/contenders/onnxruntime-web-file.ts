/**
 * onnxruntime-web on a page opened by file://, where it finds neither its files nor threads: its
 * parts are in the page, and the model and the input come by the page's file input, in this order.
 */

import * as ort from 'onnxruntime-web/wasm';
import { fromText, SIZE, timed, type Answer } from './tasks';

let session: ort.InferenceSession;
let image: Float32Array;

const run = (): Promise<Answer> =>
  timed(
    () =>
      session.run({
        image: new ort.Tensor('float32', image, [1, 3, SIZE, SIZE]),
      }),
    (outputs) => ({
      logits: Array.from(outputs.logits!.data as Float32Array),
      map: Array.from(outputs.map!.data as Float32Array),
    }),
  );

async function load(): Promise<{ version: string; milliseconds: number }> {
  const text = (id: string) => document.getElementById(id)!.textContent!;
  const loader = new Blob([fromText(text('loader'))], {
    type: 'text/javascript',
  });
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = fromText(text('wasm')).buffer;
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(loader) };
  const [model, input] = document.querySelector('input')!.files!;
  image = new Float32Array(await input!.arrayBuffer());
  const bytes = await model!.arrayBuffer();
  const start = performance.now();
  session = await ort.InferenceSession.create(bytes, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
  });
  const milliseconds = performance.now() - start;
  const version = `onnxruntime-web ${ort.env.versions.web} (wasm)`;
  return { version, milliseconds };
}

Object.assign(window, {
  ask: (task: 'load' | 'gradcam') => (task === 'load' ? load() : run()),
});

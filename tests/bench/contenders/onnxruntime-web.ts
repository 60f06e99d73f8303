/**
 * onnxruntime-web's WebAssembly provider. The name of the worker says which graph it runs and on
 * how many threads, as in `vgg16_gradcam:2`.
 */

import * as ort from 'onnxruntime-web/wasm';
import { load, run } from './onnxruntime-session';
import { fetchBytes, serve } from './tasks';

const [graph, threads] = self.name.split(':');

serve({
  async load() {
    ort.env.wasm.numThreads = Number(threads);
    if (Number(threads) > 1 && !self.crossOriginIsolated) {
      throw new Error(
        'this page may not share memory, so there are no threads',
      );
    }
    ort.env.wasm.wasmPaths = new URL('ort/', self.location.href).href;
    const model = await fetchBytes(`${graph}.onnx`);
    return load(model, await fetchBytes('input.f32'));
  },
  forward: run,
  gradcam: run,
});

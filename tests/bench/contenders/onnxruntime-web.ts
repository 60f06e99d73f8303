/**
 * onnxruntime-web's WebAssembly provider on one thread. The name of the worker says which of the
 * two graphs it runs: `vgg16` or `vgg16_gradcam`.
 */

import * as ort from 'onnxruntime-web/wasm';
import { SIZE, fetchBytes, serve, timed, type Answer } from './tasks';

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
      map: outputs.map && Array.from(outputs.map.data as Float32Array),
    }),
  );

serve({
  async load() {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = new URL('ort/', self.location.href).href;
    const model = await fetchBytes(`${self.name}.onnx`);
    image = new Float32Array(await fetchBytes('input.f32'));
    const start = performance.now();
    session = await ort.InferenceSession.create(model, {
      executionProviders: ['wasm'],
      graphOptimizationLevel: 'all',
    });
    const milliseconds = performance.now() - start;
    const version = `onnxruntime-web ${ort.env.versions.web} (wasm)`;
    return { version, milliseconds };
  },
  forward: run,
  gradcam: run,
});

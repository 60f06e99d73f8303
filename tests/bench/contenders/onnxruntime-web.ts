/**
 * onnxruntime-web's WebAssembly provider. The name of the worker says which graph it runs and on
 * how many threads, as in `vgg16_gradcam:2`.
 */

import * as ort from 'onnxruntime-web/wasm';
import { SIZE, fetchBytes, serve, timed, type Answer } from './tasks';

const [graph, threads] = self.name.split(':');

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
    ort.env.wasm.numThreads = Number(threads);
    if (Number(threads) > 1 && !self.crossOriginIsolated) {
      throw new Error('this page may not share memory, so there are no threads');
    }
    ort.env.wasm.wasmPaths = new URL('ort/', self.location.href).href;
    const model = await fetchBytes(`${graph}.onnx`);
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

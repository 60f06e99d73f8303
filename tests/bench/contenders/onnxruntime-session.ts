/** A graph in onnxruntime-web's WebAssembly provider, as its pages over http and file:// run it. */

import * as ort from 'onnxruntime-web/wasm';
import { SIZE, timed, type Answer } from './tasks';

let session: ort.InferenceSession;
let image: Float32Array;

/** Loads a model and the network's input, once `ort.env` says where the provider's parts are. */
export async function load(
  model: ArrayBuffer,
  input: ArrayBuffer,
): Promise<{ version: string; milliseconds: number }> {
  image = new Float32Array(input);
  const start = performance.now();
  session = await ort.InferenceSession.create(model, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
  });
  const milliseconds = performance.now() - start;
  const version = `onnxruntime-web ${ort.env.versions.web} (wasm)`;
  return { version, milliseconds };
}

/** The logits, and the map if the graph has one. */
export const run = (): Promise<Answer> =>
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

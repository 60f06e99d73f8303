/** This project's engine, by the class that the page uses. */

import { relaxedSimd } from 'wasm-feature-detect';
import { Engine, type Classification } from '../../../wasm/engine';
import { CLASSES, fetchBytes, serve, timed } from './tasks';

let engine: Engine;

function logits({ predictions }: Classification): number[] {
  const values = new Array<number>(predictions.length);
  for (const { index, logit } of predictions) values[index] = logit;
  return values;
}

serve({
  async load() {
    const build = (await relaxedSimd()) ? 'relaxed' : 'simd';
    const module = await WebAssembly.compile(
      await fetchBytes(`gradcam-${build}.wasm`),
    );
    engine = await Engine.create(module);
    // A blob is on the browser's side; the engine reads it piece by piece.
    const model = await (await fetch('vgg16.safetensors')).blob();
    const start = performance.now();
    await engine.loadModel(model);
    const milliseconds = performance.now() - start;
    engine.decode(new Uint8Array(await fetchBytes('photo.png')));
    const { version, simd } = engine.about();
    return { version: `gradcam.cpp ${version} (wasm, ${simd})`, milliseconds };
  },

  forward: () =>
    timed(
      () => engine.classify(),
      (classification) => ({ logits: logits(classification) }),
    ),

  gradcam: () =>
    timed(
      () => {
        const classification = engine.classify();
        const top = classification.predictions[0]!.index;
        return { classification, maps: engine.explain([top]).maps };
      },
      ({ classification, maps }) => ({
        logits: logits(classification),
        map: Array.from(maps[0]!.values),
      }),
    ),

  gradcam_classes: () =>
    timed(
      () => {
        const classification = engine.classify();
        const all = Array.from({ length: CLASSES }, (_, index) => index);
        return { classification, maps: engine.explain(all).maps };
      },
      ({ classification, maps }) => ({
        logits: logits(classification),
        maps: maps.map(({ values }) => Array.from(values)),
      }),
    ),
});

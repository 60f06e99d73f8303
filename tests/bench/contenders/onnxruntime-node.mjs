// onnxruntime on this machine's processor. Answers the tasks on standard input, see ../process.mjs.
//
// usage: node onnxruntime-node.mjs FOLDER THREADS

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import ort from 'onnxruntime-node';

const [folder, threads] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const { version } = require('onnxruntime-node/package.json');
const SIZE = 224;

const session = await ort.InferenceSession.create(
  join(folder, 'vgg16_gradcam.onnx'),
  {
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  },
);
const { buffer } = new Uint8Array(await readFile(join(folder, 'input.f32')));
const image = new ort.Tensor('float32', new Float32Array(buffer), [
  1,
  3,
  SIZE,
  SIZE,
]);

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
say({ version: `onnxruntime-node ${version}` });
for await (const task of createInterface({ input: process.stdin })) {
  if (task === 'memory') {
    say({ peak: process.resourceUsage().maxRSS * 1024 });
    continue;
  }
  const start = performance.now();
  const { logits, map } = await session.run({ image });
  const milliseconds = performance.now() - start;
  say({
    milliseconds,
    logits: Array.from(logits.data),
    map: Array.from(map.data),
  });
}

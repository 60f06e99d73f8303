/**
 * TensorFlow.js's WebAssembly backend on one thread, its convolutions fused. Its own gradient
 * of max-pool drops windows of zeros, so the gradient goes to block5_pool only, by hand: the sums
 * over the channel are the same there.
 */

import * as tf from '@tensorflow/tfjs-core';
import {
  getThreadsCount,
  setThreadsCount,
  setWasmPaths,
} from '@tensorflow/tfjs-backend-wasm';
import { SIZE, fetchBytes, serve, timed } from './tasks';

const CONVS_OF_BLOCKS = [2, 2, 3, 3, 3];

type Layer = { weight: tf.Tensor; bias: tf.Tensor1D };
interface Entry {
  shape: number[];
  data_offsets: [begin: number, end: number];
}

const layers = new Map<string, Layer>();
let image: tf.Tensor4D;

/** Uploads a safetensors file of canonical layout, one layer at a time. */
async function loadWeights(file: Blob): Promise<void> {
  const bytes = async (begin: number, end: number) =>
    file.slice(begin, end).arrayBuffer();
  const length = Number(new BigUint64Array(await bytes(0, 8))[0]);
  const text = new TextDecoder().decode(await bytes(8, 8 + length));
  const header = JSON.parse(text) as Record<string, Entry>;
  const tensor = async (name: string) => {
    const { shape, data_offsets } = header[name]!;
    const [begin, end] = data_offsets.map((offset) => offset + 8 + length);
    return tf.tensor(new Float32Array(await bytes(begin!, end!)), shape);
  };
  for (const key of Object.keys(header)) {
    if (!key.endsWith('.weight')) continue;
    const name = key.slice(0, -'.weight'.length);
    let weight = await tensor(key);
    if (weight.rank === 4) {
      const stored = weight; // [O, 3, 3, I]
      weight = tf.transpose(stored, [1, 2, 3, 0]);
      stored.dispose();
    }
    const bias = (await tensor(`${name}.bias`)) as tf.Tensor1D;
    layers.set(name, { weight, bias });
  }
}

// Not tf.fused.matMul: that of 4.22.0 answers with other numbers here.
function dense(name: string, x: tf.Tensor2D, relu: boolean): tf.Tensor2D {
  const { weight, bias } = layers.get(name)!;
  const product = tf.matMul(x, weight as tf.Tensor2D, false, true);
  const sum = tf.add<tf.Tensor2D>(product, bias);
  return relu ? tf.relu(sum) : sum;
}

/** block5_conv3 [1, 14, 14, 512], fc1 and fc2 after their ReLU, and the logits. */
function network() {
  let x = image;
  let block5_conv3 = x;
  for (const [block, convs] of CONVS_OF_BLOCKS.entries()) {
    for (let conv = 1; conv <= convs; ++conv) {
      const { weight, bias } = layers.get(`block${block + 1}_conv${conv}`)!;
      x = tf.fused.conv2d({
        x,
        filter: weight as tf.Tensor4D,
        strides: 1,
        pad: 'same',
        bias,
        activation: 'relu',
      });
    }
    block5_conv3 = x;
    x = tf.maxPool(x, 2, 2, 'valid');
  }
  const fc1 = dense('fc1', tf.reshape(x, [1, -1]), true);
  const fc2 = dense('fc2', fc1, true);
  return { block5_conv3, fc1, fc2, logits: dense('predictions', fc2, false) };
}

/** The weight of a dense layer times a gradient, where its output was positive. */
function backward(name: string, output: tf.Tensor, gradient: tf.Tensor) {
  const alive = tf.greater(output, 0);
  const masked = tf.where(alive, gradient, tf.zerosLike(gradient));
  const { weight } = layers.get(name)!;
  return tf.matMul(masked as tf.Tensor2D, weight as tf.Tensor2D);
}

serve({
  async load() {
    setWasmPaths(new URL('tfjs/', self.location.href).href);
    setThreadsCount(1);
    await tf.setBackend('wasm');
    await tf.ready();
    const model = await (await fetch('vgg16.safetensors')).blob();
    const input = new Float32Array(await fetchBytes('input.f32'));
    const start = performance.now();
    await loadWeights(model);
    const milliseconds = performance.now() - start;
    image = tf.tidy(() =>
      tf.transpose(tf.tensor(input, [1, 3, SIZE, SIZE]), [0, 2, 3, 1]),
    ) as tf.Tensor4D;
    const version = `TensorFlow.js ${tf.version_core} (${tf.getBackend()})`;
    if (getThreadsCount() !== 1) throw new Error('more than one thread');
    return { version, milliseconds };
  },

  forward: () =>
    timed(
      () => tf.tidy(() => network().logits.dataSync()),
      (logits) => ({ logits: Array.from(logits) }),
    ),

  gradcam: () =>
    timed(
      () =>
        tf.tidy(() => {
          const { block5_conv3, fc1, fc2, logits } = network();
          const values = logits.dataSync();
          const top = values.indexOf(Math.max(...values));
          const predictions = layers.get('predictions')!.weight as tf.Tensor2D;
          const seed = tf.slice(predictions, [top, 0], [1, -1]);
          const gradient = backward('fc1', fc1, backward('fc2', fc2, seed));
          const [, rows, cols, channels] = block5_conv3.shape;
          const byChannel = tf.reshape(gradient, [-1, channels]);
          const alpha = tf.div(tf.sum(byChannel, 0), rows * cols);
          const weighted = tf.sum(tf.mul(block5_conv3, alpha), -1);
          const map = tf.relu(weighted);
          return { values, map: map.dataSync() };
        }),
      ({ values, map }) => ({
        logits: Array.from(values),
        map: Array.from(map),
      }),
    ),
});

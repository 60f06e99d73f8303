import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startInChromium } from './browser.mjs';
import { startProcess } from './process.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

/**
 * Who takes part. `tasks` are timed in every round; `start` resolves to an object with version,
 * milliseconds (of loading), ask(task), memory(), downloads() and close().
 * @param {string} folder build/bench
 */
export function contenders(folder) {
  const pages = [join(folder, 'www'), folder];
  const inChromium = (script, name) => () =>
    startInChromium({ script: `${script}.js`, name, folders: pages });
  return [
    {
      id: 'gradcam',
      title: 'gradcam.cpp',
      place: 'Chromium, 1 worker',
      tasks: ['forward', 'gradcam', 'gradcam_classes'],
      start: inChromium('gradcam', 'gradcam'),
    },
    {
      id: 'ortweb',
      title: 'onnxruntime-web',
      place: 'Chromium, 1 worker',
      tasks: ['gradcam'],
      start: inChromium('onnxruntime-web', 'vgg16_gradcam'),
    },
    {
      id: 'ortweb_forward',
      title: 'onnxruntime-web, no Grad-CAM',
      place: 'Chromium, 1 worker',
      tasks: ['forward'],
      start: inChromium('onnxruntime-web', 'vgg16'),
    },
    {
      id: 'tfjs',
      title: 'TensorFlow.js',
      place: 'Chromium, 1 worker',
      tasks: ['forward', 'gradcam'],
      start: inChromium('tfjs', 'tfjs'),
    },
    {
      id: 'pytorch',
      title: 'PyTorch, Grad-CAM by hand',
      place: 'native, 1 thread',
      tasks: ['forward', 'gradcam'],
      start: () =>
        startProcess('/usr/bin/python3', [join(here, 'contenders/pytorch.py'), folder, '1']),
    },
    {
      id: 'ort_node',
      title: 'onnxruntime-node',
      place: 'native, 1 thread',
      tasks: ['gradcam'],
      start: () =>
        startProcess(process.execPath, [
          join(here, 'contenders/onnxruntime-node.mjs'),
          folder,
          '1',
        ]),
    },
  ];
}

/**
 * The command line's own benchmark, in a process of its own when the rounds are over, and its
 * answer for the photo: a row for each way to run a convolution.
 */
export async function commandLine(program, folder, rounds) {
  const run = async (...args) => {
    const { stdout } = await promisify(execFile)(program, args);
    return stdout.trim().split('\n').map((line) => JSON.parse(line));
  };
  const model = ['--model', join(folder, 'vgg16.safetensors'), '--json'];
  const rows = await run('bench', ...model, '--repeat', String(rounds));
  const { classes } = rows[0];
  const photo = join(folder, 'photo.png');
  const [{ top, heatmap }] = await run('explain', photo, ...model, '--top', String(classes));
  const logits = new Array(classes);
  for (const { index, logit } of top) logits[index] = logit;
  return { rows, answer: { logits, map: heatmap.values } };
}

/** @returns {{ logits: number[], maps: number[][] }} computed in float64 */
export function expected(folder) {
  return JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
}

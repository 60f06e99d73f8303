import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startFromFile, startInChromium, startPage } from './browser.mjs';
import { startCommandLine, startProcess } from './process.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

/**
 * Who takes part. `tasks` are timed in every round; `start` resolves to an object with version,
 * milliseconds (of loading), ask(task), memory(), downloads() and close(). The answers of those
 * that are not `exact` differ from float64 by the rounding of their numbers.
 * @param {{ folder: string, page: string, program: string, cores: number, runs: number }} given
 *   build/bench, the page and the program as they are shipped, and how often one is asked
 */
export function contenders({ folder, page, program, cores, runs }) {
  const pages = [join(folder, 'www'), folder];
  const photo = join(folder, 'photo.png');
  const all = `${cores} workers`;
  const inChromium = (script, name, isolated) => () =>
    startInChromium({ script: `${script}.js`, name, folders: pages, isolated });
  const ownPage = (id, model, workers, place, exact) => ({
    id,
    title: `gradcam.cpp${exact ? '' : `, ${id.split('_').at(-1)} weights`}`,
    place: `file://, ${place}`,
    tasks: ['gradcam_classes'],
    exact,
    start: () =>
      startPage({
        file: page,
        model: join(folder, model),
        photo,
        workers,
        lowMemory: id.startsWith('page_low'),
      }),
  });
  const ortweb = (id, graph, threads, place) => ({
    id,
    title: `onnxruntime-web${graph === 'vgg16_int8' ? ', int8' : ''}`,
    place,
    tasks: [graph === 'vgg16_gradcam' ? 'gradcam' : 'forward'],
    exact: graph !== 'vgg16_int8',
    start: inChromium('onnxruntime-web', `${graph}:${threads}`, threads > 1),
  });
  const python = (id, threads, how, title) => ({
    id,
    title,
    place: `native, ${threads === 1 ? '1 thread' : `${threads} threads`}`,
    tasks: how === 'full' ? ['gradcam'] : ['forward', 'gradcam'],
    exact: true,
    start: () => {
      const script = join(here, 'contenders/pytorch.py');
      return startProcess('/usr/bin/python3', [
        script,
        folder,
        String(threads),
        how,
      ]);
    },
  });
  const native = (id, workers) => ({
    id,
    title: 'gradcam.cpp',
    place: `native, ${workers === 1 ? '1 thread' : `${workers} threads`}`,
    tasks: ['gradcam'],
    exact: true,
    start: () => {
      const photos = new Array(runs).fill(photo);
      const model = ['--model', join(folder, 'vgg16.safetensors')];
      // One photo at a time, as the others.
      const how = [
        '--json',
        '--top',
        '15',
        '--workers',
        String(workers),
        '--threads',
        '1',
      ];
      return startCommandLine(program, [
        'explain',
        ...photos,
        ...model,
        ...how,
      ]);
    },
  });
  return [
    {
      id: 'gradcam',
      title: 'gradcam.cpp, the engine alone',
      place: 'http, 1 worker',
      tasks: ['forward', 'gradcam', 'gradcam_classes'],
      exact: true,
      start: inChromium('gradcam', 'gradcam'),
    },
    ownPage('page_1', 'vgg16.safetensors', 1, '1 worker', true),
    ownPage('page_all', 'vgg16.safetensors', cores, all, true),
    ownPage('page_int8', 'vgg16.int8.safetensors', cores, all, false),
    ownPage('page_int4', 'vgg16.int4.safetensors', cores, all, false),
    ownPage(
      'page_low_int4',
      'vgg16.int4.safetensors',
      1,
      '1 worker, low memory',
      false,
    ),
    ortweb('ortweb', 'vgg16_gradcam', 1, 'http, 1 thread'),
    ortweb('ortweb_forward', 'vgg16', 1, 'http, 1 thread'),
    ortweb(
      'ortweb_threads',
      'vgg16_gradcam',
      cores,
      `http with COOP/COEP, ${cores} threads`,
    ),
    {
      id: 'ortweb_file',
      title: 'onnxruntime-web, embedded by hand',
      place: 'file://, 1 thread',
      tasks: ['gradcam'],
      exact: true,
      start: () =>
        startFromFile({
          file: join(folder, 'www/onnxruntime-web-file.html'),
          files: [
            join(folder, 'vgg16_gradcam.onnx'),
            join(folder, 'input.f32'),
          ],
        }),
    },
    ortweb('ortweb_int8', 'vgg16_int8', 1, 'http, 1 thread'),
    ortweb(
      'ortweb_int8_threads',
      'vgg16_int8',
      cores,
      `http with COOP/COEP, ${cores} threads`,
    ),
    {
      id: 'tfjs',
      title: 'TensorFlow.js',
      place: 'http, 1 thread',
      tasks: ['forward', 'gradcam'],
      exact: true,
      start: inChromium('tfjs', 'tfjs'),
    },
    native('native_1', 1),
    native('native', cores),
    python('pytorch_1', 1, 'by_hand', 'PyTorch, Grad-CAM by hand'),
    python('pytorch', cores, 'by_hand', 'PyTorch, Grad-CAM by hand'),
    python('pytorch_full', cores, 'full', 'PyTorch, all gradients'),
    ...[1, cores].map((threads) => ({
      id: threads === cores ? 'ort_node' : 'ort_node_1',
      title: 'onnxruntime-node',
      place: `native, ${threads === 1 ? '1 thread' : `${threads} threads`}`,
      tasks: ['gradcam'],
      exact: true,
      start: () => {
        const script = join(here, 'contenders/onnxruntime-node.mjs');
        return startProcess(process.execPath, [
          script,
          folder,
          String(threads),
        ]);
      },
    })),
  ];
}

/** @returns {{ logits: number[], maps: number[][] }} computed in float64 */
export function expected(folder) {
  return JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
}

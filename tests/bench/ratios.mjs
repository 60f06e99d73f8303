/** What each ratio divides: [key, whose time, over whose time]. A time is [contender, task]. */
const ALL = 'gradcam_classes';
const definitions = [
  ['ortweb_file', ['page_all', ALL], ['ortweb_file', 'gradcam']],
  ['ortweb_threads', ['page_all', ALL], ['ortweb_threads', 'gradcam']],
  ['ortweb_1_worker', ['page_1', ALL], ['ortweb', 'gradcam']],
  [
    'ortweb_int8_threads',
    ['page_int8', ALL],
    ['ortweb_int8_threads', 'forward'],
  ],
  ['tfjs', ['page_1', ALL], ['tfjs', 'gradcam']],
  ['pytorch_native', ['page_all', ALL], ['pytorch', 'gradcam']],
  ['ort_node_native', ['native', 'gradcam'], ['ort_node', 'gradcam']],
  ['all_classes_over_forward', ['page_all', ALL], ['page_all', 'forward']],
  ['workers_1_over_2', ['page_1', ALL], ['page_all', ALL]],
  ['first_over_warm', ['page_all', 'first'], ['page_all', ALL]],
];

/** What a reader is told of each, and what is aimed at. */
export const ratioTexts = {
  ortweb_file: [
    'page, all workers / onnxruntime-web embedded on file://',
    '<= 0.13',
  ],
  ortweb_threads: [
    'page, all workers / onnxruntime-web, all threads with COOP/COEP',
    '<= 0.25',
  ],
  ortweb_1_worker: ['page, 1 worker / onnxruntime-web, 1 thread', '<= 0.22'],
  ortweb_int8_threads: [
    'page, int8 weights / onnxruntime-web int8 without Grad-CAM',
    '',
  ],
  tfjs: ['page, 1 worker / TensorFlow.js', ''],
  pytorch_native: [
    'page, all workers / PyTorch native, Grad-CAM by hand, all cores',
    '<= 0.6',
  ],
  ort_node_native: [
    'native, all cores / onnxruntime-node, all cores',
    '<= 1.15',
  ],
  all_classes_over_forward: [
    'page: with Grad-CAM for all classes / forward alone',
    '<= 1.05',
  ],
  workers_1_over_2: [
    'page: 1 worker / all workers (higher is better)',
    '>= 1.75 for 2',
  ],
  first_over_warm: ['page: first photo / a warm one', '<= 1.6'],
};

/** @returns {Record<string, number>} the ratios of medians whose contenders took part */
export function ratiosOf(rows) {
  const median = ([id, task]) => {
    const row = rows.find((row) => row.id === id);
    return (task === 'first' ? row?.first_ms : row?.times_ms[task])?.median;
  };
  const found = definitions.map(([key, ours, theirs]) => [
    key,
    median(ours) / median(theirs),
  ]);
  return Object.fromEntries(
    found.filter(([, value]) => Number.isFinite(value)),
  );
}

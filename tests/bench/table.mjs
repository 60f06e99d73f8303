const MEBIBYTE = 1024 * 1024;

const ms = (value) => value.toFixed(value < 10 ? 2 : 0);
const megabytes = (bytes) => (bytes / MEBIBYTE).toFixed(bytes < 10 * MEBIBYTE ? 1 : 0);
const scientific = (value) => (value === undefined ? '' : value.toExponential(0));

function time(times) {
  if (!times) return '';
  const worst = times.max === undefined ? '' : `-${ms(times.max)}`;
  return `${ms(times.median)} (${ms(times.min)}${worst})`;
}

const columns = [
  ['', (row) => row.title],
  ['', (row) => row.place],
  ['forward ms', (row) => time(row.times_ms.forward)],
  ['with Grad-CAM', (row) => time(row.times_ms.gradcam)],
  ['all classes', (row) => time(row.times_ms.gradcam_classes)],
  ['first', (row) => (row.first_ms ? ms(row.first_ms.milliseconds) : '')],
  ['error: logits', (row) => scientific(row.error?.logits)],
  ['map', (row) => scientific(row.error?.map)],
  ['peak MB', (row) => (row.memory_bytes ? megabytes(row.memory_bytes) : '')],
  ['code MB', (row) => (row.download_bytes?.code ? megabytes(row.download_bytes.code) : '')],
];

const ratioTexts = {
  ortweb_1_worker: 'ratio ours / onnxruntime-web 1 worker',
  ortweb_1_worker_forward: 'the same without Grad-CAM',
  tfjs: 'ratio ours / TensorFlow.js 1 worker',
  pytorch_native: 'ratio ours in the browser / PyTorch native 1 thread',
  ort_node_native: 'ratio ours native / onnxruntime-node 1 thread',
  all_classes_over_forward: 'ratio Grad-CAM of all classes / forward alone',
  first_over_warm: 'ratio first photo / warm one',
};

/** The report as text. */
export function table({ machine, rounds, ratios, contenders, skipped }) {
  const cells = contenders.map((row) => columns.map(([, cell]) => cell(row)));
  const lines = [columns.map(([title]) => title), ...cells];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index].length)));
  const pad = (text, index) =>
    index < 2 ? text.padEnd(widths[index]) : text.padStart(widths[index]);
  const text = lines.map((line) => line.map(pad).join('  ').trimEnd());
  const browser = contenders.find((row) => row.browser)?.browser;
  const versions = contenders.map((row) => row.version).filter(Boolean);
  return [
    ...text,
    '',
    `Milliseconds: median (min-max) of ${rounds} interleaved rounds; the command line apart, after` +
      ' them. Errors are relative to PyTorch in float64.',
    ...skipped.map(({ title, reason }) => `Left out: ${title} (${reason})`),
    `${[...new Set(versions)].join(', ')}${browser ? `, ${browser}` : ''}, node ${machine.node}`,
    `${machine.processor}, ${machine.cores} cores, ${megabytes(machine.memory_bytes)} MB;` +
      ` load before the run ${machine.load_before.toFixed(1)}`,
    '',
    ...Object.entries(ratios).map(
      ([key, value]) => `${ratioTexts[key]}: ${value.toFixed(2)}, lower is better`,
    ),
  ].join('\n');
}

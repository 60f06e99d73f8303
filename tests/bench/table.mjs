import { columns as methodColumns } from './methods.mjs';
import { ratioTexts } from './ratios.mjs';

const MEBIBYTE = 1024 * 1024;

export const ms = (value) => value.toFixed(value < 10 ? 2 : 0);
const mebibytes = (bytes) =>
  (bytes / MEBIBYTE).toFixed(bytes < 10 * MEBIBYTE ? 1 : 0);
const scientific = (value) =>
  value === undefined ? '' : value.toExponential(0);
const size = (bytes) => (bytes ? mebibytes(bytes) : '');
const time = (times) =>
  times ? `${ms(times.median)} (${ms(times.min)}-${ms(times.max)})` : '';

/** Title of a column and what it says of a contender. */
export const columns = [
  ['', (row) => row.title],
  ['', (row) => row.place],
  ['forward ms', (row) => time(row.times_ms.forward)],
  ['with Grad-CAM', (row) => time(row.times_ms.gradcam)],
  ['all classes', (row) => time(row.times_ms.gradcam_classes)],
  ['first', (row) => ms(row.first_ms.median)],
  ['load s', (row) => (row.load_ms.median / 1000).toFixed(1)],
  ['peak MiB', (row) => size(row.memory_bytes.peak)],
  ['code MiB', (row) => size(row.download_bytes.code)],
  ['model MiB', (row) => size(row.download_bytes.model)],
  ['error: logits', (row) => scientific(row.error.logits)],
  ['map', (row) => scientific(row.error.map)],
];

/** What stands under the table. */
export function remarks({
  date,
  machine,
  rounds,
  runs,
  contenders,
  skipped,
  start,
  empty_page_bytes: empty,
}) {
  const versions = contenders.flatMap(({ version, browser }) => [
    version,
    browser,
  ]);
  return [
    `Milliseconds: median (min-max) of ${rounds} rounds of ${runs} runs; in a round each contender` +
      ' is started anew, alone, and warmed up. Errors are relative to PyTorch in float64.',
    'Peak: the resident memory of the largest renderer, or of the process.' +
      (empty
        ? ` With an empty page a renderer takes ${mebibytes(empty)} MiB.`
        : ''),
    ...(start ? [startRemark(start)] : []),
    ...skipped.map(
      ({ title, place, reason }) => `Left out: ${title} (${place}): ${reason}`,
    ),
    `${[...new Set(versions.filter(Boolean))].join(', ')}, node ${machine.node}`,
    `${machine.processor}, ${machine.cores} cores, ${mebibytes(machine.memory_bytes)} MiB, Linux` +
      ` ${machine.kernel}; load before the run ${machine.load_before.toFixed(1)}; ${date}`,
  ];
}

function startRemark({ painted_ms: painted, heatmap_ms: heatmap }) {
  return (
    `The page from file://, with its own model: to be seen ${time(painted)} ms after it was opened, and` +
    ` the first heatmap of a photo dropped at once after ${time(heatmap)} ms; aim <= 1000`
  );
}

/** The report as text. */
export function table(report) {
  const cells = report.contenders.map((row) =>
    columns.map(([, cell]) => cell(row)),
  );
  const ratios = Object.entries(report.ratios).map(([key, value]) => {
    const [text, aim] = ratioTexts[key];
    return [key, value.toFixed(3), text, aim && `aim ${aim}`];
  });
  return [
    ...aligned([columns.map(([title]) => title), ...cells], 2),
    '',
    ...remarks(report),
    '',
    ...aligned(ratios, 1),
    ...(report.methods ?? []).flatMap(methodLines),
  ].join('\n');
}

function methodLines({ place, forward, maps }) {
  const cells = maps.map((map) => methodColumns.map(([, cell]) => cell(map)));
  return [
    '',
    `VGG16 with a map of the most probable class, ${place}; forward alone ${time(forward)} ms`,
    ...aligned([methodColumns.map(([title]) => title), ...cells], 2),
  ];
}

/** Lines of cells under each other; those after the first `left` to the right, if numbers. */
function aligned(lines, left) {
  if (lines.length === 0) return [];
  const widths = lines[0].map((_, index) =>
    Math.max(...lines.map((line) => line[index].length)),
  );
  const isText = (text) => !/^[\d(]/.test(text);
  return lines.map((line) =>
    line
      .map((text, index) =>
        index < left || (isText(text) && left === 1)
          ? text.padEnd(widths[index])
          : text.padStart(widths[index]),
      )
      .join('  ')
      .trimEnd(),
  );
}

import { columns as methodColumns } from './methods.mjs';
import { bars, htmlTable, lines, paragraph } from './plot.mjs';
import { ratioTexts } from './ratios.mjs';
import { columns, ms, remarks } from './table.mjs';

const MEBIBYTE = 1024 * 1024;

const style = `
:root { color-scheme: light dark; --ink: light-dark(#20201c, #eceae2); --own: #d4622f;
  --peer: light-dark(#9aa3ad, #66707a); --grid: light-dark(#ddd9cf, #3a3a36); }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink);
  background: light-dark(#f7f4ee, #1b1b18); font: 15px/1.5 system-ui, sans-serif; }
h1, h2 { font-family: Georgia, serif; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--grid); text-align: left; white-space: nowrap; }
.number { text-align: right; }
svg { display: block; width: 100%; max-width: 60rem; margin: 0.5rem 0 1.5rem; font-size: 13px; }
svg text { fill: var(--ink); }
.own { fill: var(--own); } .peer { fill: var(--peer); }
.whisker { stroke: var(--ink); } .grid { stroke: var(--grid); }
.line { stroke: var(--own); fill: var(--own); } .line polyline { fill: none; stroke-width: 2; }
.line text { stroke: none; }
.line-1 { stroke: var(--peer); fill: var(--peer); }
.line-2 { stroke: #2f8f6b; fill: #2f8f6b; }`;

/** The report as a page, with tables and plots. */
export function reportPage(report) {
  const { contenders, ratios, series, methods, layers } = report;
  const heads = columns.map(
    ([title], index) => ['contender', 'where'][index] ?? title,
  );
  const sections = [
    '<h1>gradcam.cpp beside its peers</h1>',
    paragraph(
      'One VGG16 of 15 classes with generated weights and one photo, for all.',
    ),
    '<h2>A photo classified and explained</h2>',
    bars(contenders.flatMap(timeBar), 'ms'),
    htmlTable(
      heads,
      contenders.map((row) => columns.map(([, cell]) => cell(row))),
    ),
    ...remarks(report).map(paragraph),
    '<h2>Ratios</h2>',
    paragraph(
      'Our time over theirs: lower is better, where it does not say otherwise.',
    ),
    htmlTable(
      ['ratio', 'measured', 'aim', 'of what'],
      Object.entries(ratios).map(([key, value]) => {
        const [text, aim] = ratioTexts[key];
        return [key, value.toFixed(3), aim, text];
      }),
    ),
    '<h2>Peak memory</h2>',
    bars(
      contenders.filter(({ memory_bytes: { peak } }) => peak).map(memoryBar),
      'MiB',
    ),
    ...(series ? seriesSections(series) : []),
    ...(methods ?? []).flatMap(methodSection),
    ...(layers ?? []).flatMap(layerSection),
  ];
  return `<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>gradcam.cpp: benchmark</title>
<style>${style}</style>
<body>
${sections.join('\n')}
`;
}

const isOwn = ({ title }) => title.startsWith('gradcam');

function timeBar(row) {
  const { gradcam_classes: all, gradcam } = row.times_ms;
  const times = all ?? gradcam;
  return times
    ? [{ title: `${row.title}, ${row.place}`, own: isOwn(row), ...times }]
    : [];
}

function memoryBar(row) {
  const mebibytes = row.memory_bytes.peak / MEBIBYTE;
  const title = `${row.title}, ${row.place}`;
  return {
    title,
    own: isOwn(row),
    median: mebibytes,
    min: mebibytes,
    max: mebibytes,
  };
}

function seriesSections({
  workers,
  photos,
  phone_photos: phonePhotos,
  memory,
}) {
  const byWorkers = workers.map(({ workers, milliseconds }) => [
    workers,
    milliseconds.median,
  ]);
  const ideal = byWorkers.map(([count]) => [count, byWorkers[0][1] / count]);
  const byPhotos = (found) => found.map((at) => [at.photos, at.milliseconds]);
  const bytes = (key) =>
    memory.map((found) => [found.photos, found[key] / MEBIBYTE]);
  return [
    '<h2>Cost against the number of workers</h2>',
    lines(
      [
        { title: 'measured', points: byWorkers },
        { title: 'divided evenly', points: ideal },
      ],
      'workers',
      'ms for a photo, VGG16 with all heatmaps',
    ),
    '<h2>Cost against the number of photos</h2>',
    lines(
      [
        { title: 'small ones', points: byPhotos(photos) },
        { title: 'of 12 megapixels', points: byPhotos(phonePhotos) },
      ],
      'photos dropped at once',
      "ms until all are shown, the page's own model",
    ),
    '<h2>Memory over many photos in a row</h2>',
    lines(
      [
        { title: 'renderer', points: bytes('now') },
        { title: 'whole browser', points: bytes('all') },
        { title: "renderer's peak", points: bytes('peak') },
      ],
      'photos so far, removed 25 at a time',
      'MiB',
    ),
  ];
}

/** What a map of one class costs, by method and layer. */
function methodSection({ place, forward, maps }) {
  return [
    `<h2>Maps over the forward pass, ${place}</h2>`,
    paragraph(
      `VGG16 with a map of the most probable class; forward alone takes ${ms(forward.median)} ms.`,
    ),
    htmlTable(
      methodColumns.map(([title]) => title),
      maps.map((map) => methodColumns.map(([, cell]) => cell(map))),
    ),
  ];
}

/** Times of every convolution, and their share of what the processor can do. */
function layerSection({ build, peak_operations_per_second: peak, layers }) {
  const algorithms = Object.keys(layers[0].milliseconds);
  const total = (algorithm) =>
    layers.reduce((sum, { milliseconds }) => sum + milliseconds[algorithm], 0);
  const operations = layers.reduce((sum, layer) => sum + layer.operations, 0);
  const cells = (milliseconds, work) => {
    const rate = work / milliseconds / 1e6;
    const share = peak ? `${Math.round((100 * rate * 1e9) / peak)} %` : '';
    return [ms(milliseconds), rate.toFixed(1), share];
  };
  const all = { layer: 'all', operations };
  all.milliseconds = Object.fromEntries(
    algorithms.map((name) => [name, total(name)]),
  );
  return [
    `<h2>Convolutions, ${build}, one thread</h2>`,
    paragraph(
      'The most that one thread multiplies and adds with vectors as long as these: ' +
        `${peak ? (peak / 1e9).toFixed(0) : 'unknown'} GFLOP/s. Shares are of that, with the` +
        ' operations of a direct convolution: Winograd needs fewer, so it can exceed 100 %.',
    ),
    htmlTable(
      [
        'layer',
        ...algorithms.flatMap((name) => [`${name} ms`, 'GFLOP/s', 'of peak']),
      ],
      [...layers, all].map((layer) => [
        layer.layer,
        ...algorithms.flatMap((name) =>
          cells(layer.milliseconds[name], layer.operations),
        ),
      ]),
    ),
  ];
}

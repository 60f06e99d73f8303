// Times the engine and its peers on one VGG16 and one photo, checks every answer, prints a table and
// writes report.json and report.html.
//
// usage: node bench.mjs FOLDER [--quick] [--rounds N] [--runs N] [--only ID,...]

import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.mjs';
import { emptyPageMemory } from './chromium.mjs';
import { contenders, expected } from './contenders.mjs';
import { layerTimes } from './layers.mjs';
import { methodTimes, overForward } from './methods.mjs';
import { ratiosOf } from './ratios.mjs';
import { reportPage } from './report.mjs';
import { ownSeries } from './series.mjs';
import { startTimes } from './start.mjs';
import { normalised, relativeError, spread } from './statistics.mjs';
import { table } from './table.mjs';

const project = fileURLToPath(new URL('../..', import.meta.url));
const WARM_UPS = 2; // the first of them is reported apart
// float32 against float64; tfjs and the peers sum in other orders than we do.
const TOLERANCE = 1e-3;
// A network of 8-bit or 4-bit numbers must still be the same network.
const ROUNDED_TOLERANCE = 0.25;
/** The IDs of what the engine is compared with. */
const PEERS = /^(ortweb|tfjs|pytorch|ort_node)/;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    runs: { type: 'string' },
    only: { type: 'string' },
  },
});
const folder = resolve(positionals[0]);
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));
const runs = Number(options.runs ?? (options.quick ? 3 : 5));
const wanted = options.only?.split(',');
const wants = (id) => !wanted || wanted.includes(id);
const page = join(project, 'dist/index.html');

const say = (text) => process.stdout.write(`${text}\n`);
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;

/** What is known of a contender, round after round. */
function newRecord({ id, title, place, exact }) {
  return {
    id,
    title,
    place,
    exact,
    load: [],
    first: [],
    times: {},
    answers: {},
    memory: [],
  };
}

async function askOnce(record, handle, task, counts) {
  const { milliseconds, forward, ...answer } = await handle.ask(task);
  record.answers[task] = answer;
  if (!counts) return milliseconds;
  (record.times[task] ??= []).push(milliseconds);
  if (forward !== undefined) (record.times.forward ??= []).push(forward);
  return milliseconds;
}

/** Starts a contender alone on the machine, times it, and ends it. */
async function visit(contender, record) {
  const handle = await contender.start();
  try {
    for (const task of contender.tasks) {
      for (let run = -WARM_UPS; run < runs; ++run) {
        const milliseconds = await askOnce(record, handle, task, run >= 0);
        if (run === -WARM_UPS && task === contender.tasks[0])
          record.first.push(milliseconds);
      }
    }
    record.load.push(handle.milliseconds);
    record.memory.push(await handle.memory());
    record.downloads = handle.downloads();
    record.version = handle.version;
    record.browser = handle.browser;
  } finally {
    await handle.close();
  }
}

/** All contenders one after the other, then again: what disturbs the machine disturbs them alike. */
async function race(all) {
  const records = all.map(newRecord);
  const skipped = new Map();
  for (let round = 1; round <= rounds; ++round) {
    say(`Round ${round} of ${rounds}, ${runs} runs each`);
    for (const [index, contender] of all.entries()) {
      if (skipped.has(contender.id)) continue;
      const { id, title, place } = contender;
      try {
        await visit(contender, records[index]);
        const times = Object.entries(records[index].times).map(
          ([task, values]) =>
            `${task} ${Math.round(spread(values.slice(-runs)).median)} ms`,
        );
        say(
          `  ${id}: ${times.join(', ')}; loaded in ${seconds(records[index].load.at(-1))}`,
        );
      } catch (error) {
        const reason = String(error.message).split('\n')[0];
        skipped.set(id, { id, title, place, reason });
        say(`  ${title} (${place}) is left out: ${reason}`);
      }
    }
  }
  return {
    records: records.filter(({ id }) => !skipped.has(id)),
    skipped: [...skipped.values()],
  };
}

/** The largest errors among a contender's answers. */
function check(answers, truth) {
  const top = truth.logits.indexOf(Math.max(...truth.logits));
  const logits = [];
  const maps = [];
  for (const answer of Object.values(answers)) {
    if (answer.logits) logits.push(relativeError(answer.logits, truth.logits));
    if (answer.map)
      maps.push(relativeError(normalised(answer.map), truth.maps[top]));
    for (const [index, map] of (answer.maps ?? []).entries()) {
      maps.push(relativeError(map, truth.maps[index]));
    }
  }
  return {
    logits: Math.max(...logits),
    map: maps.length ? Math.max(...maps) : undefined,
  };
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const isModel = (path) => /\.(safetensors|onnx)$/.test(path);

function describe(record, truth) {
  const { answers, times, memory, load, first, downloads, ...rest } = record;
  const files = Object.entries(downloads);
  const largest = (key) =>
    Math.max(...memory.map((found) => found[key] ?? 0)) || undefined;
  return {
    ...rest,
    load_ms: spread(load),
    first_ms: spread(first),
    times_ms: Object.fromEntries(
      Object.entries(times).map(([task, ms]) => [task, spread(ms)]),
    ),
    samples_ms: times,
    error: check(answers, truth),
    memory_bytes: {
      peak: largest('peak'),
      now: largest('now'),
      all: largest('all'),
    },
    download_bytes: {
      code: sum(
        files.filter(([path]) => !isModel(path)).map(([, bytes]) => bytes),
      ),
      model: sum(
        files.filter(([path]) => isModel(path)).map(([, bytes]) => bytes),
      ),
    },
  };
}

/** What is measured besides the race, unless it was not asked for or fails. */
async function extra(id, title, measure) {
  if (options.quick || !wants(id)) return undefined;
  say(title);
  try {
    return await measure();
  } catch (error) {
    skipped.push({
      id,
      title,
      place: 'here',
      reason: String(error.message).split('\n')[0],
    });
    return undefined;
  }
}

/** What is wrong with the options, if something is. */
function faultOfOptions(ids) {
  if (![rounds, runs].every((count) => Number.isInteger(count) && count > 0)) {
    return 'rounds and runs are numbers from 1 on';
  }
  const known = [...ids, 'start', 'series', 'methods', 'layers'];
  const unknown = wanted?.find((id) => !known.includes(id));
  return (
    unknown !== undefined &&
    `there is no "${unknown}" to be timed; there are ${known.join(', ')}`
  );
}

function isWrong({ exact, error }) {
  const tolerance = exact ? TOLERANCE : ROUNDED_TOLERANCE;
  // Not >=: NaN is wrong too.
  return !(error.logits < tolerance && (error.map ?? 0) < tolerance);
}

const cores = cpus().length;
const machine = {
  processor: cpus()[0].model,
  cores,
  memory_bytes: totalmem(),
  kernel: release(),
  node: process.version,
  load_before: loadavg()[0],
};

const given = {
  folder,
  page,
  program: join(project, 'build/native/gradcam'),
  cores: Math.min(cores, 8),
  runs: WARM_UPS + runs,
};
const all = contenders(given);
const fault = faultOfOptions(all.map(({ id }) => id));
if (fault) {
  process.stderr.write(`error: ${fault}\n`);
  process.exit(2);
}
await bundle(join(folder, 'www'));
const truth = expected(folder);
const { records, skipped } = await race(all.filter(({ id }) => wants(id)));
const rows = records.map((record) => describe(record, truth));
const start = await extra(
  'start',
  'From opening the page to its first heatmap',
  () => startTimes(given),
);
const series = await extra(
  'series',
  'The page with more workers and more photos',
  () => ownSeries({ ...given, say }),
);
const methods = await extra(
  'methods',
  'Every method over the forward pass',
  () => methodTimes({ ...given, say }),
);
const layers = await extra(
  'layers',
  'Every convolution with every algorithm',
  () => layerTimes(project, runs),
);

const report = {
  date: new Date().toISOString(),
  empty_page_bytes: await emptyPageMemory(),
  machine,
  rounds,
  runs,
  ratios: ratiosOf(rows),
  method_over_forward: methods && overForward(methods),
  contenders: rows,
  skipped,
  start,
  series,
  methods,
  layers,
};
writeFileSync(
  join(folder, 'report.json'),
  `${JSON.stringify(report, null, 2)}\n`,
);
writeFileSync(join(folder, 'report.html'), reportPage(report));
say(
  `\n${table(report)}\n\n${join(folder, 'report.html')} has it with plots, report.json every figure`,
);

const wrong = rows.filter(isWrong);
for (const { title, place } of wrong) {
  say(`error: ${title} (${place}) does not answer as PyTorch in float64 does`);
}
// Peers may be missing; what is to be measured of the engine itself may not.
const lost = skipped.filter(({ id }) => !PEERS.test(id));
for (const { title, place, reason } of lost) {
  say(`error: ${title} (${place}) was not measured: ${reason}`);
}
process.exitCode = wrong.length + lost.length ? 1 : 0;

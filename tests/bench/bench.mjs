// Times the engine and its peers on one VGG16 and one photo, checks every answer, prints a table
// and writes report.json.
//
// usage: node bench.mjs FOLDER PROGRAM [--rounds N] [--only ID,...]

import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.mjs';
import { commandLine, contenders, expected } from './contenders.mjs';
import { normalised, relativeError, spread } from './statistics.mjs';
import { table } from './table.mjs';

const WARM_UPS = 2;
// float32 against float64; tfjs and the peers sum in other orders than we do.
const TOLERANCE = 1e-3;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '9' }, only: { type: 'string' } },
});
const [folder, program] = positionals;
const rounds = Number(options.rounds);
const wanted = options.only?.split(',');

const say = (text) => process.stdout.write(`${text}\n`);
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;

async function startAll() {
  const running = [];
  const skipped = [];
  for (const contender of contenders(folder)) {
    if (wanted && !wanted.includes(contender.id)) continue;
    try {
      const handle = await contender.start();
      running.push({ ...contender, handle, times: {}, answers: {}, first: undefined });
      say(`  ${handle.version}, ${contender.place}: loaded in ${seconds(handle.milliseconds)}`);
    } catch (error) {
      const reason = String(error.message).split('\n')[0];
      skipped.push({ id: contender.id, title: contender.title, reason });
      say(`  ${contender.title} is left out: ${reason}`);
    }
  }
  return { running, skipped };
}

async function runOnce(contender, task, counts) {
  const { milliseconds, ...answer } = await contender.handle.ask(task);
  contender.first ??= { task, milliseconds };
  contender.answers[task] = answer;
  if (counts) (contender.times[task] ??= []).push(milliseconds);
}

/** Every contender once, then again: what disturbs the machine for a while disturbs all alike. */
async function race(running) {
  for (let round = -WARM_UPS; round < rounds; ++round) {
    for (const contender of running) {
      for (const task of contender.tasks) await runOnce(contender, task, round >= 0);
    }
    if (process.stdout.isTTY) process.stdout.write(`\r  round ${round + 1} of ${rounds} `);
  }
  if (process.stdout.isTTY) process.stdout.write('\n');
}

/** The largest errors among a contender's answers. */
function check(answers, truth) {
  const top = truth.logits.indexOf(Math.max(...truth.logits));
  const logits = [];
  const maps = [];
  for (const answer of Object.values(answers)) {
    logits.push(relativeError(answer.logits, truth.logits));
    if (answer.map) maps.push(relativeError(normalised(answer.map), truth.maps[top]));
    for (const [index, map] of (answer.maps ?? []).entries()) {
      maps.push(relativeError(map, truth.maps[index]));
    }
  }
  return { logits: Math.max(...logits), map: maps.length ? Math.max(...maps) : undefined };
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const isModel = (path) => /\.(safetensors|onnx)$/.test(path);

async function describe(contender, truth) {
  const { id, title, place, handle, times, answers, first } = contender;
  const downloads = Object.entries(handle.downloads());
  return {
    id,
    title,
    place,
    version: handle.version,
    browser: handle.browser,
    load_ms: handle.milliseconds,
    first_ms: first,
    times_ms: Object.fromEntries(Object.entries(times).map(([task, ms]) => [task, spread(ms)])),
    samples_ms: times,
    error: check(answers, truth),
    memory_bytes: await handle.memory(),
    download_bytes: {
      code: sum(downloads.filter(([path]) => !isModel(path)).map(([, bytes]) => bytes)),
      model: sum(downloads.filter(([path]) => isModel(path)).map(([, bytes]) => bytes)),
    },
  };
}

/** Rows for the command line: one thread, its Grad-CAM after the forward pass. */
async function describeCommandLine(truth) {
  const { rows, answer } = await commandLine(program, folder, rounds);
  const error = check({ answer }, truth);
  const plus = (a, b) => ({ min: a.min + b.min, median: a.median + b.median, runs: rounds });
  return rows.map((row) => ({
    id: `native_${row.convolution}`,
    title: `gradcam.cpp, ${row.convolution}`,
    place: 'native, 1 thread',
    times_ms: {
      forward: { ...row.forward_ms, runs: rounds },
      gradcam: plus(row.forward_ms, row.gradcam_ms),
      gradcam_classes: plus(row.forward_ms, row.gradcam_classes_ms),
    },
    // The answer for the photo is by the default convolutions.
    error: row.convolution === 'default' ? error : undefined,
  }));
}

/** Our median over theirs: lower is better. */
function ratios(rows) {
  const median = (id, task) => rows.find((row) => row.id === id)?.times_ms[task]?.median;
  const found = {};
  const add = (key, ours, theirs) => {
    if (ours !== undefined && theirs !== undefined) found[key] = ours / theirs;
  };
  const ours = median('gradcam', 'gradcam');
  add('ortweb_1_worker', ours, median('ortweb', 'gradcam'));
  add('ortweb_1_worker_forward', median('gradcam', 'forward'), median('ortweb_forward', 'forward'));
  add('tfjs', ours, median('tfjs', 'gradcam'));
  add('pytorch_native', ours, median('pytorch', 'gradcam'));
  add('ort_node_native', median('native_default', 'gradcam'), median('ort_node', 'gradcam'));
  add('all_classes_over_forward', median('gradcam', 'gradcam_classes'), median('gradcam', 'forward'));
  const first = rows.find((row) => row.id === 'gradcam')?.first_ms;
  add('first_over_warm', first?.milliseconds, first && median('gradcam', first.task));
  return found;
}

const machine = {
  processor: cpus()[0].model,
  cores: cpus().length,
  memory_bytes: totalmem(),
  kernel: release(),
  node: process.version,
  load_before: loadavg()[0],
};

await bundle(join(folder, 'www'));
const truth = expected(folder);
say(`Loading (one VGG16 of 15 classes, generated weights, for all)`);
const { running, skipped } = await startAll();
let rows;
try {
  say(`Timing: ${rounds} rounds after ${WARM_UPS} to warm up`);
  await race(running);
  rows = await Promise.all(running.map((contender) => describe(contender, truth)));
} finally {
  await Promise.all(running.map(({ handle }) => handle.close()));
}
if (!wanted || wanted.includes('native')) {
  say(`Timing the command line`);
  rows.push(...(await describeCommandLine(truth)));
}

const report = {
  date: new Date().toISOString(),
  machine,
  rounds,
  ratios: ratios(rows),
  contenders: rows,
  skipped,
};
writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
say(`\n${table(report)}`);

const wrong = rows.filter(
  ({ error }) => error && !(error.logits < TOLERANCE && (error.map ?? 0) < TOLERANCE),
);
for (const { title } of wrong) say(`error: ${title} does not answer as PyTorch in float64 does`);
process.exitCode = wrong.length ? 1 : 0;

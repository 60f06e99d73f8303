import { join } from 'node:path';
import { startPage } from './browser.mjs';
import { startCommandLine } from './process.mjs';
import { spread } from './statistics.mjs';

const ROUNDS = 2;
const RUNS = 3;
const WARM_UPS = 1;
/** Score-CAM's. */
const CHANNELS = 8;

const at = (method, aim, layer = 'block5_conv3') => ({ method, layer, aim });

/** The maps, and how much a photo with one of them may take over its forward pass alone. */
const MAPS = [
  at('gradcam', 1.1),
  at('hirescam', 1.1),
  at('layercam', 1.1),
  at('gradcam++', 1.1),
  at('xgradcam', 1.1),
  at('ablationcam', 1.5),
  at('scorecam', CHANNELS + 1),
  at('gradcam', 1.6, 'block5_conv1'),
  at('gradcam', 1.6, 'block4_conv1'),
  at('gradcam', undefined, 'block3_conv1'),
  at('gradcam', 2.2, 'block1_conv1'),
];

const titleOf = ({ method, layer }) =>
  layer === 'block5_conv3' ? method : `${method} at ${layer}`;

/** Title of a column and what it says of a map. */
export const columns = [
  ['map', titleOf],
  ['ms', ({ milliseconds: { median } }) => median.toFixed(0)],
  [
    'range',
    ({ milliseconds: { min, max } }) => `(${min.toFixed(0)}-${max.toFixed(0)})`,
  ],
  ['over forward', ({ over_forward: ratio }) => ratio.toFixed(3)],
  ['aim', ({ aim }) => (aim ? `<= ${aim}` : '')],
];

/**
 * What a photo with a map of its most probable class takes, forward pass included, by the page on
 * file:// and by the program, with a worker for each processor.
 * @returns {Promise<{ place: string, forward: object, maps: { method: string, layer: string,
 *   aim?: number, milliseconds: object, over_forward: number }[] }[]>} times as `spread` has them
 */
export async function methodTimes({ folder, page, program, cores, say }) {
  const photo = join(folder, 'photo.png');
  const model = join(folder, 'vgg16.safetensors');
  say(`  the page, ${cores} workers`);
  const handle = await startPage({ file: page, model, photo, workers: cores });
  let inPage;
  try {
    inPage = await measure((map, runs) => askPage(handle, map, runs), ROUNDS);
  } finally {
    await handle.close();
  }
  say(`  the program, ${cores} threads`);
  // It loads the model for each map.
  const natively = await measure(
    (map, runs) => askProgram({ program, photo, model, cores }, map, runs),
    1,
  );
  return [
    { place: `the page, ${cores} workers`, ...inPage },
    { place: `native, ${cores} threads`, ...natively },
  ];
}

/** @returns {Record<string, number>} of the page */
export function overForward([{ maps }]) {
  return Object.fromEntries(
    maps.map((map) => [titleOf(map), map.over_forward]),
  );
}

/** Every map some times, then all again, so that what disturbs the machine disturbs them alike. */
async function measure(ask, rounds) {
  const runs = MAPS.map(() => []);
  for (let round = 0; round < rounds; ++round) {
    for (const [index, map] of MAPS.entries()) {
      runs[index].push(...(await ask(map, WARM_UPS + RUNS)).slice(WARM_UPS));
    }
  }
  const timed = MAPS.map((map, index) => ({
    ...map,
    milliseconds: spread(runs[index].map(({ milliseconds }) => milliseconds)),
    // Each over a forward pass of the same moment.
    over_forward: spread(
      runs[index].map((run) => run.milliseconds / run.forward),
    ).median,
  }));
  return {
    forward: spread(runs.flat().map(({ forward }) => forward)),
    maps: timed,
  };
}

/** Before each run comes the forward pass of a photo with Grad-CAM, as the page is at its fastest. */
async function askPage(handle, map, runs) {
  const answers = [];
  for (let run = 0; run < runs; ++run) {
    await setMethod(handle.page, MAPS[0]);
    const { forward } = await handle.ask();
    if (map.method === 'scorecam') {
      answers.push({
        milliseconds: forward + (await passesOf(handle, map)),
        forward,
      });
      continue;
    }
    await setMethod(handle.page, map);
    const { milliseconds } = await handle.ask();
    answers.push({ milliseconds, forward });
  }
  return answers;
}

const setMethod = (page, map) =>
  page.evaluate((how) => window.gradcam.setMethod(how), howOf(map));

const howOf = ({ method, layer }) => ({ method, layer, channels: CHANNELS });

/** What the page takes for a slow map of a photo that it has looked at already. */
const passesOf = ({ page }, map) =>
  page.evaluate(async (how) => {
    await window.gradcam.addPhotos(window.chosen.files);
    const start = performance.now();
    await window.gradcam.setMethod(how);
    const passed = performance.now() - start;
    window.gradcam.clear();
    return passed;
  }, howOf(map));

async function askProgram(
  { program, photo, model, cores },
  { method, layer },
  runs,
) {
  const how = ['--method', method, '--layer', layer];
  if (method === 'scorecam') how.push('--channels', String(CHANNELS));
  const photos = new Array(runs).fill(photo);
  const handle = await startCommandLine(program, [
    'explain',
    ...photos,
    ...['--model', model, '--json', '--workers', String(cores)],
    ...how,
  ]);
  try {
    const answers = [];
    for (let run = 0; run < runs; ++run) answers.push(await handle.ask());
    return answers;
  } finally {
    await handle.close();
  }
}

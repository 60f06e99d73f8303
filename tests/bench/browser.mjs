import { pathToFileURL } from 'node:url';
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { launchChromium } from './chromium.mjs';
import { answerOf } from './explain-line.mjs';
import { serve } from './server.mjs';

/**
 * Starts a worker script in a Chromium of its own, on a page served over http.
 * @param {{ script: string, name: string, folders: string[], isolated?: boolean }} contender
 *   `name` is the worker's; `isolated` has the page served so that it may share memory
 */
export async function startInChromium({
  script,
  name,
  folders,
  isolated = false,
}) {
  const server = await serve(folders, isolated);
  const { page, version, memory, close } = await launchChromium();
  const end = async () => {
    await close();
    server.close();
  };
  try {
    await page.goto(
      `${server.url}page.html?${new URLSearchParams({ script, name })}`,
    );
    const ask = (task) => page.evaluate((given) => window.ask(given), task);
    return {
      ...(await ask('load')),
      browser: version,
      ask,
      memory: async () => memory(),
      downloads: () => Object.fromEntries(server.sent),
      close: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/**
 * Opens a file of a page in a Chromium of its own and gives files to it, as by its file input.
 * @param {{ file: string, files: string[] }} contender the page has `ask`, and an input for files
 */
export async function startFromFile({ file, files }) {
  const { page, version, memory, close } = await launchChromium();
  try {
    await page.goto(pathToFileURL(file).href);
    await page.choose(files);
    const ask = (task) => page.evaluate((given) => window.ask(given), task);
    return {
      ...(await ask('load')),
      browser: version,
      ask,
      memory: async () => memory(),
      downloads: () => sizes([file, ...files]),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Opens this project's page as it is shipped, by file://, with another model and so many workers.
 * @param {{ file: string, model?: string, photo: string, workers: number, lowMemory?: boolean }}
 *   contender without a model, it keeps its own
 */
export async function startPage({
  file,
  model,
  photo,
  workers,
  lowMemory = false,
}) {
  const { page, version, memory, close } = await launchChromium();
  try {
    if (lowMemory) await page.addInitScript(pretendToBeSmall);
    await page.goto(pathToFileURL(file).href);
    await page.evaluate(() => window.gradcam.ready);
    const start = performance.now();
    await page.evaluate((count) => window.gradcam.setWorkers(count), workers);
    if (model) await useModel(page, model);
    const milliseconds = performance.now() - start;
    const { engine } = await page.evaluate(() => window.gradcam.about());
    await chooseOne(page, photo);
    return {
      version: `gradcam.cpp ${engine.version} (wasm, ${engine.simd})`,
      milliseconds,
      browser: version,
      page,
      ask: () => lookAt(page),
      memory: async () => memory(),
      downloads: () => sizes(model ? [file, model] : [file]),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** In the page, before all else: a device with so little memory that the page saves it by itself. */
function pretendToBeSmall() {
  Object.defineProperty(Navigator.prototype, 'deviceMemory', { get: () => 2 });
}

/** Gives a file to the page as `window.chosen`: its own inputs act at once. */
async function chooseOne(page, path) {
  await page.evaluate(() => {
    window.chosen?.remove();
    window.chosen = document.createElement('input');
    window.chosen.type = 'file';
    document.body.prepend(window.chosen);
  });
  await page.choose([path]);
}

async function useModel(page, model) {
  await chooseOne(page, model);
  await page.evaluate(() => window.gradcam.useModel(window.chosen.files[0]));
}

/** What the page answers for the photo chosen, which is then removed from the page. */
async function lookAt(page) {
  const [line] = await page.evaluate(async () => {
    const lines = await window.gradcam.addPhotos(window.chosen.files);
    window.gradcam.clear();
    return lines;
  });
  if (line.error) throw new Error(line.error.message);
  return answerOf(line);
}

const sizes = (files) =>
  Object.fromEntries(
    files.map((file) => [basename(file), statSync(file).size]),
  );

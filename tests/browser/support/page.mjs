// The page as a user or a screen reader meets it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { page } from './files.mjs';

/** The input for photos; boxes to teach have some of their own. */
export const PHOTO_INPUT = '#photo-input';

/** Opens the page afresh. */
export async function openPage(browser, path = page) {
  await browser.open(path);
  await browser.evaluate(() => window.gradcam.ready.catch(() => {}));
}

/** Repeats a function in the page until what it returns is true. */
export async function waitFor(browser, what, fn, ...args) {
  const end = Date.now() + 30_000;
  while (!(await browser.evaluate(fn, ...args))) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await sleep(20);
  }
}

/** Waits until this many photos on the page are done or failed. */
export function finished(browser, count) {
  return waitFor(
    browser,
    `${count} photos to be finished`,
    (count) =>
      document.querySelectorAll(
        'article[data-state=done], article[data-state=failed]',
      ).length === count,
    count,
  );
}

/** Clicks the button, or what unfolds something, that says just this, within a place. */
export function click(browser, words, place = 'body') {
  return browser.evaluate(
    (words, place) => {
      const all = document.querySelectorAll(
        `:is(${place}) :is(button, summary)`,
      );
      const named = ({ textContent }) => textContent.trim() === words;
      const found = [...all].find(named);
      if (!found) throw new Error(`There is no "${words}" in ${place}.`);
      found.click();
    },
    words,
    place,
  );
}

/** Makes the page as empty as it was when it was opened, which takes less time than opening it. */
export async function clearPage(browser) {
  const isThere = await browser.evaluate(() => {
    const clear = (button) => /clear all/i.test(button.textContent);
    const button = [...document.querySelectorAll('button')].find(clear);
    button?.click();
    return Boolean(button);
  });
  if (!isThere) return;
  await waitFor(browser, 'an empty page, and no word of it', () => {
    const button = document.querySelector(
      '.news [role=status] button[aria-label=Dismiss]',
    );
    button?.click();
    return !button && !document.querySelector('article');
  });
}

/** Chooses photos in the file input of the page, in place of those there; waits for the results. */
export async function showPhotos(browser, paths) {
  await clearPage(browser);
  await browser.addFiles(PHOTO_INPUT, paths);
  await finished(browser, paths.length);
}

/** Waits until everything on the page can be seen. */
export function painted(browser) {
  return browser.evaluate(async () => {
    await Promise.all([...document.images].map((image) => image.decode()));
    const frame = () =>
      new Promise((resolve) => requestAnimationFrame(resolve));
    await frame();
    await frame();
  });
}

/** Unfolds the settings of the method, or folds them away. */
export function unfoldMethod(browser, isOpen) {
  return browser.evaluate((isOpen) => {
    const button = document.querySelector('.how-button');
    if ((button.ariaExpanded === 'true') !== isOpen) button.click();
  }, isOpen);
}

/** The cards of the page, by photo name. */
export async function cards(browser) {
  const list = await browser.evaluate(() =>
    [...document.querySelectorAll('article[data-photo]')].map((article) => ({
      photo: article.dataset.photo,
      state: article.dataset.state,
      failure: article.querySelector('.failure')?.textContent,
      image: article
        .querySelector('canvas[role=img]')
        ?.getAttribute('aria-label'),
      rows: [...article.querySelectorAll('tr[data-label]')].map(
        ({ dataset }) => ({
          label: dataset.label,
          probability: Number(dataset.probability),
        }),
      ),
      others: [...article.querySelectorAll('tr[data-others]')].map(
        ({ dataset }) => ({
          label: dataset.others,
          probability: Number(dataset.probability),
        }),
      ),
    })),
  );
  return new Map(list.map((card) => [card.photo, card]));
}

/** `window.gradcam.results()`, by photo name. */
export async function resultLines(browser) {
  const lines = await browser.evaluate(() => window.gradcam.results());
  return new Map(lines.map((line) => [line.photo, line]));
}

/** Clicks the button of a breed and waits until the photo's result answers for it. */
export async function chooseBreed(browser, path, label) {
  await browser.evaluate(
    (photo, label) => {
      const article = document.querySelector(`article[data-photo="${photo}"]`);
      article.querySelector(`tr[data-label="${label}"] button`).click();
    },
    basename(path),
    label,
  );
  await answersFor(browser, path, label);
}

/** Waits until the photo's result answers for this class. */
export function answersFor(browser, path, label) {
  return waitFor(
    browser,
    `the heatmap of ${label}`,
    (photo, label) =>
      window.gradcam.results().find((line) => line.photo === photo)?.class ===
      label,
    basename(path),
    label,
  );
}

/** A file as what `File`s are made of in the page: its name and its bytes in base64. */
export function portable(path) {
  return {
    name: basename(path),
    base64: readFileSync(path).toString('base64'),
  };
}

function assertClose(actual, expected, tolerance, what) {
  const worst = expected.reduce(
    (worst, value, i) => Math.max(worst, Math.abs(value - actual[i])),
    0,
  );
  assert.equal(actual.length, expected.length, `${what}: as many`);
  assert.ok(
    worst <= tolerance,
    `${what}: off by ${worst}, at most ${tolerance} allowed`,
  );
}

/** Asserts that two lines of explain are of the same picture with the same answer. */
export function assertSameAnswer(actual, expected, what) {
  assert.ok(expected.top, `${what}: ${JSON.stringify(expected.error)}`);
  assert.ok(actual?.top, `${what}: ${JSON.stringify(actual?.error)}`);
  for (const key of ['width', 'height', 'class', 'method', 'layer']) {
    assert.equal(actual[key], expected[key], `${what}: ${key}`);
  }
  assert.deepEqual(actual.crop, expected.crop, `${what}: crop`);
  assert.equal(!actual.box, !expected.box, `${what}: whether there is a box`);
  // A cell that is all but warm enough may be in one of them.
  const cell = 1.01 / Math.min(14, expected.heatmap.rows);
  for (const side of Object.keys(expected.crop)) {
    const difference = expected.box && actual.box[side] - expected.box[side];
    const length = /^(x|width)$/.test(side)
      ? expected.crop.width
      : expected.crop.height;
    assert.ok(Math.abs(difference ?? 0) <= cell * length, `${what}: box`);
  }
  const byIndex = ({ top }) => [...top].sort((a, b) => a.index - b.index);
  const [mine, theirs] = [byIndex(actual), byIndex(expected)];
  assert.deepEqual(
    mine.map(({ label }) => label),
    theirs.map(({ label }) => label),
    what,
  );
  const probabilities = (list) => list.map(({ probability }) => probability);
  assertClose(
    probabilities(mine),
    probabilities(theirs),
    1e-4,
    `${what}: probabilities`,
  );
  assert.equal(actual.others?.label, expected.others?.label, what);
  assertClose(
    [actual.others?.probability ?? 0],
    [expected.others?.probability ?? 0],
    1e-4,
    `${what}: the probability of none of them`,
  );
  assert.equal(actual.heatmap.rows, expected.heatmap.rows, `${what}: rows`);
  assert.equal(actual.heatmap.cols, expected.heatmap.cols, `${what}: columns`);
  // Faint edges are made stronger, and their rounding with them.
  const tolerance = actual.method.startsWith('guided') ? 5e-3 : 1e-3;
  assertClose(
    actual.heatmap.values,
    expected.heatmap.values,
    tolerance,
    `${what}: heatmap`,
  );
}

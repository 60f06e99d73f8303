import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PNG } from 'pngjs';
import { launch } from '../drivers/index.mjs';
import { page, photo, scratch } from '../support/files.mjs';
import {
  PHOTO_INPUT,
  cards,
  finished,
  openPage,
  painted,
  showPhotos,
} from '../support/page.mjs';

/** The colours in the middle of the first photo on a page, without its heat. */
async function middleOfPhoto(browser) {
  await painted(browser);
  const { x, y } = await browser.evaluate(() => {
    for (const canvas of document.querySelectorAll('.stage canvas')) {
      canvas.style.visibility = 'hidden';
    }
    const box = document.querySelector('.stage').getBoundingClientRect();
    return {
      x: Math.round(box.x + scrollX + box.width / 2),
      y: Math.round(box.y + scrollY + box.height / 2),
    };
  });
  const screen = PNG.sync.read(await browser.screenshot());
  const side = 60;
  const part = new PNG({ width: side, height: side });
  PNG.bitblt(screen, part, x - side / 2, y - side / 2, side, side, 0, 0);
  return part.data;
}

/** Who has less than others is served too, and who cannot be served is told why. */
export function unsupported(lab) {
  const folder = scratch();

  /** Opens the page as if the browser were another one, which the script makes it. */
  async function openAfter(script) {
    const path = join(folder, 'other.html');
    writeFileSync(
      path,
      readFileSync(page, 'utf8').replace(
        '</title>',
        `$&<script>${script}</script>`,
      ),
    );
    await openPage(lab.browser, path);
  }

  async function cardOf(name) {
    await lab.browser.addFiles(PHOTO_INPUT, [photo(name)]);
    await finished(lab.browser, 1);
    return (await cards(lab.browser)).get(name);
  }

  test('without SIMD the answer is the same', async () => {
    await openPage(lab.browser);
    const usual = await cardOf('square.jpg');
    await openAfter('WebAssembly.validate = () => false');
    const slower = await cardOf('square.jpg');
    assert.equal(slower.state, 'done');
    assert.deepEqual(
      slower.rows.map(({ label }) => label),
      usual.rows.map(({ label }) => label),
    );
    slower.rows.forEach(({ probability }, i) =>
      assert.ok(Math.abs(probability - usual.rows[i].probability) < 1e-4),
    );
    const about = await lab.browser.evaluate(() => window.gradcam.about());
    assert.equal(about.engine.simd, 'none');
  });

  const isGuarded = lab.engine === 'firefox';
  test(
    'guarded against fingerprinting: no noise',
    { skip: !isGuarded && 'only Firefox is' },
    async () => {
      const guarded = await launch(lab.engine, { guarded: true });
      try {
        const seen = [];
        for (const browser of [lab.browser, guarded]) {
          await openPage(browser);
          await showPhotos(browser, [photo('landscape.jpg')]);
          seen.push(await middleOfPhoto(browser));
        }
        const [expected, actual] = seen;
        const error = expected.reduce(
          (sum, value, i) => sum + Math.abs(value - actual[i]),
          0,
        );
        assert.ok(
          error / expected.length < 5,
          `${error / expected.length} of 255`,
        );
        await showPhotos(guarded, [photo('lossless.webp')]);
        const card = (await cards(guarded)).get('lossless.webp');
        assert.match(card.failure, /guards against fingerprinting/);
      } finally {
        await guarded.close();
      }
    },
  );

  test('without WebAssembly: a clear sentence', async () => {
    await openAfter('delete globalThis.WebAssembly');
    const { browser } = lab;
    const alert = await browser.evaluate(
      () => document.querySelector('[role=alert]')?.textContent,
    );
    assert.match(alert, /WebAssembly is turned off/);
    const card = await cardOf('square.jpg');
    assert.equal(card.state, 'failed');
    assert.match(card.failure, /WebAssembly is turned off/);
  });

  test('a page that was cut short says so', async () => {
    const path = join(folder, 'short.html');
    const whole = readFileSync(page);
    writeFileSync(path, whole.subarray(0, whole.length - 1_000_001));
    const { browser } = lab;
    await openPage(browser, path);
    const alert = await browser.evaluate(
      () => document.querySelector('[role=alert]')?.textContent,
    );
    assert.match(alert, /cut short and lacks its model/);
  });
}

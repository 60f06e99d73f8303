import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { page, photo, scratch } from '../support/files.mjs';
import { PHOTO_INPUT, cards, finished, openPage } from '../support/page.mjs';

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

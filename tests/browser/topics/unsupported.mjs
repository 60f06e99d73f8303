import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { page, photo, scratch } from '../support/files.mjs';
import { PHOTO_INPUT, cards, finished, openPage } from '../support/page.mjs';

/** Who cannot be served is told why. */
export function unsupported(lab) {
  describe('a browser that is too old', () => {
    const folder = scratch();

    test('without WebAssembly SIMD: a clear sentence', async () => {
      const path = join(folder, 'old.html');
      const stub = '<script>WebAssembly.validate = () => false;</script>';
      writeFileSync(
        path,
        readFileSync(page, 'utf8').replace('</title>', `$&${stub}`),
      );
      const { browser } = lab;
      await openPage(browser, path);
      const alert = await browser.evaluate(
        () => document.querySelector('[role=alert]')?.textContent,
      );
      assert.match(alert, /WebAssembly SIMD/);
      await browser.addFiles(PHOTO_INPUT, [photo('square.jpg')]);
      await finished(browser, 1);
      const card = (await cards(browser)).get('square.jpg');
      assert.equal(card.state, 'failed');
      assert.match(card.alert, /WebAssembly SIMD/);
    });
  });

  test('a page that was cut short says so', async () => {
    const path = join(scratch(), 'short.html');
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

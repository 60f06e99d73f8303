import assert from 'node:assert/strict';
import { test } from 'node:test';
import { photo } from '../support/files.mjs';
import { PHOTO_INPUT, cards, finished, openPage } from '../support/page.mjs';

/** A browser that cannot run the engine is told so. */
export function unsupported(lab) {
  test(
    'without WebAssembly SIMD: a clear sentence',
    {
      skip:
        lab.engine === 'webkit' &&
        'its driver cannot run a script before the page',
    },
    async () => {
      const { browser } = lab;
      await openPage(browser, {
        beforeLoad: () => {
          WebAssembly.validate = () => false;
        },
      });
      const alert = await browser.evaluate(
        () => document.querySelector('[role=alert]')?.textContent,
      );
      assert.match(alert, /WebAssembly SIMD/);
      await browser.addFiles(PHOTO_INPUT, [photo('square.jpg')]);
      await finished(browser, 1);
      const card = (await cards(browser)).get('square.jpg');
      assert.equal(card.state, 'failed');
      assert.match(card.alert, /WebAssembly SIMD/);
    },
  );
}

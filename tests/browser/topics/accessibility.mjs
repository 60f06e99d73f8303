import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launch } from '../drivers/index.mjs';
import { photo, scratch } from '../support/files.mjs';
import { openPage, showPhotos } from '../support/page.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');

/** What axe-core finds wrong with the page as it is, one string a finding. */
async function violations(browser) {
  await browser.evaluate(new Function(axeSource));
  return browser.evaluate(async () => {
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ target, any }) => `${id} (${help}): ${target} ${any[0]?.message ?? ''}`),
    );
  });
}

/** Everybody can use the page, by the rules of axe-core. */
export function accessibility(lab) {
  for (const theme of ['light', 'dark']) {
    describe(`axe-core, ${theme}`, () => {
      const folder = scratch(after);
      const empty = join(folder, 'empty.jpg');
      let browser;
      before(async () => {
        writeFileSync(empty, '');
        browser = theme === 'dark' ? await launch(lab.engine, { dark: true }) : lab.browser;
      });
      after(() => browser !== lab.browser && browser.close());

      test('the theme is the one of the system', async () => {
        await openPage(browser);
        const dark = await browser.evaluate(() => {
          const channels = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g);
          return channels.slice(0, 3).map(Number).reduce((sum, value) => sum + value) < 384;
        });
        assert.equal(dark, theme === 'dark');
      });

      test('empty page', async () => {
        await openPage(browser);
        assert.deepEqual(await violations(browser), []);
      });

      test('photos done and failed', async () => {
        await showPhotos(browser, [photo('landscape.jpg'), empty, photo('square.jpg')]);
        assert.deepEqual(await violations(browser), []);
      });
    });
  }
}

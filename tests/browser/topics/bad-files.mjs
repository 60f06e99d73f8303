import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { fixture, photo, scratch } from '../support/files.mjs';
import {
  PHOTO_INPUT,
  assertSameAnswer,
  cards,
  finished,
  resultLines,
  showPhotos,
} from '../support/page.mjs';

/** What cannot be read is refused with a reason, and nothing else suffers. */
export function badFiles(lab) {
  describe('bad files', () => {
    const folder = scratch();
    const make = (name, bytes) => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    };
    const jpeg = readFileSync(photo('landscape.jpg'));
    const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
    const refused = [
      { path: make('empty.jpg', ''), says: /empty/i },
      {
        path: make('truncated.jpg', jpeg.subarray(0, jpeg.length / 2)),
        says: /end|truncated/i,
      },
      { path: make('text.jpg', 'This is no picture.\n'), says: /text/i },
      { path: make('iphone.heic', heic), says: /HEIC/ },
      { path: fixture('huge.png'), says: /30000/ },
    ];
    const good = [photo('portrait.jpg'), photo('square.jpg')];
    const decodedByBrowser = [photo('lossless.webp'), photo('small.avif')];
    let expected;

    before(async () => {
      const paths = [
        good[0],
        ...refused.map(({ path }) => path),
        ...decodedByBrowser,
        good[1],
      ];
      expected = await explain([...refused.map(({ path }) => path), ...good]);
      await showPhotos(lab.browser, paths);
    });

    refused.forEach(({ path, says }, i) => {
      test(`${basename(path)} is refused with a reason`, async () => {
        const card = (await cards(lab.browser)).get(basename(path));
        assert.equal(card.state, 'failed');
        assert.match(card.alert, says);
        const { error } = (await resultLines(lab.browser)).get(basename(path));
        assert.equal(
          error.code,
          expected[i].error.code,
          'as on the command line',
        );
      });
    });

    test('the good ones among them are done', async () => {
      const lines = await resultLines(lab.browser);
      good.forEach((path, i) => {
        assertSameAnswer(
          lines.get(basename(path)),
          expected[refused.length + i],
          path,
        );
      });
    });

    test('WebP goes through the decoder of the browser', async () => {
      const [pixels] = await explain([photo('lossless.png')]);
      const line = (await resultLines(lab.browser)).get('lossless.webp');
      assertSameAnswer(line, pixels, 'lossless.webp');
    });

    test('AVIF goes through the decoder of the browser, or is refused with a reason', async (t) => {
      const card = (await cards(lab.browser)).get('small.avif');
      t.diagnostic(`${lab.engine}: AVIF ${card.state}`);
      if (card.state === 'failed') assert.match(card.alert, /AVIF/);
      else
        assert.equal(
          (await resultLines(lab.browser)).get('small.avif').width,
          96,
        );
    });

    test('the page takes further photos', async () => {
      const { browser } = lab;
      const count = (await cards(browser)).size;
      await browser.addFiles(PHOTO_INPUT, [photo('landscape.jpg')]);
      await finished(browser, count + 1);
      assert.equal((await cards(browser)).get('landscape.jpg').state, 'done');
    });
  });
}

import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { fixture, photo, scratch } from '../support/files.mjs';
import {
  assertSameAnswer,
  cards,
  click,
  finished,
  PHOTO_INPUT,
  portable,
  resultLines,
  showPhotos,
  waitFor,
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
    const webp = readFileSync(photo('lossless.webp'));
    const avif = readFileSync(photo('small.avif'));
    const half = (bytes) => bytes.subarray(0, bytes.length / 2);
    const damaged = (bytes) => {
      const copy = Buffer.from(bytes);
      for (let i = 24; i < 40; i++) copy[i] ^= 0xff; // of what its size is told in
      return copy;
    };
    const damagedForBrowser = [
      { path: make('half.webp', half(webp)), says: /WebP data end early/ },
      { path: make('bad.webp', damaged(webp)), says: /WebP data are damaged/ },
      { path: make('half.avif', half(avif)), says: /AVIF data are damaged/ },
      { path: make('bad.avif', damaged(avif)), says: /AVIF data are damaged/ },
    ];
    const good = [photo('portrait.jpg'), photo('square.jpg')];
    const decodedByBrowser = [photo('lossless.webp'), photo('small.avif')];
    let expected;

    before(async () => {
      const paths = [
        good[0],
        ...refused.map(({ path }) => path),
        ...decodedByBrowser,
        ...damagedForBrowser.map(({ path }) => path),
        good[1],
      ];
      expected = await explain([...refused.map(({ path }) => path), ...good]);
      await showPhotos(lab.browser, paths);
    });

    refused.forEach(({ path, says }, i) => {
      test(`${basename(path)} is refused with a reason`, async () => {
        const card = (await cards(lab.browser)).get(basename(path));
        assert.equal(card.state, 'failed');
        assert.match(card.failure, says);
        assert.doesNotMatch(card.failure, /try again/i);
        const { error } = (await resultLines(lab.browser)).get(basename(path));
        assert.equal(
          error.code,
          expected[i].error.code,
          'as on the command line',
        );
      });
    });

    damagedForBrowser.forEach(({ path, says }) => {
      test(`${basename(path)} is called damaged where the browser reads its kind`, async () => {
        const all = await cards(lab.browser);
        const card = all.get(basename(path));
        assert.equal(card.state, 'failed');
        const reads =
          path.endsWith('webp') || all.get('small.avif').state === 'done';
        assert.match(card.failure, reads ? says : /AVIF.*cannot be read here/);
        assert.doesNotMatch(card.failure, /try again/i);
      });
    });

    test('they leave no hole beside the others', async () => {
      const heights = await lab.browser.evaluate(() => {
        const all = [...document.querySelectorAll('article')];
        return all
          .filter(({ offsetTop }) => offsetTop === all[0].offsetTop)
          .map(({ offsetHeight }) => offsetHeight);
      });
      assert.equal(heights.length, 3);
      assert.equal(new Set(heights).size, 1, String(heights));
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
      if (card.state === 'failed') assert.match(card.failure, /AVIF/);
      else
        assert.equal(
          (await resultLines(lab.browser)).get('small.avif').width,
          96,
        );
    });

    test('a name that turns text round leaves the words around it as they are', async () => {
      const { browser } = lab;
      const names = ['dog\u202Egpj.exe.jpg', '\u05DB\u05DC\u05D1.jpg'];
      const paths = names.map((name) => make(name, jpeg));
      await showPhotos(browser, paths);
      const lines = await resultLines(browser);
      assert.deepEqual([...lines.keys()], names, 'as they are');
      await browser.evaluate(() =>
        document.querySelector('[aria-label^="Remove "]').click(),
      );
      await waitFor(browser, 'what is said of it', () =>
        /^dog\uFFFDgpj.exe.jpg was taken off/.test(
          document.querySelector('.news [role=status]').textContent,
        ),
      );
      const { marked, remove } = await browser.evaluate(() => {
        const words = [...document.querySelectorAll('body *')].flatMap(
          ({ childNodes, attributes }) => [
            ...[...childNodes].filter(({ nodeType }) => nodeType === 3),
            ...[...attributes].filter(({ name }) => !name.startsWith('data-')),
          ],
        );
        return {
          marked: words
            .map(({ nodeValue }) => nodeValue)
            .filter((text) => text.includes('\u202E')),
          remove: document.querySelector('[aria-label^="Remove "]').ariaLabel,
        };
      });
      assert.deepEqual(marked, []);
      assert.equal(remove, `Remove \u2066${names[1]}\u2069`);
    });

    test('one that could not be read for a moment is tried again', async () => {
      const { browser } = lab;
      const state = await browser.evaluate(
        async ({ name, base64 }) => {
          const chars = atob(base64);
          const bytes = Uint8Array.from(chars, (c) => c.charCodeAt(0));
          const file = new File([bytes], name);
          let tries = 0;
          file.arrayBuffer = async () => {
            if (tries++ === 0) throw new Error('not now');
            return bytes.buffer.slice();
          };
          await window.gradcam.addPhotos([file]);
          const card = document.querySelector('[data-photo="flaky.jpg"]');
          const before = card.dataset.state;
          const named = (b) => b.textContent === 'Try again';
          [...card.querySelectorAll('button')].find(named).click();
          return before;
        },
        { ...portable(photo('square.jpg')), name: 'flaky.jpg' },
      );
      assert.equal(state, 'failed');
      await waitFor(browser, 'the answer', () =>
        document.querySelector('[data-photo="flaky.jpg"][data-state=done]'),
      );
    });

    test('one that is gone for a moment is tried again', async () => {
      const { browser } = lab;
      const [path, away] = [make('gone.jpg', jpeg), join(folder, 'gone')];
      await browser.evaluate(() => {
        // What the browser chooses is read only once the file has gone.
        const { arrayBuffer } = Blob.prototype;
        const gone = new Promise((resolve) => (window.go = resolve));
        File.prototype.arrayBuffer = async function () {
          await gone;
          delete File.prototype.arrayBuffer;
          return arrayBuffer.call(this);
        };
      });
      await browser.addFiles(PHOTO_INPUT, [path]);
      renameSync(path, away);
      await browser.evaluate(() => window.go());
      const state = (state) =>
        waitFor(
          browser,
          state,
          (state) =>
            document.querySelector('[data-photo="gone.jpg"]')?.dataset.state ===
            state,
          state,
        );
      await state('failed');
      renameSync(away, path);
      await browser.evaluate(() =>
        document
          .querySelector('[data-photo="gone.jpg"] .failure button')
          .click(),
      );
      await state('done');
    });

    describe('one that is moved once it is done', () => {
      const path = make('moved.jpg', jpeg);
      const away = join(folder, 'away.jpg');
      const evaluate = (fn, ...args) => lab.browser.evaluate(fn, ...args);
      const press = (words) =>
        click(lab.browser, words, '[data-photo="moved.jpg"]');
      const trouble = (where) =>
        waitFor(
          lab.browser,
          'the trouble to be told',
          (where) =>
            /cannot be read.*Try again/.test(
              document.querySelector(`[data-photo="moved.jpg"] ${where}`)
                ?.textContent,
            ),
          where,
        );
      before(async () => {
        // The engine holds the other one in the end.
        await showPhotos(lab.browser, [path, good[0]]);
        renameSync(path, away);
      });

      test('keeps its answer when its picture cannot be saved', async () => {
        await press('Picture');
        await trouble('.words .trouble[role=alert]');
        const card = (await cards(lab.browser)).get('moved.jpg');
        assert.equal(card.state, 'done');
        assert.ok(card.image, 'the map is there');
        assert.equal(card.rows.length, 15);
      });

      test('and when it cannot be looked at closer', async () => {
        await press('Look closer');
        await trouble('.words .trouble');
        assert.equal(
          await evaluate(() => document.querySelector('.crop-frame')),
          null,
        );
      });

      test('what its map was made of, and is worth, can still be told', async () => {
        await evaluate(() => {
          const card = document.querySelector('[data-photo="moved.jpg"]');
          for (const part of card.querySelectorAll('details')) part.open = true;
        });
        for (const part of ['.making', '.trust .chart']) {
          await waitFor(
            lab.browser,
            part,
            (part) =>
              document.querySelector(`[data-photo="moved.jpg"] ${part}`),
            part,
          );
        }
      });

      test('all works once it is back', async () => {
        renameSync(away, path);
        await evaluate(() =>
          document.querySelector('.words .trouble button').click(),
        );
        await waitFor(
          lab.browser,
          'no trouble',
          () => !document.querySelector('.trouble'),
        );
        await waitFor(lab.browser, 'the closer look', () =>
          document.querySelector('.crop-frame'),
        );
      });
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

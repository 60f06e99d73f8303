import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { photo, scratch } from '../support/files.mjs';
import {
  assertSameAnswer,
  clearPage,
  click,
  finished,
  PHOTO_INPUT,
  portable,
  resultLines,
  waitFor,
} from '../support/page.mjs';

/** In the page: an event with a file in it, as a paste or a drop brings one. */
function bring(kinds, { name, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: 'image/jpeg' }));
  return kinds.map((kind) => {
    const event = new Event(kind, {
      bubbles: true,
      cancelable: true,
      composed: true,
    });
    // The constructors of the proper events drop the files in some engines.
    const property = kind === 'paste' ? 'clipboardData' : 'dataTransfer';
    Object.defineProperty(event, property, { value: transfer });
    return !document.body.dispatchEvent(event);
  });
}

/** The ways in beside the file input, which the other tests use. */
export function intake(lab) {
  describe('ways in', () => {
    const path = photo('portrait.jpg');
    let expected;
    before(async () => {
      [expected] = await explain([path]);
    });

    test('paste', async () => {
      await clearPage(lab.browser);
      const handled = await lab.browser.evaluate(
        bring,
        ['paste'],
        portable(path),
      );
      assert.deepEqual(handled, [true]);
      await check();
    });

    test('drop', async () => {
      await clearPage(lab.browser);
      const kinds = ['dragenter', 'dragover', 'drop'];
      const [, over, drop] = await lab.browser.evaluate(
        bring,
        kinds,
        portable(path),
      );
      assert.ok(over, 'without it the browser would open the photo itself');
      assert.ok(drop);
      await check();
    });

    test('a zip file, which is unpacked', async () => {
      await clearPage(lab.browser);
      const zip = join(scratch(), 'pets.zip');
      execFileSync('python3', ['-m', 'zipfile', '-c', zip, path]);
      await lab.browser.addFiles(PHOTO_INPUT, [zip]);
      await check();
    });

    /** In the page: an event that brings text, and a picture of it if there is one. */
    const bringText = (kind, selector, picture) =>
      lab.browser.evaluate(
        async (kind, selector, picture) => {
          const transfer = new DataTransfer();
          transfer.setData('text/plain', 'https://example.org/dog.jpg');
          if (picture) {
            const bytes = Uint8Array.from(atob(picture), (c) =>
              c.charCodeAt(0),
            );
            const file = new File([bytes], 'image.png', { type: 'image/png' });
            transfer.items.add(file);
          }
          const event = new Event(kind, { bubbles: true, cancelable: true });
          const property = kind === 'paste' ? 'clipboardData' : 'dataTransfer';
          Object.defineProperty(event, property, { value: transfer });
          const handled = !document
            .querySelector(selector)
            .dispatchEvent(event);
          await new Promise((resolve) => setTimeout(resolve, 100));
          return {
            handled,
            said: document.querySelector('.news').textContent,
            photos: document.querySelectorAll('article').length,
          };
        },
        kind,
        selector,
        picture,
      );

    test('what is no file stays out, and the page stays', async () => {
      await clearPage(lab.browser);
      const over = await bringText('dragover', 'main');
      assert.ok(over.handled, 'or the browser would leave the page');
      for (const kind of ['drop', 'paste']) {
        const { handled, said, photos } = await bringText(kind, 'main');
        assert.ok(handled, kind);
        assert.match(said, /no file. Save the picture first/, kind);
        assert.equal(photos, 0);
      }
    });

    test('text is for text fields, a picture of it or not', async () => {
      await lab.browser.evaluate(() =>
        document.querySelector('.news button').click(),
      );
      const picture = portable(photo('lossless.png')).base64;
      const field = '.box input[type=text]';
      const nothing = { handled: false, said: '', photos: 0 };
      assert.deepEqual(await bringText('dragover', field), nothing);
      assert.deepEqual(await bringText('drop', field), nothing);
      assert.deepEqual(await bringText('paste', field), nothing);
      assert.deepEqual(await bringText('paste', field, picture), nothing);
      const { photos } = await bringText('paste', 'main', picture);
      assert.equal(photos, 1, 'elsewhere it is a photo');
      await finished(lab.browser, 1);
    });

    test('who has no photo can try it with drawn ones', async () => {
      await clearPage(lab.browser);
      await lab.browser.evaluate(() =>
        document.querySelector('.try button').click(),
      );
      await finished(lab.browser, 2);
      const lines = await resultLines(lab.browser);
      assert.deepEqual(
        [...lines.keys()],
        ['drawn dog 1.jpg', 'drawn dog 2.jpg'],
      );
      const line = lines.get('drawn dog 2.jpg');
      assertSameAnswer(line, { ...expected, photo: line.photo }, path);
    });

    test('what was cleared can be put back, finished or not', async () => {
      const { browser } = lab;
      await clearPage(browser);
      await browser.addFiles(PHOTO_INPUT, [path]);
      await finished(browser, 1);
      const before = await resultLines(browser);
      await browser.addFiles(PHOTO_INPUT, [photo('square.jpg')]);
      await click(browser, 'Clear all');
      await waitFor(browser, 'an offer', () =>
        /^2 photos were taken off the page/.test(
          document.querySelector('.news [role=status]').textContent,
        ),
      );
      assert.equal((await resultLines(browser)).size, 0);
      // As the button does, from wherever one is.
      await browser.evaluate(() => {
        const keys = { key: 'z', ctrlKey: true, bubbles: true };
        document.body.dispatchEvent(new KeyboardEvent('keydown', keys));
      });
      await waitFor(
        browser,
        'the focus on what came back',
        () =>
          document.activeElement.getAttribute('aria-label') ===
          'Remove portrait.jpg',
      );
      await finished(browser, 2);
      assert.equal(
        await browser.evaluate(
          () => document.querySelector('.news [role=status]').textContent,
        ),
        '',
      );
      const after = await resultLines(browser);
      assert.deepEqual([...after.keys()], ['portrait.jpg', 'square.jpg']);
      assert.deepEqual(after.get('portrait.jpg'), before.get('portrait.jpg'));
      assert.ok(after.get('square.jpg').top);

      await click(browser, 'Clear all');
      const select = (method) =>
        browser.evaluate(
          (method) => window.gradcam.setMethod({ method }),
          method,
        );
      await select('hirescam');
      await click(browser, 'Put back');
      await waitFor(
        browser,
        'maps of the other method',
        () =>
          window.gradcam
            .results()
            .filter(({ method }) => method?.startsWith('hirescam')).length ===
          2,
      );
      await select('gradcam');
    });

    test('one that was taken off can be put back, dropped others or not', async () => {
      const { browser } = lab;
      await clearPage(browser);
      await browser.addFiles(
        PHOTO_INPUT,
        ['landscape.jpg', 'square.jpg', 'lossless.png'].map(photo),
      );
      await finished(browser, 3);
      const offer = () =>
        browser.evaluate(async () => {
          // Where a person is who looks at the last photo.
          window.scrollTo(0, document.documentElement.scrollHeight);
          await new Promise(requestAnimationFrame);
          const notice = document.querySelector('.news .page-notice');
          const { top, bottom } = notice.getBoundingClientRect();
          return {
            text: notice.querySelector('p').textContent,
            isInSight: top >= 0 && bottom <= window.innerHeight,
          };
        });
      const taken = {
        text: 'square.jpg was taken off the page.',
        isInSight: true,
      };
      await browser.evaluate(() =>
        document.querySelector('[aria-label="Remove square.jpg"]').click(),
      );
      await waitFor(
        browser,
        'one less',
        () => document.querySelectorAll('article').length === 2,
      );
      assert.deepEqual(await offer(), taken);
      await browser.resize(390, 700);
      const middles = await browser.evaluate(() =>
        [...document.querySelectorAll('.news .page-notice button')].map(
          (button) => {
            const { top, bottom } = button.getBoundingClientRect();
            return Math.round((top + bottom) / 2);
          },
        ),
      );
      assert.equal(middles.length, 2);
      assert.equal(
        middles[0],
        middles[1],
        'on a phone, too, beside each other',
      );
      await browser.resize(1280, 720);
      await browser.evaluate(bring, ['drop'], portable(path));
      await finished(browser, 3);
      assert.deepEqual(await offer(), taken);
      await browser.evaluate(() =>
        document.querySelector('.news .page-notice .button').click(),
      );
      await finished(browser, 4);
      assert.deepEqual(
        [...(await resultLines(browser)).keys()],
        ['landscape.jpg', 'square.jpg', 'lossless.png', 'portrait.jpg'],
      );
    });

    async function check() {
      await finished(lab.browser, 1);
      assertSameAnswer(
        (await resultLines(lab.browser)).get('portrait.jpg'),
        expected,
        path,
      );
    }
  });
}

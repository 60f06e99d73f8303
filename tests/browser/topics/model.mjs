import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { model, photo, scratch } from '../support/files.mjs';
import {
  assertSameAnswer,
  openPage,
  resultLines,
  showPhotos,
  waitFor,
} from '../support/page.mjs';

/** In the page: clicks the button for another model, with its file dialog put into the page. */
function openModelDialog() {
  const { click } = HTMLInputElement.prototype;
  HTMLInputElement.prototype.click = function () {
    this.id = 'model-input';
    document.body.append(this);
  };
  const named = ({ textContent }) => /another model/i.test(textContent);
  [...document.querySelectorAll('button')].find(named).click();
  HTMLInputElement.prototype.click = click;
}

/** Another weights file in the place of the one in the page. */
export function otherModel(lab) {
  describe('another model', () => {
    const folder = scratch();
    const path = photo('square.jpg');
    let expected;
    before(async () => {
      [expected] = await explain([path]);
      await showPhotos(lab.browser, [path]);
    });
    const check = async () =>
      assertSameAnswer(
        (await resultLines(lab.browser)).get('square.jpg'),
        expected,
        'square.jpg',
      );

    test('a broken one is refused with a reason, and the one before stays', async () => {
      const broken = join(folder, 'broken.safetensors');
      writeFileSync(broken, readFileSync(model).subarray(0, 100_000));
      await choose(broken);
      await waitFor(lab.browser, 'the reason', () =>
        document.querySelector('.model-picker [role=alert]'),
      );
      const reason = await lab.browser.evaluate(
        () => document.querySelector('[role=alert]').textContent,
      );
      assert.match(reason, /\d+/, 'says what was found and expected');
      await check();
    });

    test('a whole one takes its place and looks at the photos again', async () => {
      await choose(model);
      await waitFor(
        lab.browser,
        'the new model at work',
        () =>
          /default\.safetensors/.test(
            document.querySelector('.facts').textContent,
          ) && window.gradcam.results().length === 1,
      );
      assert.equal(
        await lab.browser.evaluate(() =>
          document.querySelector('[role=alert]'),
        ),
        null,
      );
      await check();
    });

    test('it is kept, smaller if asked for, and at work when the page is opened again', async () => {
      await choosePrecision('int8');
      await choose(model);
      await waitFor(lab.browser, 'the smaller one to be kept', () =>
        /default.safetensors, I8/.test(
          document.querySelector('.kept')?.textContent,
        ),
      );
      await openPage(lab.browser);
      await waitFor(lab.browser, 'the kept one at work', () =>
        /default.safetensors/.test(
          document.querySelector('.facts').textContent,
        ),
      );
      await showPhotos(lab.browser, [path]);
      const { top } = (await resultLines(lab.browser)).get('square.jpg');
      assert.equal(top[0].label, expected.top[0].label);
      assert.notEqual(top[0].logit, expected.top[0].logit, 'other numbers');
      const entries = await lab.browser.evaluate(() =>
        [...document.querySelectorAll('.kept li')].map(
          ({ textContent }) => textContent,
        ),
      );
      const inUse = entries.filter((text) => /I8.*In use\./.test(text));
      const forgettable = entries.filter((text) => /Forget$/.test(text));
      assert.equal(inUse.length, 1, 'what is at work is said');
      assert.equal(forgettable.length, entries.length - 1);
    });

    test('the one in the page is a click away, and what is kept can be forgotten', async () => {
      await click(/back to the model in this page/i);
      await waitFor(lab.browser, 'the own model', () =>
        /the one in this page/.test(
          document.querySelector('.facts').textContent,
        ),
      );
      await showPhotos(lab.browser, [path]);
      await check();
      while (
        await lab.browser.evaluate(() => document.querySelector('.kept li'))
      ) {
        await click(/^forget$/i);
      }
      await openPage(lab.browser);
      assert.equal(
        await lab.browser.evaluate(() => document.querySelector('.kept')),
        null,
      );
    });

    test('one that cannot be kept works for this visit', async () => {
      await lab.browser.evaluate(() => {
        IDBObjectStore.prototype.put = () => {
          throw new DOMException('full', 'QuotaExceededError');
        };
      });
      for (const numbers of ['as it is', 'int8']) {
        await choosePrecision(numbers);
        await choose(model);
        await waitFor(lab.browser, 'the reason', () =>
          /could not be kept.*not enough room/.test(
            document.querySelector('.keeping')?.textContent,
          ),
        );
        await showPhotos(lab.browser, [path]);
        const { top } = (await resultLines(lab.browser)).get('square.jpg');
        assert.equal(top[0].label, expected.top[0].label);
      }
      await openPage(lab.browser);
    });

    const choosePrecision = (value) =>
      lab.browser.evaluate((value) => {
        const select = document.querySelector('.model-picker select');
        select.value = value;
        select.dispatchEvent(new Event('change', { bubbles: true }));
      }, value);

    const click = (words) =>
      lab.browser.evaluate(async (source) => {
        const named = ({ textContent }) =>
          new RegExp(source, 'i').test(textContent);
        [...document.querySelectorAll('button')].find(named).click();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }, words.source);

    async function choose(file) {
      await lab.browser.evaluate(openModelDialog);
      await lab.browser.addFiles('#model-input', [file]);
      await lab.browser.evaluate(() =>
        document.querySelector('#model-input').remove(),
      );
    }
  });
}

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { model, photo, scratch } from '../support/files.mjs';
import {
  assertSameAnswer,
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

    async function choose(file) {
      await lab.browser.evaluate(openModelDialog);
      await lab.browser.addFiles('#model-input', [file]);
      await lab.browser.evaluate(() =>
        document.querySelector('#model-input').remove(),
      );
    }
  });
}

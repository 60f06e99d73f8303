import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { photo } from '../support/files.mjs';
import {
  assertSameAnswer,
  openPage,
  resultLines,
  showPhotos,
  waitFor,
} from '../support/page.mjs';

/** How a heatmap is made: other methods, other layers, and what it was made of. */
export function how(lab) {
  describe('how the map is made', () => {
    const name = 'landscape.jpg';
    const path = photo(name);
    before(() => showPhotos(lab.browser, [path]));
    after(() => openPage(lab.browser));

    /** Sets a control of the method picker as a person does. */
    const choose = (selector, value) =>
      lab.browser.evaluate(
        (selector, value) => {
          document.querySelector('.how-picker').open = true;
          const control = document.querySelector(`.how-picker ${selector}`);
          control.value = value;
          control.dispatchEvent(new Event('change', { bubbles: true }));
        },
        selector,
        value,
      );
    const lineOf = async (method, layer) => {
      await waitFor(
        lab.browser,
        `the map of ${method} at ${layer}`,
        (name, method, layer) => {
          const line = window.gradcam
            .results()
            .find((line) => line.photo === name);
          return line?.method === method && line.layer === layer;
        },
        name,
        method,
        layer,
      );
      return (await resultLines(lab.browser)).get(name);
    };

    for (const [method, layer] of [
      ['layercam', 'block5_conv3'],
      ['layercam', 'block4_conv3'],
      ['gradcam', 'block5_pool'],
      ['gradcam', 'block5_conv3'],
    ]) {
      test(`${method} at ${layer}, as on the command line`, async () => {
        const { layers } = await lab.browser.evaluate(
          () => window.gradcam.about().engine,
        );
        await choose('select', method);
        await choose('input[type=range]', layers.indexOf(layer));
        const line = await lineOf(method, layer);
        const options = ['--method', method, '--layer', layer];
        const [expected] = await explain([path], ...options);
        assertSameAnswer(line, expected, `${method} at ${layer}`);
      });
    }

    test('the channels and the covered photo', async () => {
      await lab.browser.evaluate(() => {
        document.querySelector('details.how').open = true;
      });
      await waitFor(
        lab.browser,
        'the channels',
        () => document.querySelectorAll('.channels canvas').length > 0,
      );
      const { channels, text } = await lab.browser.evaluate(() => ({
        channels: document.querySelectorAll('.channels canvas').length,
        text: document.querySelector('details.how').innerText,
      }));
      assert.equal(channels, 6);
      assert.match(text, /weight \+0\.\d+/);
      assert.match(text, /warm part covered/);
    });
  });
}

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { photo } from '../support/files.mjs';
import {
  assertSameAnswer,
  cards,
  chooseBreed,
  resultLines,
  showPhotos,
} from '../support/page.mjs';

/** A click on a breed makes the heatmap answer for it. */
export function retarget(lab) {
  describe('another breed', () => {
    const path = photo('landscape.jpg');
    const name = 'landscape.jpg';
    before(() => showPhotos(lab.browser, [path, photo('square.jpg')]));

    const pixels = () =>
      lab.browser.evaluate((name) => {
        const canvas = document.querySelector(
          `article[data-photo="${name}"] canvas[role=img]`,
        );
        return canvas.toDataURL();
      }, name);

    for (const rank of [2, 4]) {
      test(`the one of rank ${rank + 1}: heatmap, picture and description`, async () => {
        const { browser } = lab;
        const before = (await cards(browser)).get(name);
        const pixelsBefore = await pixels();
        const { label } = before.rows[rank];
        await chooseBreed(browser, path, label);

        const [expected] = await explain([path], '--class', label);
        assertSameAnswer(
          (await resultLines(browser)).get(name),
          expected,
          label,
        );
        const { image } = (await cards(browser)).get(name);
        const words = new RegExp(label.replaceAll('_', ' '), 'i');
        assert.match(image, words);
        assert.notEqual(image, before.image);
        assert.notEqual(await pixels(), pixelsBefore);
      });
    }

    test('the other photo keeps its own', async () => {
      const line = (await resultLines(lab.browser)).get('square.jpg');
      assert.equal(line.class, line.top[0].label);
    });

    test('the chosen one is said to be pressed', async () => {
      const pressed = await lab.browser.evaluate((name) => {
        const article = document.querySelector(`article[data-photo="${name}"]`);
        const buttons = [
          ...article.querySelectorAll('tr button[aria-pressed=true]'),
        ];
        return buttons.map((button) => button.closest('tr').dataset.label);
      }, name);
      assert.deepEqual(pressed, [
        (await resultLines(lab.browser)).get(name).class,
      ]);
    });

    test('every class by the API', async () => {
      const lines = await lab.browser.evaluate(async (name) => {
        const { top } = window.gradcam
          .results()
          .find((line) => line.photo === name);
        const lines = [];
        for (const { label } of top)
          lines.push(await window.gradcam.explain(name, label));
        return lines;
      }, name);
      for (const line of [lines[0], lines.at(-1)]) {
        assertSameAnswer(
          line,
          (await explain([path], '--class', line.class))[0],
          line.class,
        );
      }
    });
  });
}

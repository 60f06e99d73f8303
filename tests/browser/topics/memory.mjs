import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { model, photo } from '../support/files.mjs';
import {
  assertSameAnswer,
  openPage,
  resultLines,
  showPhotos,
  waitFor,
} from '../support/page.mjs';

/** The way of taking less memory: the same answers from one worker, remembered for the next time. */
export function memory(lab) {
  describe('less memory', () => {
    const paths = [photo('landscape.jpg'), photo('portrait.jpg')];
    let expected;
    before(async () => {
      expected = await explain(paths);
      await openPage(lab.browser);
    });
    after(async () => {
      await lab.browser.evaluate(() => window.gradcam.setLowMemory(false));
      await openPage(lab.browser);
    });

    const state = () =>
      lab.browser.evaluate(() => ({
        workers: window.gradcam.about().workers.count,
        isChecked: document.querySelector('.memory input').checked,
        isBusy: document.querySelector('.memory input').ariaDisabled === 'true',
      }));

    async function answersAreRight() {
      await showPhotos(lab.browser, paths);
      const lines = await resultLines(lab.browser);
      for (const line of expected) {
        const name = line.photo.split('/').at(-1);
        assertSameAnswer(lines.get(name), { ...line, photo: name }, name);
      }
    }

    const click = async () => {
      const { isChecked: before } = await state();
      await lab.browser.evaluate(() => {
        const box = document.querySelector('.memory input');
        for (const details of document.querySelectorAll('.about, .about > *')) {
          if (details.contains(box)) details.open = true;
        }
        box.focus();
        box.click();
      });
      // What was chosen is to be seen at once.
      const { isBusy, isChecked } = await state();
      if (isBusy) assert.equal(isChecked, !before);
      await waitFor(
        lab.browser,
        'the network to be ready',
        () => document.querySelector('.memory input').ariaDisabled !== 'true',
      );
    };

    test('it and all that is for experts is folded away behind what everybody reads', async () => {
      const seen = await lab.browser.evaluate(() => {
        const about = document.querySelector('.about:last-of-type');
        about.open = true;
        const isSeen = (selector) =>
          about.querySelector(selector).checkVisibility();
        const parts = ['.steps', '.facts', '.memory', '.model-picker'];
        return parts.filter(isSeen);
      });
      assert.deepEqual(seen, ['.steps']);
    });

    test('a click turns it on: one worker, the same answers', async () => {
      assert.equal((await state()).isChecked, false);
      await click();
      assert.deepEqual(await state(), {
        workers: 1,
        isChecked: true,
        isBusy: false,
      });
      assert.ok(
        await lab.browser.evaluate(() =>
          document.activeElement.matches('.memory input'),
        ),
        'it keeps the focus',
      );
      await answersAreRight();
    });

    test('a model file is read again for each photo, with the same answers', async () => {
      await lab.browser.evaluate(() => {
        const input = document.createElement('input');
        input.type = 'file';
        input.id = 'given-model';
        document.body.append(input);
      });
      await lab.browser.addFiles('#given-model', [model]);
      await lab.browser.evaluate(async () => {
        const input = document.querySelector('#given-model');
        await window.gradcam.useModel(input.files[0]);
        input.remove();
      });
      await answersAreRight();
    });

    test('it is on when the page is opened again', async () => {
      await openPage(lab.browser);
      assert.equal((await state()).isChecked, true);
      assert.equal((await state()).workers, 1);
      await answersAreRight();
    });

    test('another click turns it off', async () => {
      await click();
      const { workers, isChecked } = await state();
      assert.equal(isChecked, false);
      const processors = await lab.browser.evaluate(
        () => navigator.hardwareConcurrency,
      );
      assert.equal(workers, Math.min(processors, 8));
      await answersAreRight();
    });
  });
}

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { photo } from '../support/files.mjs';
import { openPage, showPhotos, waitFor } from '../support/page.mjs';

/** In the page: what is for paper alone holds for the screen, and the other way round. */
function printOnScreen() {
  const swap = (rules) => {
    for (const rule of rules) {
      if (!(rule instanceof CSSMediaRule)) continue;
      const { media } = rule;
      if (media.mediaText.includes('print')) media.mediaText = 'all';
      else if (media.mediaText.includes('screen')) media.mediaText = 'not all';
    }
  };
  for (const sheet of document.styleSheets) swap(sheet.cssRules);
}

/** What is printed. */
export function paper(lab) {
  describe('on paper', () => {
    const evaluate = (fn, ...args) => lab.browser.evaluate(fn, ...args);

    before(async () => {
      await showPhotos(lab.browser, [
        photo('landscape.jpg'),
        photo('square.jpg'),
      ]);
      await evaluate(async () => {
        await window.gradcam.lookCloser('landscape.jpg');
        const buttons = [...document.querySelectorAll('.actions button')];
        buttons.findLast((b) => b.textContent.includes('Compare')).click();
        document.documentElement.requestFullscreen = () => Promise.reject();
        document
          .querySelector('[aria-label="Show square.jpg on the whole screen"]')
          .click();
      });
      await waitFor(lab.browser, 'two maps side by side', () =>
        /warm/.test(document.querySelector('.agreement')?.textContent),
      );
      await waitFor(lab.browser, 'the photos under all heat', () =>
        [...document.querySelectorAll('.laid')].every(
          ({ style }) => style.visibility !== 'hidden',
        ),
      );
      await evaluate(printOnScreen);
    });
    after(() => openPage(lab.browser));

    test('there are all photos with what is said of them, and the scale', async () => {
      const seen = await evaluate(() => {
        const isSeen = (element) =>
          element.checkVisibility({ visibilityProperty: true });
        const all = (selector) =>
          [...document.querySelectorAll(selector)].filter(isSeen);
        return {
          photos: all('article').length,
          verdicts: all('.verdict').length,
          heat: all('article canvas[role=img]').length,
          scales: all('.on-paper .legend canvas').length,
          captions: all('.caption').map(({ innerText }) => innerText.trim()),
        };
      });
      assert.deepEqual(seen, {
        photos: 2,
        verdicts: 2,
        heat: 3,
        scales: 1,
        captions: ['the network saw this square'],
      });
    });

    test('there is nothing to click on, and the ground is white', async () => {
      const { controls, grounds } = await evaluate(() => {
        const controls = document.querySelectorAll(
          'button:not(.cell), input, progress, [data-corner], .to-do, .status',
        );
        const isSeen = (element) =>
          element.checkVisibility({ visibilityProperty: true }) &&
          element.id !== 'photo-input';
        const cards = [...document.querySelectorAll('article')];
        return {
          controls: [...controls].filter(isSeen).map((each) => each.outerHTML),
          grounds: cards.map((card) => getComputedStyle(card).backgroundColor),
        };
      });
      assert.deepEqual(controls, []);
      assert.deepEqual(grounds, Array(2).fill('rgb(255, 255, 255)'));
    });
  });
}

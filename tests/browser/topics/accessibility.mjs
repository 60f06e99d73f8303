import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launch } from '../drivers/index.mjs';
import { model, photo, scratch } from '../support/files.mjs';
import {
  chooseBreed,
  clearPage,
  click,
  openPage,
  showPhotos,
  unfoldMethod,
  waitFor,
} from '../support/page.mjs';

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core'),
  'utf8',
);

/** What axe-core finds wrong with the page as it is, one string a finding. */
function violations(browser) {
  return browser.evaluate(async () => {
    const { violations } = await axe.run(document, {
      resultTypes: ['violations'],
    });
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(
        ({ target, any }) =>
          `${id} (${help}): ${target} ${any[0]?.message ?? ''}`,
      ),
    );
  });
}

/** What live regions say while photos are looked at and another model is loaded, in order. */
async function announcements(lab) {
  await openPage(lab.browser);
  await lab.browser.evaluate(() => {
    window.said = [];
    for (const region of document.querySelectorAll('[role=status]')) {
      const hear = () =>
        region.textContent && window.said.push(region.textContent);
      const what = { childList: true, characterData: true, subtree: true };
      new MutationObserver(hear).observe(region, what);
    }
    const input = document.createElement('input');
    input.type = 'file';
    input.id = 'given-model';
    document.body.append(input);
  });
  const names = ['landscape.jpg', 'portrait.jpg', 'square.jpg'];
  await showPhotos(lab.browser, names.map(photo));
  await lab.browser.addFiles('#given-model', [model]);
  await lab.browser.evaluate(() =>
    window.gradcam.useModel(document.querySelector('#given-model').files[0]),
  );
  const said = await lab.browser.evaluate(() => window.said);
  await openPage(lab.browser);
  return said;
}

/** Everybody can use the page, by the rules of axe-core. */
export function accessibility(lab) {
  test('only what begins or ends is announced', async () => {
    const said = await announcements(lab);
    assert.deepEqual(
      [...new Set(said)],
      ['Looking at photos…', '3 of 3 done', 'Loading a model…'],
    );
    assert.ok(said.length <= 6, said.join());
  });
  test('what came of what one did to a photo is said, and only of that one', async () => {
    const { browser } = lab;
    await showPhotos(browser, ['landscape.jpg', 'portrait.jpg'].map(photo));
    const said = (text) =>
      waitFor(
        browser,
        `"${text}" to be said`,
        (text) => document.querySelector('.spoken').textContent.includes(text),
        text,
      );
    const press = (words) => click(browser, words, 'article');
    await press('Can this map be trusted?');
    await said('The guess knows no map');
    await chooseBreed(browser, photo('landscape.jpg'), 'pug');
    await said('Where it looked for pug');
    await press('Compare');
    await said('is warm in');
    await chooseBreed(browser, photo('landscape.jpg'), 'beagle');
    await waitFor(browser, 'both of it to be said', () => {
      const { textContent } = document.querySelector('.spoken');
      return /warm in .*looked for beagle/.test(textContent);
    });
    await press('Compare');
    const spoken = () =>
      browser.evaluate(() => document.querySelector('.spoken').textContent);
    const before = await spoken();
    await browser.evaluate(() => {
      const method = document.querySelector('#how-picker select');
      method.value = 'layercam';
      method.dispatchEvent(new Event('change', { bubbles: true }));
    });
    await waitFor(browser, 'maps by LayerCAM', () =>
      window.gradcam.results().every(({ method }) => method === 'layercam'),
    );
    assert.equal(await spoken(), before);
    await browser.evaluate(() =>
      window.gradcam.setMethod({ method: 'gradcam' }),
    );
  });

  // The colours are the same in all browsers; to look at them takes a while.
  const themes = lab.engine === 'chromium' ? ['light', 'dark'] : ['light'];
  for (const theme of themes) {
    describe(`axe-core, ${theme}`, () => {
      const folder = scratch();
      const empty = join(folder, 'empty.jpg');
      let browser;
      before(async () => {
        writeFileSync(empty, '');
        if (theme === 'dark') {
          browser = await launch(lab.engine, { dark: true });
          await openPage(browser);
        } else {
          browser = lab.browser;
          await clearPage(browser);
        }
        await browser.evaluate(new Function(axeSource));
      });
      after(() => browser !== lab.browser && browser?.close());

      /** Nothing is wider than a narrow screen, nor if letters are twice as large. */
      async function fits() {
        for (const [width, textSize] of [
          [390, '100%'],
          [360, '100%'],
          [320, '100%'],
          [390, '200%'],
          [320, '200%'],
        ]) {
          await browser.resize(width, 700);
          const { wide, torn } = await browser.evaluate((textSize) => {
            const { documentElement: root } = document;
            root.style.fontSize = textSize;
            // What is below the screen is else not laid out, as what is folded away.
            for (const card of document.querySelectorAll('article')) {
              card.style.contentVisibility = 'visible';
            }
            const elements = [...document.querySelectorAll('#app *')]
              .filter(
                (element) =>
                  element.checkVisibility() &&
                  element.getBoundingClientRect().right >
                    root.clientWidth + 1 &&
                  !element.closest('.table, .visually-hidden'),
              )
              .map(({ outerHTML }) => outerHTML.slice(0, 100));
            // Where there is a line for each of its words, none is torn.
            const torn = [
              ...document.querySelectorAll('.breeds .cell > :first-child'),
            ]
              .filter((name) => {
                const { length } = name.textContent.split(' ');
                const line = parseFloat(getComputedStyle(name).lineHeight);
                return name.clientHeight > (length + 0.5) * line;
              })
              .map(({ textContent }) => textContent);
            root.style.fontSize = '';
            return { wide: elements, torn };
          }, textSize);
          const what = `${width} pixels, text of ${textSize}`;
          assert.deepEqual(wide, [], what);
          // Then the longest word has no room any more.
          const isTiny = width === 320 && textSize === '200%';
          if (!isTiny) assert.deepEqual(torn, [], what);
        }
      }

      test('the theme is the one of the system', async () => {
        const lightness = await browser.evaluate(() => {
          const canvas = document.createElement('canvas').getContext('2d');
          canvas.fillStyle = getComputedStyle(document.body).color;
          canvas.fillRect(0, 0, 1, 1);
          const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
          return (r + g + b) / 3;
        });
        const isDark = lightness > 128;
        assert.equal(
          isDark,
          theme === 'dark',
          `text of lightness ${lightness}`,
        );
      });

      test('empty page', async () => {
        assert.deepEqual(await violations(browser), []);
      });

      test('photos done and failed', async () => {
        await showPhotos(browser, [
          photo('landscape.jpg'),
          empty,
          photo('square.jpg'),
        ]);
        assert.deepEqual(await violations(browser), []);
      });

      test('on a phone the colours are folded away with the method', async () => {
        const shown = () =>
          browser.evaluate(() =>
            [...document.querySelectorAll('.toolbar :is(select, input)')]
              .filter((control) => control.checkVisibility())
              .map(({ ariaLabel }) => ariaLabel),
          );
        const sliders = ['Opacity of the heatmap', 'Least heat that is shown'];
        const colours = 'Colours of the heatmap';
        await browser.resize(1280, 720);
        assert.ok((await shown()).includes(colours));
        await browser.resize(390, 700);
        assert.deepEqual(await shown(), sliders);
        await unfoldMethod(browser, true);
        assert.ok((await shown()).includes(colours));
        await unfoldMethod(browser, false);
        await browser.resize(1280, 720);
      });

      test('everything unfolded', async () => {
        await browser.evaluate(() => {
          for (const details of document.querySelectorAll('details')) {
            details.open = true;
          }
        });
        await unfoldMethod(browser, true);
        await waitFor(
          browser,
          'the channels of both photos',
          () => document.querySelectorAll('.making').length === 2,
        );
        assert.deepEqual(await violations(browser), []);
      });

      // What is wide does not hang on its colours.
      if (theme === 'dark') return;

      test('nothing needs scrolling sideways on narrow screens', async () => {
        await waitFor(browser, 'tests of a map', () =>
          document.querySelector('.chart'),
        );
        await fits();
        await browser.evaluate(async () => {
          const { photo } = window.gradcam.results()[0];
          await window.gradcam.lookCloser(photo);
          void window.gradcam.setMethod({ method: 'occlusion' });
        });
        await waitFor(browser, 'maps on their way', () =>
          document.querySelector('.status button'),
        );
        await fits();
        await browser.evaluate(() =>
          window.gradcam.setMethod({ method: 'gradcam' }),
        );
        await browser.resize(1280, 720);
      });
    });
  }
}

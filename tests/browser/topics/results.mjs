import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { fixture, photo, realPhotos } from '../support/files.mjs';
import {
  assertSameAnswer,
  cards,
  finished,
  painted,
  PHOTO_INPUT,
  portable,
  resultLines,
  showPhotos,
  waitFor,
} from '../support/page.mjs';

const pictures = [
  ...['landscape.jpg', 'portrait.jpg', 'square.jpg', 'lossless.png'].map(photo),
  ...[
    'animated.gif',
    'cmyk.jpg',
    'grey.jpg',
    'palette.png',
    'progressive.jpg',
  ].map(fixture),
  ...['rgb.bmp', 'rgb16.png', 'rgba.png', 'one_pixel.png'].map(fixture),
];

/** The page says what the command line says. */
export function results(lab) {
  describe('results', () => {
    const real = realPhotos(4);
    const paths = [...pictures, ...real];
    let expected;
    before(async () => {
      expected = await explain(paths);
      await showPhotos(lab.browser, paths);
    });

    for (const path of pictures) {
      test(`${basename(path)} as on the command line`, async () => {
        await check(path);
      });
    }

    test(
      'photos of real dogs as on the command line',
      {
        skip: real.length === 0 && 'no photos beside the repository',
      },
      async () => {
        for (const path of real) await check(path);
      },
    );

    async function check(path) {
      const name = basename(path);
      const line = (await resultLines(lab.browser)).get(name);
      assertSameAnswer(line, expected[paths.indexOf(path)], name);

      const card = (await cards(lab.browser)).get(name);
      assert.equal(card.state, 'done');
      assert.deepEqual(
        card.rows,
        line.top.map(({ label, probability }) => ({ label, probability })),
        'the table shows the same, in the same order',
      );
      assert.deepEqual(card.others, [line.others], 'and what else it may be');
      assert.ok(card.image, 'the heatmap has a description');
    }

    test('the API adds, lists and tells of photos', async () => {
      const outcome = await lab.browser.evaluate(
        async ({ name, base64 }) => {
          const bytes = Uint8Array.from(atob(base64), (char) =>
            char.charCodeAt(0),
          );
          const counts = [];
          const stop = window.gradcam.onResults((lines) =>
            counts.push(lines.length),
          );
          const [line] = await window.gradcam.addPhotos([
            new File([bytes], `again ${name}`),
          ]);
          stop();
          const { engine, model } = window.gradcam.about();
          const listed = window.gradcam.results().at(-1);
          return { counts, line, listed, engine, model };
        },
        portable(photo('square.jpg')),
      );
      assert.equal(outcome.line.photo, 'again square.jpg');
      assert.deepEqual(outcome.listed, outcome.line);
      assert.equal(outcome.counts[0], paths.length);
      assert.equal(outcome.counts.at(-1), paths.length + 1);
      assert.equal(outcome.model.classes, outcome.line.top.length);
      assert.ok(['simd128', 'relaxed'].includes(outcome.engine.simd));
    });

    test('many photos can be seen by what they show', async () => {
      const { browser } = lab;
      const groups = () =>
        browser.evaluate(() =>
          [...document.querySelectorAll('.groups button')].map((button) => ({
            count: Number(button.querySelector('.count').textContent),
            isChosen: button.ariaPressed === 'true',
          })),
        );
      const choose = (index) =>
        browser.evaluate(
          (index) => document.querySelectorAll('.groups button')[index].click(),
          index,
        );
      const seen = (count) =>
        waitFor(
          browser,
          `${count} photos to be seen`,
          (count) => document.querySelectorAll('article').length === count,
          count,
        );
      const names = ['landscape.jpg', 'portrait.jpg', 'square.jpg'];
      await showPhotos(browser, names.map(photo));
      assert.deepEqual(await groups(), [], 'few are seen at a glance');
      await browser.addFiles(PHOTO_INPUT, [fixture('huge.png')]);
      await finished(browser, 4);
      const [all, ...found] = await groups();
      assert.deepEqual(all, { count: 4, isChosen: true });
      const sum = found.reduce((sum, { count }) => sum + count, 0);
      assert.equal(sum, 4);
      assert.equal(found.at(-1).count, 1, 'the one that failed comes last');
      const heights = () =>
        browser.evaluate(() => {
          const line = document.querySelector('.groups');
          const heights = [];
          for (let width = 200; width <= 800; width += 4) {
            line.style.width = `${width}px`;
            heights.push(line.offsetHeight);
          }
          line.style.width = '';
          return heights;
        });
      // As if the system decided on colours.
      const colours = await browser.evaluate(() => {
        const rules = [...document.styleSheets].flatMap(({ cssRules }) => [
          ...cssRules,
        ]);
        const { media } = rules.find((rule) =>
          rule.media?.mediaText.includes('forced-colors'),
        );
        const { mediaText } = media;
        media.mediaText = 'all';
        const pressed = document.querySelector('.groups [aria-pressed=true]');
        const colours = [pressed, pressed.querySelector('.count')].map(
          (element) => getComputedStyle(element).color,
        );
        media.mediaText = mediaText;
        return colours;
      });
      assert.equal(colours[1], colours[0], 'the count is as clear as the name');
      const before = await heights();
      await choose(found.length);
      await seen(1);
      assert.ok((await groups()).at(-1).isChosen);
      assert.deepEqual(await heights(), before, 'the photos do not move');
      const scrolled = async () => {
        await painted(browser);
        return browser.evaluate(() => window.scrollY);
      };
      assert.equal(await scrolled(), 0, 'one fits on the screen');
      await choose(0);
      await seen(4);
      assert.equal(await scrolled(), 0, 'what is seen again is nothing new');
      await choose(1);
      await seen(found[0].count);
      await choose(1);
      await seen(4);
      await browser.resize(390, 700);
      await waitFor(browser, 'a narrow screen', () => innerWidth < 640);
      const lines = await browser.evaluate(() => {
        const line = document.querySelector('.groups');
        const last = [...line.querySelectorAll('button')].at(-1);
        last.focus();
        return Math.floor(line.clientHeight / last.offsetHeight);
      });
      assert.equal(lines, 1, 'one line on a phone');
      await waitFor(browser, 'what has the focus in it to be in sight', () => {
        const { left, right } = document.activeElement.getBoundingClientRect();
        return left >= 0 && right <= innerWidth;
      });
      await browser.resize(1280, 720);
      await waitFor(browser, 'a wide screen', () => innerWidth > 1200);
      await browser.evaluate(() =>
        document.querySelector('[aria-label^=Remove]').click(),
      );
      await seen(3);
      assert.deepEqual(await groups(), []);
    });
  });
}

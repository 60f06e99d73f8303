import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { photo } from '../support/files.mjs';
import {
  assertSameAnswer,
  chooseBreed,
  click,
  openPage,
  resultLines,
  showPhotos,
  waitFor,
} from '../support/page.mjs';

const NAME = 'landscape.jpg';

/** The network is shown a part of a photo. */
export function closer(lab) {
  describe('looking closer', () => {
    const path = photo(NAME);
    before(() => showPhotos(lab.browser, [path, photo('square.jpg')]));
    after(() => openPage(lab.browser));

    const evaluate = (fn, ...args) => lab.browser.evaluate(fn, ...args);
    const lineNow = async () => (await resultLines(lab.browser)).get(NAME);
    /** Waits until the network has seen what the frame is around. */
    const seen = (what) =>
      waitFor(lab.browser, what, () => {
        const place = (selector) =>
          document.querySelector(selector)?.getAttribute('style');
        return (
          place('.crop-frame') !== undefined &&
          place('.crop-frame') === place('article:has(.crop-frame) .seen')
        );
      });
    const asOnTheCommandLine = async (what, ...options) => {
      const line = await lineNow();
      const { x, y, width, height } = line.crop;
      const crop = [x, y, width, height].join();
      const [expected] = await explain([path], '--crop', crop, ...options);
      assertSameAnswer(line, expected, what);
      return line;
    };

    test('at what is warm, as gradcam explain --closer', async () => {
      await click(lab.browser, 'Look closer', 'article');
      await seen('a closer look');
      const [expected] = await explain([path], '--closer');
      assertSameAnswer(await lineNow(), expected, 'closer');
    });

    test('what is said of the square does not lie over it', async () => {
      const { width, height, crop } = await lineNow();
      const [right, bottom] = [width - width / 2, height - height / 2];
      for (const [x, y] of [
        [0, 0],
        [right, 0],
        [0, bottom],
        [right, bottom],
      ]) {
        const part = { x, y, width: width / 2, height: height / 2 };
        await evaluate(
          (name, part) => window.gradcam.look(name, part),
          NAME,
          part,
        );
        const apart = await evaluate(() => {
          const box = (selector) =>
            document.querySelector(selector).getBoundingClientRect();
          const [frame, words] = [
            box('.crop-frame'),
            box('.picture > .caption'),
          ];
          return words.bottom <= frame.top || words.top >= frame.bottom;
        });
        assert.ok(apart, `with the square at ${x}, ${y}`);
      }
      await evaluate(
        (name, crop) => window.gradcam.look(name, crop),
        NAME,
        crop,
      );
    });

    test('keys move the square and change its size', async () => {
      const before = await lineNow();
      await evaluate(() => document.querySelector('.crop-frame').focus());
      for (const key of ['ArrowRight', 'ArrowDown', '-']) {
        await lab.browser.press(key);
      }
      await seen('the square in its new place');
      const after = await asOnTheCommandLine('after keys');
      assert.ok(after.crop.width < before.crop.width, 'it is smaller');
      assert.equal(after.crop.width, after.crop.height, 'it is a square');
      assert.ok(after.crop.x > before.crop.x, 'it is further to the right');
      assert.match(
        await evaluate(() => document.activeElement.className),
        /crop-frame/,
        'the focus stays',
      );
    });

    test('it is dragged, and so are its corners, and the answer follows', async () => {
      const before = await lineNow();
      // As fast as a mouse reports it: not every place is looked at, but the last one is.
      const drag = (selector, dx, dy) =>
        evaluate(
          async (selector, dx, dy) => {
            const frame = document.querySelector('.crop-frame');
            const target = document.querySelector(selector);
            // A pointer that does not exist cannot be captured.
            frame.setPointerCapture = () => {};
            const { left, top, width, height } = target.getBoundingClientRect();
            const [x, y] = [left + width / 2, top + height / 2];
            const point = (type, part) =>
              target.dispatchEvent(
                new PointerEvent(type, {
                  bubbles: true,
                  button: 0,
                  clientX: x + dx * part,
                  clientY: y + dy * part,
                }),
              );
            point('pointerdown', 0);
            for (let step = 1; step <= 20; ++step) {
              point('pointermove', step / 20);
              await new Promise((resolve) => setTimeout(resolve, 4));
            }
            point('pointerup', 1);
            point('pointermove', 0); // without a button, for nothing
          },
          selector,
          dx,
          dy,
        );
      // Every look ends what an open panel asks; the last one is asked about all the same.
      const openHow = (isOpen) =>
        evaluate(
          (name, isOpen) => {
            const article = document.querySelector(`[data-photo="${name}"]`);
            article.querySelector('details.how').open = isOpen;
          },
          NAME,
          isOpen,
        );
      const channels = () =>
        waitFor(
          lab.browser,
          'the channels',
          () => document.querySelectorAll('.making canvas').length > 0,
        );
      await openHow(true);
      await channels();
      await drag('.crop-frame', -40, -10);
      await seen('the square where it was dragged to');
      await channels();
      await openHow(false);
      const moved = await asOnTheCommandLine('after dragging');
      assert.ok(moved.crop.x < before.crop.x, 'it is further to the left');
      assert.equal(moved.crop.width, before.crop.width);
      await drag('.crop-frame [data-corner=se]', 30, 30);
      await seen('the square in its new size');
      const larger = await asOnTheCommandLine('after dragging a corner');
      assert.ok(larger.crop.width > moved.crop.width, 'it is larger');
      assert.equal(larger.crop.x, moved.crop.x, 'the other corner stays');
    });

    test('other maps are of the part, too, when another photo came between', async () => {
      const { crop } = await lineNow();
      await evaluate(async (how) => window.gradcam.setMethod(how), {
        method: 'layercam',
      });
      const { top } = await lineNow();
      await chooseBreed(lab.browser, path, top[2].label);
      const line = await asOnTheCommandLine(
        'LayerCAM of another breed',
        ...['--method', 'layercam', '--class', top[2].label],
      );
      assert.deepEqual(line.crop, crop);
      const [other] = await explain(
        [photo('square.jpg')],
        '--method',
        'layercam',
      );
      const lines = await resultLines(lab.browser);
      assertSameAnswer(lines.get('square.jpg'), other, 'the other photo');
      await evaluate(async (how) => window.gradcam.setMethod(how), {
        method: 'gradcam',
      });
    });

    test('the breed that was chosen stays chosen', async () => {
      const look = (...args) =>
        evaluate((...args) => window.gradcam.look(...args), ...args);
      // Even if it is the likeliest one at the moment.
      const [best] = (await look(NAME)).top;
      await chooseBreed(lab.browser, path, best.label);
      const corner = { x: 0, y: 0, width: 100, height: 100 };
      const there = await look(NAME, corner);
      assert.notEqual(there.top[0].label, best.label, 'another one leads');
      assert.equal(there.class, best.label);
      const { class: chosen, crop } = await lineNow();
      const part = { x: 0, y: 0, width: crop.width, height: crop.height };
      const line = await look(NAME, part);
      assert.equal(line.class, chosen);
      await asOnTheCommandLine('by the API', '--class', chosen);
      const reason = (...args) =>
        evaluate(
          (...args) => window.gradcam.look(...args).catch(String),
          ...args,
        );
      assert.match(await reason('none.jpg'), /no finished photo named/);
      assert.match(
        await reason(NAME, { ...part, x: 600 }),
        /at \(600, 0\) is not inside the photo of 640 x 427 pixels/,
      );
      assert.deepEqual((await lineNow()).crop, part, 'it is as it was');
    });

    test('Escape shows everything again', async () => {
      const [whole] = await explain([path]);
      await evaluate(() => document.querySelector('.crop-frame').focus());
      await lab.browser.press('Escape');
      assert.match(
        await evaluate(() => document.activeElement.textContent),
        /Look closer|See it all/,
        'what has brought the frame has the focus',
      );
      await waitFor(
        lab.browser,
        'the whole photo',
        (name, crop) => {
          const lines = window.gradcam.results();
          const line = lines.find((line) => line.photo === name);
          return (
            !document.querySelector('.crop-frame') &&
            JSON.stringify(line?.crop) === crop
          );
        },
        NAME,
        JSON.stringify(whole.crop),
      );
      assert.match(
        await evaluate(() => document.activeElement.textContent),
        /Look closer/,
      );
      await chooseBreed(lab.browser, path, whole.class);
      assertSameAnswer(await lineNow(), whole, 'everything again');
    });
  });
}

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { PNG } from 'pngjs';
import { photo } from '../support/files.mjs';
import {
  clearPage,
  painted,
  portable,
  showPhotos,
  waitFor,
} from '../support/page.mjs';

/** One photo on the whole screen. */
export function enlarging(lab) {
  describe('the whole screen', () => {
    const names = ['landscape.jpg', 'portrait.jpg', 'square.jpg'];
    const evaluate = (fn, ...args) => lab.browser.evaluate(fn, ...args);
    /** As a user would: browsers give the screen to nobody else. */
    const press = async (label) => {
      await evaluate((label) => {
        const all = [...document.querySelectorAll('.photos button')];
        all.find((button) => button.ariaLabel === label).focus();
      }, label);
      await lab.browser.press('Enter');
    };
    const visible = () =>
      evaluate(() =>
        [...document.querySelectorAll('article')]
          .filter((article) => article.getClientRects().length > 0)
          .map(({ dataset }) => dataset.photo),
      );
    const shows = (name) =>
      waitFor(
        lab.browser,
        `${name} on the whole screen`,
        (name) =>
          document.fullscreenElement &&
          document.querySelector('[data-enlarged=true]')?.dataset.photo ===
            name,
        name,
      );
    const isBack = () =>
      waitFor(
        lab.browser,
        'the page as always',
        () =>
          !document.fullscreenElement &&
          !document.querySelector('[data-enlarged=true]'),
      );

    before(() => showPhotos(lab.browser, names.map(photo)));

    test('a photo is shown alone, larger, and its neighbours by keys', async () => {
      const width = () =>
        evaluate(() => document.querySelector('article .picture').clientWidth);
      const small = await width();
      await press('Show landscape.jpg on the whole screen');
      await shows('landscape.jpg');
      assert.deepEqual(await visible(), ['landscape.jpg']);
      assert.ok((await width()) > 1.2 * small);
      await lab.browser.press('ArrowRight');
      await shows('portrait.jpg');
      assert.deepEqual(await visible(), ['portrait.jpg']);
      await lab.browser.press('ArrowLeft');
      await shows('landscape.jpg');
      // As a remote control does.
      await lab.browser.press('PageDown');
      await shows('portrait.jpg');
      await lab.browser.press('PageUp');
      await shows('landscape.jpg');
      await press('The next photo');
      await shows('portrait.jpg');
      await lab.browser.press('Enter'); // the same control of the next one
      await shows('square.jpg');
      await lab.browser.press('ArrowRight');
      await lab.browser.press('ArrowLeft');
      await shows('portrait.jpg');
      await press('Back to the page');
      await isBack();
      assert.deepEqual(await visible(), names);
      await waitFor(
        lab.browser,
        'the focus where it was',
        () =>
          document.activeElement.ariaLabel ===
          'Show portrait.jpg on the whole screen',
      );
    });

    test('the sliders of the heat are there, on screens of any size', async () => {
      for (const size of [
        [1280, 720],
        [844, 390],
        [390, 844],
      ]) {
        await lab.browser.resize(...size);
        await press('Show landscape.jpg on the whole screen');
        await shows('landscape.jpg');
        const outside = await evaluate(() => {
          const header = document.querySelector(
            '[data-enlarged=true] .card-header',
          );
          const parts = [...header.querySelectorAll('input, canvas, button')];
          return parts
            .filter((part) => {
              const { left, right, width } = part.getBoundingClientRect();
              return !(width >= 40 && left >= 0 && right <= innerWidth);
            })
            .map(({ outerHTML }) => outerHTML);
        });
        assert.deepEqual(outside, [], `at ${size}`);
        await press('Back to the page');
        await isBack();
      }
      await lab.browser.resize(1280, 720);
    });

    test('the heat is to be seen there, and afterwards', async () => {
      const pixels = async () => {
        await painted(lab.browser);
        return PNG.sync.read(await lab.browser.screenshot()).data;
      };
      const setHeat = async (isOn) => {
        await evaluate((isOn) => {
          for (const button of document.querySelectorAll('.actions button')) {
            const is = button.ariaPressed === 'true';
            if (button.innerText.trim() === 'Heat' && is !== isOn)
              button.click();
          }
        }, isOn);
        await waitFor(
          lab.browser,
          'the heat to come or go',
          (opacity) =>
            [...document.querySelectorAll('.seen > .laid')].every(
              (heat) => getComputedStyle(heat).opacity === opacity,
            ),
          isOn ? '0.5' : '0',
        );
      };
      const isSeen = async (where) => {
        const hot = await pixels();
        await setHeat(false);
        const bare = await pixels();
        await setHeat(true);
        let different = 0;
        for (let i = 0; i < hot.length; i += 4) {
          if (Math.abs(hot[i] - bare[i]) > 30) different++;
        }
        const share = (4 * different) / hot.length;
        assert.ok(share > 0.005, `${where}: ${share} of what is seen is hot`);
      };
      await press('Show landscape.jpg on the whole screen');
      await shows('landscape.jpg');
      await isSeen('on the whole screen');
      await lab.browser.press('ArrowRight');
      await shows('portrait.jpg');
      await isSeen('of its neighbour');
      await press('Back to the page');
      await isBack();
      await isSeen('on the page');
    });

    test('news are above it, and nothing else of the page is there', async () => {
      await press('Show portrait.jpg on the whole screen');
      await shows('portrait.jpg');
      await evaluate(() => {
        const event = new Event('drop', { bubbles: true, cancelable: true });
        Object.defineProperty(event, 'dataTransfer', {
          value: new DataTransfer(),
        });
        document.body.dispatchEvent(event);
      });
      await waitFor(lab.browser, 'the news on top', () => {
        const button = document.querySelector('.news .page-notice button');
        if (!button) return false;
        const { x, y, width, height } = button.getBoundingClientRect();
        return (
          document
            .elementFromPoint(x + width / 2, y + height / 2)
            ?.closest('button') === button
        );
      });
      const focusNews = () =>
        evaluate(() =>
          document.querySelector('.news .page-notice button').focus(),
        );
      await focusNews();
      const stops = [];
      for (let i = 0; i < 12; ++i) {
        stops.push(
          await evaluate(
            () =>
              document.activeElement.closest('.news, [data-alone=true]')
                ?.className ?? document.activeElement.outerHTML,
          ),
        );
        await lab.browser.press('Tab');
      }
      assert.deepEqual(stops, ['news', ...Array(11).fill('photos')]);
      await focusNews();
      await lab.browser.press('Enter');
      await waitFor(
        lab.browser,
        'the news to be dismissed',
        () => !document.querySelector('.news .page-notice'),
      );
      await waitFor(lab.browser, 'the focus on what is seen', () =>
        document.activeElement.closest('[data-alone=true]'),
      );
      await shows('portrait.jpg');
      await evaluate(() => document.exitFullscreen()); // as Escape does
      await isBack();
      await waitFor(
        lab.browser,
        'the focus where it was',
        () =>
          document.activeElement.ariaLabel ===
          'Show portrait.jpg on the whole screen',
      );
    });

    /** As in the browser of an iPhone. */
    const refuseScreen = () =>
      evaluate(() => {
        document.documentElement.requestFullscreen = () =>
          Promise.reject(new TypeError('not here'));
      });
    const allowScreen = () =>
      evaluate(() => {
        delete document.documentElement.requestFullscreen;
      });

    test('where pages do not get the whole screen it fills the window', async () => {
      await refuseScreen();
      await press('Show landscape.jpg on the whole screen');
      await waitFor(lab.browser, 'the photo in all of the window', () => {
        const { x, y, width, height } =
          document
            .querySelector('[data-alone=true]')
            ?.getBoundingClientRect() ?? {};
        return (
          x === 0 && y === 0 && width === innerWidth && height === innerHeight
        );
      });
      assert.deepEqual(await visible(), ['landscape.jpg']);
      await lab.browser.press('Escape');
      await isBack();
      assert.deepEqual(await visible(), names);
      await allowScreen();
    });

    test('what one shows of it to others is all on the screen', async () => {
      const { width, height } = await evaluate(() => ({
        width: innerWidth,
        height: innerHeight,
      }));
      await refuseScreen();
      await press('Show landscape.jpg on the whole screen');
      for (const name of ['landscape.jpg', 'portrait.jpg']) {
        for (const [width, height] of [
          [1920, 1080],
          [1366, 768],
          [1024, 768],
          [390, 844],
          [844, 390],
        ]) {
          await lab.browser.resize(width, height);
          const { outside, share } = await evaluate(async () => {
            const card = document.querySelector('[data-enlarged=true]');
            const [first, second] = card.querySelectorAll('tr[data-label]');
            const things = {
              answer: card.querySelector('.verdict'),
              explanation: card.querySelector('.where'),
              'first breed': first,
              'second breed': second,
              heat: card.querySelector('.card-header input[type=range]'),
              before: card.querySelector('[aria-label="The photo before"]'),
              next: card.querySelector('[aria-label="The next photo"]'),
              back: card.querySelector('[aria-label="Back to the page"]'),
            };
            const seen = await new Promise((resolve) => {
              const observer = new IntersectionObserver(resolve);
              for (const each of Object.values(things)) observer.observe(each);
            });
            const shareOf = (thing) =>
              seen.find(({ target }) => target === thing).intersectionRatio;
            const picture = card.querySelector('.picture');
            return {
              outside: Object.keys(things).filter(
                (name) => shareOf(things[name]) < 0.99,
              ),
              share:
                (picture.clientWidth * picture.clientHeight) /
                (innerWidth * innerHeight),
            };
          });
          const what = `${name}, ${width} by ${height}`;
          assert.deepEqual(outside, [], what);
          assert.ok(
            share > 0.2,
            `${what}: of the screen the photo is ${share}`,
          );
        }
        await lab.browser.press('ArrowRight');
      }
      const setHeat = (value) =>
        evaluate((value) => {
          const heat = document.querySelector('.card-header input[type=range]');
          heat.value = value;
          heat.dispatchEvent(new Event('input', { bubbles: true }));
        }, value);
      await setHeat('0.2');
      await waitFor(lab.browser, 'less heat', () => {
        const heat = document.querySelector('[data-enlarged=true] .laid');
        return getComputedStyle(heat).opacity === '0.2';
      });
      await setHeat('0.5');
      await press('Back to the page');
      await isBack();
      await allowScreen();
      await lab.browser.resize(width, height);
    });

    test('the first of what is added meanwhile is turned to', async () => {
      await press('Show landscape.jpg on the whole screen');
      await shows('landscape.jpg');
      await evaluate(
        async ({ base64 }) => {
          const bytes = Uint8Array.from(atob(base64), (char) =>
            char.charCodeAt(0),
          );
          await window.gradcam.addPhotos(
            ['new 1.jpg', 'new 2.jpg'].map((name) => new File([bytes], name)),
          );
        },
        portable(photo('portrait.jpg')),
      );
      await shows('new 1.jpg');
      assert.deepEqual(await visible(), ['new 1.jpg']);
      await lab.browser.press('ArrowRight');
      await shows('new 2.jpg');
      await press('Back to the page');
      await isBack();
    });

    test('when all are taken off, the page is back', async () => {
      await press('Show square.jpg on the whole screen');
      await shows('square.jpg');
      await clearPage(lab.browser);
      await isBack();
    });
  });
}

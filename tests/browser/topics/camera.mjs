import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { photo } from '../support/files.mjs';
import {
  cards,
  clearPage,
  click,
  finished,
  openPage,
  PHOTO_INPUT,
  portable,
  waitFor,
} from '../support/page.mjs';

/** In the page: makes the camera one that shows this picture; cameras are kept in `streams`. */
async function pointCameraAt({ base64 }) {
  const picture = new Image();
  picture.src = `data:image/jpeg;base64,${base64}`;
  await picture.decode();
  window.streams = [];
  // WebKit forgets what is changed of `navigator.mediaDevices` itself.
  MediaDevices.prototype.getUserMedia = async () => {
    const canvas = document.createElement('canvas');
    canvas.width = 640;
    canvas.height = 480;
    const context = canvas.getContext('2d');
    const draw = () => context.drawImage(picture, 0, 0, 640, 480);
    draw();
    setInterval(draw, 50);
    const stream = canvas.captureStream();
    window.streams.push(stream);
    return stream;
  };
}

/** The camera: what it shows is looked at all the time. */
export function camera(lab) {
  describe('camera', () => {
    before(() => openPage(lab.browser));
    after(() => openPage(lab.browser));

    const turnOn = () => click(lab.browser, 'Use the camera');
    const seeing = () =>
      waitFor(lab.browser, 'a map of what the camera shows', () =>
        document.querySelector('.camera canvas[role=img]'),
      );
    const textOf = (selector) =>
      lab.browser.evaluate(
        (selector) => document.querySelector(selector)?.innerText ?? '',
        selector,
      );
    const reading = () =>
      waitFor(lab.browser, 'words of what the camera shows', () =>
        document.querySelector('.camera .likeliest'),
      );
    const wordsOf = (pattern) =>
      waitFor(
        lab.browser,
        `news of ${pattern}`,
        (source) =>
          new RegExp(source).test(document.querySelector('.news').textContent),
        pattern.source,
      );

    test('frame after frame is explained, until it is turned off', async () => {
      await turnOn();
      if (lab.engine === 'webkit') {
        // Its browser for tests has none.
        await wordsOf(/No camera was found/);
        return;
      }
      await seeing();
      await reading();
      assert.match(await textOf('.camera .rate'), /^[\d.]+ pictures a second/);
      assert.match(await textOf('.camera .verdict'), /\w/);
      await click(lab.browser, 'Turn the camera off');
      assert.equal(await textOf('.camera'), '');
      assert.match(await textOf('h1'), /Which breed/);
    });

    describe('of a dog', () => {
      before(async () => {
        await lab.browser.evaluate(
          pointCameraAt,
          portable(photo('landscape.jpg')),
        );
        await turnOn();
        await seeing();
      });

      test('what is kept is a photo like others, with the same answer', async () => {
        await reading();
        await click(lab.browser, 'Keep this picture');
        await finished(lab.browser, 1);
        const [card] = (await cards(lab.browser)).values();
        assert.match(card.photo, /^camera \d+\.jpg$/);
        assert.equal(card.state, 'done');
        await waitFor(lab.browser, 'the same verdict of the camera', () => {
          const verdict = (place) =>
            document
              .querySelector(`${place} .verdict`)
              .textContent.replace(/\d+\s*%/g, '');
          return verdict('.camera') === verdict('article');
        });
        const asksBeforeLeaving = () =>
          lab.browser.evaluate(
            () =>
              !dispatchEvent(new Event('beforeunload', { cancelable: true })),
          );
        assert.ok(await asksBeforeLeaving(), 'lost without a question');
        await click(lab.browser, 'Photo');
        assert.ok(!(await asksBeforeLeaving()), 'asks for what is saved');
        await clearPage(lab.browser);
        assert.ok(await textOf('.camera'), 'the camera stays');
      });

      test('who keeps a picture stays at the camera, on a phone, too', async () => {
        const { browser } = lab;
        await browser.resize(390, 844);
        const top = () =>
          browser.evaluate(
            () => document.querySelector('.camera').getBoundingClientRect().top,
          );
        await browser.evaluate(() =>
          document.querySelector('.camera').scrollIntoView(),
        );
        const before = await top();
        await click(lab.browser, 'Keep this picture');
        await finished(browser, 1);
        assert.ok(Math.abs((await top()) - before) < 2, 'the camera stays');
        assert.match(await textOf('.camera'), /One picture is kept, below/);
        await clearPage(browser);
        await browser.resize(1280, 720);
      });

      test('photos have their turn between its pictures', async () => {
        const { browser } = lab;
        await browser.addFiles(PHOTO_INPUT, [
          photo('portrait.jpg'),
          photo('square.jpg'),
        ]);
        await finished(browser, 2);
        const methods = (method) =>
          waitFor(
            browser,
            `maps of ${method}`,
            (method) =>
              window.gradcam.results().filter((line) => line.method === method)
                .length === 2,
            method,
          );
        const choose = (method) =>
          browser.evaluate((method) => {
            void window.gradcam.setMethod({ method });
          }, method);
        await choose('hirescam');
        await methods('hirescam');
        await choose('occlusion');
        await waitFor(browser, 'a slow map under way', () =>
          /[1-9]\d* of 196/.test(
            document.querySelector('article .pending')?.innerText,
          ),
        );
        await waitFor(browser, 'word of it at the camera', () =>
          /Occlusion takes too long for a camera, whose maps are made by Grad-CAM/.test(
            document.querySelector('.camera').innerText,
          ),
        );
        await choose('gradcam');
        await methods('gradcam');
        assert.doesNotMatch(await textOf('.camera'), /too long/);
        await seeing();
        await clearPage(browser);
      });

      test('looked at closer, the network is shown the square around what is warm', async () => {
        const place = () =>
          lab.browser.evaluate(() => {
            const { style, dataset } = document.querySelector('.camera .seen');
            return [style.left, style.top, style.width, dataset.outlined];
          });
        const whole = await place();
        assert.equal(whole.at(-1), 'false');
        await click(lab.browser, 'Look closer');
        await waitFor(lab.browser, 'a square', () =>
          document.querySelector('.camera .seen[data-outlined=true]'),
        );
        assert.ok(parseFloat((await place())[2]) < parseFloat(whole[2]));
        assert.match(await textOf('.camera .caption'), /square/);
        // What is kept is shown to the network as the camera showed it.
        const [, , wide] = await place();
        await click(lab.browser, 'Keep this picture');
        await finished(lab.browser, 1);
        const [kept] = await lab.browser.evaluate(() =>
          window.gradcam.results(),
        );
        assert.ok(
          Math.abs((100 * kept.crop.width) / kept.width - parseFloat(wide)) < 3,
          `${kept.crop.width} of ${kept.width} pixels, where ${wide} were shown`,
        );
        await clearPage(lab.browser);
        await click(lab.browser, 'See it all');
        await waitFor(lab.browser, 'all of it', () =>
          document.querySelector('.camera .seen[data-outlined=false]'),
        );
        assert.deepEqual(await place(), whole);
      });

      test('its pictures can be put into a box to teach', async () => {
        await lab.browser.evaluate(() => {
          document.querySelector('.teach').open = true;
        });
        await click(lab.browser, 'Put in what the camera shows');
        await waitFor(
          lab.browser,
          'the picture',
          () => document.querySelectorAll('.box li').length === 1,
        );
      });

      test('is given back, and goes on after it was', async () => {
        await click(lab.browser, 'Camera');
        const states = await lab.browser.evaluate(() =>
          window.streams.flatMap((stream) =>
            stream.getTracks().map(({ readyState }) => readyState),
          ),
        );
        assert.deepEqual(states, ['ended']);
        await turnOn();
        await seeing();
        await click(lab.browser, 'Camera');
      });

      test('one that is refused, or taken away, is said to be', async () => {
        await lab.browser.evaluate(() => {
          const { prototype } = MediaDevices;
          const { getUserMedia } = prototype;
          prototype.getUserMedia = async () => {
            prototype.getUserMedia = getUserMedia;
            throw new DOMException('', 'NotAllowedError');
          };
        });
        await turnOn();
        await wordsOf(/does not let the page use the camera/);
        await turnOn();
        await seeing();
        await lab.browser.evaluate(() =>
          window.streams
            .at(-1)
            .getTracks()
            .forEach((track) => track.dispatchEvent(new Event('ended'))),
        );
        await wordsOf(/taken away/);
        assert.equal(await textOf('.camera'), '');
      });
    });
  });
}

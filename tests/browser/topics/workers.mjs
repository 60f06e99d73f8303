import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { photo } from '../support/files.mjs';
import {
  assertSameAnswer,
  cards,
  clearPage,
  openPage,
  portable,
  resultLines,
  showPhotos,
  waitFor,
} from '../support/page.mjs';

/** The network divided among workers: any number of them gives the same answers. */
export function workers(lab) {
  describe('workers', () => {
    const paths = [photo('landscape.jpg'), photo('portrait.jpg')];
    let expected;
    before(async () => {
      expected = await explain(paths);
      await openPage(lab.browser);
      // Lets the tests get at the workers that the page asks, and at those that it starts from here
      // on: helpers.
      await lab.browser.evaluate(() => {
        window.askedWorkers = new Set();
        const { postMessage } = Worker.prototype;
        Worker.prototype.postMessage = function (...message) {
          window.askedWorkers.add(this);
          return postMessage.apply(this, message);
        };
        window.startedWorkers = [];
        window.Worker = class extends Worker {
          constructor(...given) {
            super(...given);
            window.startedWorkers.push(this);
          }
        };
      });
    });
    after(() => openPage(lab.browser));

    const setWorkers = (count) =>
      lab.browser.evaluate((count) => window.gradcam.setWorkers(count), count);
    const team = () =>
      lab.browser.evaluate(() => window.gradcam.about().workers);

    async function answersAreRight() {
      const lines = await resultLines(lab.browser);
      for (const line of expected) {
        const name = line.photo.split('/').at(-1);
        assertSameAnswer(lines.get(name), { ...line, photo: name }, name);
      }
    }

    test('one for each processor, 8 at most', async () => {
      const processors = await lab.browser.evaluate(
        () => navigator.hardwareConcurrency,
      );
      assert.deepEqual(await team(), {
        count: Math.min(processors, 8),
        lost: [],
      });
    });

    for (const count of [1, 2, 3]) {
      test(`${count}: the answers of the command line`, async (t) => {
        const { browser } = lab;
        await setWorkers(count);
        assert.deepEqual(await team(), { count, lost: [] });
        await showPhotos(browser, paths);
        await answersAreRight();
        const [line] = (await resultLines(browser)).values();
        t.diagnostic(`${lab.engine}: forward ${line.milliseconds.forward} ms`);
      });
    }

    test('a number that makes no sense is refused', async () => {
      const message = await lab.browser.evaluate(() =>
        window.gradcam.setWorkers(0).then(
          () => '',
          (error) => error.message,
        ),
      );
      assert.match(message, /1 to 8/);
    });

    test('one that dies is reported, and its part is done by the rest', async () => {
      const { browser } = lab;
      await setWorkers(1);
      await browser.evaluate(() => (window.startedWorkers.length = 0));
      await setWorkers(3);
      await browser.evaluate(() => window.startedWorkers[0].terminate());
      await showPhotos(browser, paths);
      await answersAreRight();
      assert.deepEqual(await team(), {
        count: 2,
        lost: ['the browser ended it'],
      });
      const facts = await browser.evaluate(
        () => document.querySelector('.facts').textContent,
      );
      assert.match(
        facts,
        /in up to 2 workers; 1 stopped \(the browser ended it\)/,
      );
    });

    for (const moment of ['before', 'amid']) {
      test(`the first that dies ${moment} a photo is replaced`, async () => {
        const { browser } = lab;
        await browser.evaluate(() => {
          window.askedWorkers.clear();
          window.startedWorkers.length = 0;
        });
        await setWorkers(2);
        await clearPage(browser);
        const files = paths.map(portable);
        const { wasRunning, errors } = await browser.evaluate(
          async (files, moment) => {
            const isFirst = (one) => !window.startedWorkers.includes(one);
            const first = [...window.askedWorkers].find(isFirst);
            if (moment === 'before') first.terminate();
            const lines = window.gradcam.addPhotos(
              files.map(({ name, base64 }) => {
                const chars = atob(base64);
                const bytes = Uint8Array.from(chars, (c) => c.charCodeAt(0));
                return new File([bytes], name);
              }),
            );
            const running = () =>
              document.querySelector('article[data-state=running]');
            while (!running()) {
              await new Promise((resolve) => setTimeout(resolve, 1));
            }
            if (moment === 'amid') first.terminate();
            const wasRunning = Boolean(running());
            const errors = (await lines).filter(({ error }) => error);
            return { wasRunning, errors };
          },
          files,
          moment,
        );
        assert.ok(wasRunning);
        assert.deepEqual(errors, []);
        await answersAreRight();
        assert.deepEqual(await team(), {
          count: 1,
          lost: ['the browser ended it'],
        });
        // What was asked of the workers before can be asked of these.
        await setWorkers(3);
        await showPhotos(browser, paths);
        await answersAreRight();
      });
    }

    test('a photo that is removed is not finished, and the next one is', async () => {
      const { browser } = lab;
      await setWorkers(2);
      await clearPage(browser);
      await browser.evaluate(async ({ name, base64 }) => {
        const bytes = Uint8Array.from(atob(base64), (char) =>
          char.charCodeAt(0),
        );
        const lines = window.gradcam.addPhotos([new File([bytes], name)]);
        while (!document.querySelector('article[data-state=running]')) {
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        const clear = (button) => /clear all/i.test(button.textContent);
        [...document.querySelectorAll('button')].find(clear).click();
        await lines;
        return performance.now();
      }, portable(paths[0]));
      await waitFor(
        browser,
        'an empty page',
        () => !document.querySelector('article'),
      );
      assert.equal((await cards(browser)).size, 0);
      await showPhotos(browser, paths);
      await answersAreRight();
    });
  });
}

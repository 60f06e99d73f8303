import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { photo } from '../support/files.mjs';
import {
  finished,
  openPage,
  painted,
  PHOTO_INPUT,
  portable,
  waitFor,
} from '../support/page.mjs';

/** What is off the screen costs little, and lacks nothing when it is needed. */
export function many(lab) {
  describe('many photos', () => {
    const COUNT = 40;
    before(async () => {
      const { browser } = lab;
      await openPage(browser);
      await browser.resize(600, 500);
      const given = portable(photo('landscape.jpg'));
      await browser.evaluate(
        async ({ base64 }, count) => {
          const bytes = Uint8Array.from(atob(base64), (char) =>
            char.charCodeAt(0),
          );
          await window.gradcam.addPhotos(
            Array.from(
              { length: count },
              (_, i) => new File([bytes], `dog ${i}.jpg`),
            ),
          );
        },
        given,
        COUNT,
      );
    });
    after(async () => {
      await lab.browser.resize(1280, 720);
      await openPage(lab.browser);
    });

    const scrollTo = (index) =>
      lab.browser.evaluate((index) => {
        const card = [...document.querySelectorAll('article')].at(index);
        card.scrollIntoView({ behavior: 'instant' });
      }, index);
    const untilDrawn = (index, isDrawn) =>
      waitFor(
        lab.browser,
        `the heat of photo ${index} to be drawn: ${isDrawn}`,
        (index, isDrawn) => {
          const heat = [...document.querySelectorAll('canvas[role=img]')];
          return heat.at(index).width > 0 === isDrawn;
        },
        index,
        isDrawn,
      );
    const picture = (index) =>
      lab.browser.evaluate(
        (index) =>
          [...document.querySelectorAll('canvas[role=img]')]
            .at(index)
            .toDataURL(),
        index,
      );
    const colour = (name) =>
      lab.browser.evaluate((name) => {
        const select = document.querySelector('.colours select');
        select.value = name;
        select.dispatchEvent(new Event('change', { bubbles: true }));
      }, name);

    test('heat off the screen takes no memory, and is drawn on the screen', async () => {
      await scrollTo(0);
      await untilDrawn(0, true);
      await untilDrawn(-1, false);
      const first = await picture(0);
      await scrollTo(-1);
      await untilDrawn(-1, true);
      await untilDrawn(0, false);
      await scrollTo(0);
      await untilDrawn(0, true);
      assert.equal(await picture(0), first);
    });

    test('it comes back in the colours that were chosen meanwhile', async () => {
      await scrollTo(0);
      await untilDrawn(0, true);
      const first = await picture(0);
      await scrollTo(-1);
      await untilDrawn(0, false);
      await colour('inferno');
      await scrollTo(0);
      await untilDrawn(0, true);
      assert.notEqual(await picture(0), first);
      await colour('turbo');
      assert.equal(await picture(0), first);
    });

    test('on paper all is drawn', async () => {
      await scrollTo(0);
      const drawn = await lab.browser.evaluate(() => {
        window.dispatchEvent(new Event('beforeprint'));
        const heat = [...document.querySelectorAll('canvas[role=img]')];
        const count = heat.filter(({ width }) => width > 0).length;
        window.dispatchEvent(new Event('afterprint'));
        return count;
      });
      assert.equal(drawn, COUNT);
    });

    test('all that were taken off come back as they were', async () => {
      const { browser } = lab;
      const texts = () =>
        browser.evaluate(() =>
          [...document.querySelectorAll('article')].map(
            ({ textContent }) => textContent,
          ),
        );
      const expected = await texts();
      assert.equal(expected.length, COUNT);
      await browser.evaluate(() =>
        [...document.querySelectorAll('.toolbar button')].at(-1).click(),
      );
      await waitFor(
        browser,
        'an empty page',
        () => !document.querySelector('article'),
      );
      const toCome = await browser.evaluate(
        () =>
          new Promise((resolve) => {
            const main = document.querySelector('main');
            new MutationObserver((_, observer) => {
              if (!document.querySelector('article')) return;
              observer.disconnect();
              resolve(document.querySelectorAll('.to-come').length);
            }).observe(main, { childList: true, subtree: true });
            document.querySelector('.page-notice .button').click();
          }),
      );
      assert.ok(toCome > 0, 'none is left for later');
      await waitFor(
        browser,
        'all tables',
        (count) => document.querySelectorAll('article table').length === count,
        COUNT,
      );
      assert.deepEqual(await texts(), expected);
    });

    test('where one is unfolded, its neighbours are not made as long', async () => {
      const { browser } = lab;
      const until = (expected) =>
        waitFor(
          browser,
          `cards to be stretched: ${expected}`,
          (expected) =>
            (getComputedStyle(document.querySelector('.photos')).alignItems !==
              'start') ===
            expected,
          expected,
        );
      const unfold = (selector, isOpen) =>
        browser.evaluate(
          (selector, isOpen) => {
            document.querySelector(selector).open = isOpen;
          },
          selector,
          isOpen,
        );
      const fold = () =>
        browser.evaluate(() =>
          document.querySelector('.breeds .link-button').click(),
        );
      await until(true);
      await unfold('.trust', true);
      await until(false);
      await fold();
      await unfold('.trust', false);
      await until(false);
      await fold();
      await until(true);
      await unfold('.how-made', true);
      await until(false);
      await browser.evaluate(() =>
        document.querySelector('[data-control=remove]').click(),
      );
      await until(true);
    });

    test('no style depends on whatever there is in all of them', async () => {
      const found = await lab.browser.evaluate(() => {
        const all = (rules) =>
          [...rules].flatMap((rule) =>
            rule.media?.mediaText === 'print'
              ? []
              : [rule.selectorText ?? '', ...all(rule.cssRules ?? [])],
          );
        const selectors = [...document.styleSheets]
          .flatMap(({ cssRules }) => all(cssRules))
          .flatMap((list) => list.split(/,(?![^(]*\))/));
        // What stands before it is what would be looked through.
        const hasAll = (selector) => {
          const [start] = selector.split(':has(');
          const subject = start.replace(/:not\($/, '').trim() || '*';
          const few = 2;
          return [...document.querySelectorAll(subject)].some(
            (element) => element.querySelectorAll('article').length > few,
          );
        };
        return selectors.filter(
          (selector) => selector.includes(':has(') && hasAll(selector),
        );
      });
      assert.deepEqual(found, []);
    });

    test('what is added is in sight once it is done', async () => {
      const { browser } = lab;
      await scrollTo(0);
      const before = await browser.evaluate(
        () => document.querySelectorAll('article').length,
      );
      await browser.addFiles(PHOTO_INPUT, [photo('square.jpg')]);
      await finished(browser, before + 1);
      await painted(browser);
      const isInSight = () =>
        browser.evaluate(() => {
          const card = [...document.querySelectorAll('article')].at(-1);
          const { top, bottom } = card.getBoundingClientRect();
          return top < innerHeight - 50 && bottom > 50;
        });
      assert.ok(await isInSight());
    });
  });
}

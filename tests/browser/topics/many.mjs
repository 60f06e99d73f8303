import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { photo } from '../support/files.mjs';
import { openPage, portable, waitFor } from '../support/page.mjs';

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
  });
}

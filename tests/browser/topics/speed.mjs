import assert from 'node:assert/strict';
import { cpus, loadavg } from 'node:os';
import { describe, test } from 'node:test';
import { page, photo } from '../support/files.mjs';
import { portable, waitFor } from '../support/page.mjs';

/** How long a user waits, and whether the page answers meanwhile. */
export function speed(lab) {
  describe('speed', () => {
    test('from navigation to the first heatmap', async (t) => {
      const { browser } = lab;
      await browser.open(page);
      const times = await browser.evaluate(
        async ({ name, base64 }) => {
          const loaded = performance.now();
          const bytes = Uint8Array.from(atob(base64), (char) =>
            char.charCodeAt(0),
          );
          const [line] = await window.gradcam.addPhotos([
            new File([bytes], name),
          ]);
          if (!line.top) throw new Error(JSON.stringify(line));
          while (!document.querySelector('article canvas[role=img]')) {
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
          return { loaded, shown: performance.now() };
        },
        portable(photo('landscape.jpg')),
      );
      t.diagnostic(
        `${lab.engine}: page loaded after ${Math.round(times.loaded)} ms, ` +
          `first heatmap after ${Math.round(times.shown)} ms`,
      );
      assert.ok(times.shown > times.loaded);
    });

    test('the page answers while it works through eight photos', async (t) => {
      const longest = await lab.browser.evaluate(
        async ({ base64 }) => {
          const bytes = Uint8Array.from(atob(base64), (char) =>
            char.charCodeAt(0),
          );
          const files = Array.from(
            { length: 8 },
            (_, i) => new File([bytes], `dog ${i}.jpg`),
          );
          let last = performance.now();
          let longest = 0;
          const probe = setInterval(() => {
            const now = performance.now();
            longest = Math.max(longest, now - last);
            last = now;
          }, 1);
          const lines = await window.gradcam.addPhotos(files);
          clearInterval(probe);
          if (lines.some(({ top }) => !top))
            throw new Error(JSON.stringify(lines));
          return longest;
        },
        portable(photo('landscape.jpg')),
      );
      t.diagnostic(
        `${lab.engine}: longest pause of the page ${Math.round(longest)} ms`,
      );
      // Where others want the processor too, everything pauses longer.
      const limit = 1000 * Math.max(1, loadavg()[0] / cpus().length);
      assert.ok(longest < limit, `the page froze for ${longest} ms`);
    });

    test('previews are made by workers, as a page that is hidden hardly would', async () => {
      const refused = await lab.browser.evaluate(
        async ({ name, base64 }) => {
          const bytes = Uint8Array.from(atob(base64), (char) =>
            char.charCodeAt(0),
          );
          const { prototype } = OffscreenCanvas;
          const { convertToBlob } = prototype;
          prototype.convertToBlob = () => Promise.reject(new Error('here'));
          try {
            const files = [new File([bytes], name), new File([bytes], name)];
            const lines = await window.gradcam.addPhotos(files);
            return lines.filter(({ top }) => !top);
          } finally {
            prototype.convertToBlob = convertToBlob;
          }
        },
        portable(photo('landscape.jpg')),
      );
      assert.deepEqual(refused, []);
    });

    test('photos are drawn once they are scrolled to', async (t) => {
      const { browser } = lab;
      const isKnown = await browser.evaluate(
        () =>
          CSS.supports('content-visibility', 'auto') &&
          CSS.supports('overflow-anchor', 'auto'),
      );
      if (!isKnown) return t.skip('this browser draws all of them');
      const untilLastIs = (isDrawn) =>
        waitFor(
          browser,
          `the last photo to be drawn: ${isDrawn}`,
          (isDrawn) =>
            [...document.querySelectorAll('article .verdict')]
              .at(-1)
              .checkVisibility({ contentVisibilityAuto: true }) === isDrawn,
          isDrawn,
        );
      try {
        await browser.resize(600, 500);
        await browser.evaluate(() => window.scrollTo(0, 0));
        await untilLastIs(false);
        await browser.evaluate(() => {
          const card = [...document.querySelectorAll('article')].at(-1);
          card.scrollIntoView({ behavior: 'instant' });
        });
        await untilLastIs(true);
      } finally {
        await browser.resize(1280, 720);
      }
    });
  });
}

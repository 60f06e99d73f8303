import { before, describe, test } from 'node:test';
import { fixture } from '../support/files.mjs';
import { assertSameAnswer, resultLines, showPhotos } from '../support/page.mjs';

/** However the camera was held, the photo is the same. */
export function orientation(lab) {
  describe('EXIF orientation', () => {
    const turned = [2, 3, 4, 5, 6, 7, 8];
    const names = [1, ...turned].map((way) => `orientation_${way}.png`);
    before(() => showPhotos(lab.browser, names.map(fixture)));

    for (const way of turned) {
      test(`${way} as upright`, async () => {
        const lines = await resultLines(lab.browser);
        assertSameAnswer(
          lines.get(`orientation_${way}.png`),
          lines.get(names[0]),
          `way ${way}`,
        );
      });
    }
  });
}

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { PNG } from 'pngjs';
import { model, photo, scratch } from '../support/files.mjs';
import {
  clearPage,
  click,
  openPage,
  painted,
  PHOTO_INPUT,
  resultLines,
  showPhotos,
  waitFor,
} from '../support/page.mjs';

/** The heat lies where the network looked. */
export function heat(lab) {
  describe('heat', () => {
    const names = ['landscape.jpg', 'portrait.jpg', 'square.jpg'];
    before(() => showPhotos(lab.browser, names.map(photo)));

    for (const name of names) {
      test(`${name}: each cell is as opaque as its value says`, async () => {
        const { heatmap } = (await resultLines(lab.browser)).get(name);
        const alphas = await lab.browser.evaluate(
          sampleCells,
          name,
          heatmap.rows,
          heatmap.cols,
        );
        heatmap.values.forEach((value, cell) => {
          // The middle of a cell lies up to half a pixel from the pixel that is read there.
          const expected = 255 * Math.min(1, 2 * value);
          assert.ok(
            Math.abs(alphas[cell] - expected) <= 24,
            `cell ${cell} of value ${value} has opacity ${alphas[cell]}`,
          );
        });
        const hottest = heatmap.values.indexOf(Math.max(...heatmap.values));
        assert.equal(
          alphas[hottest],
          Math.max(...alphas),
          'nothing is more opaque than the peak',
        );
      });

      test(`${name}: the heat covers the crop and no more`, async () => {
        const { width, height, crop } = (await resultLines(lab.browser)).get(
          name,
        );
        const { image, canvas } = await lab.browser.evaluate(places, name);
        const scale = image.width / width;
        assert.ok(
          Math.abs(image.height / height - scale) < 0.02 * scale,
          'the photo is not bent',
        );
        const expected = {
          x: image.x + crop.x * scale,
          y: image.y + crop.y * scale,
          width: crop.width * scale,
          height: crop.height * scale,
        };
        for (const side of ['x', 'y', 'width', 'height']) {
          assert.ok(
            Math.abs(canvas[side] - expected[side]) <= 1,
            `${side} is ${canvas[side]}, expected ${expected[side]}`,
          );
        }
      });
    }

    test('opacity and colours change what is drawn', async () => {
      const { browser } = lab;
      const [opacity, colours] = await browser.evaluate(settings);
      const pixels = await browser.evaluate(picture);
      await browser.evaluate(settings, '0.25', 'inferno');
      await waitFor(browser, 'the new opacity', () => {
        const { parentElement } = document.querySelector(
          'article canvas[role=img]',
        );
        return Number(getComputedStyle(parentElement).opacity) === 0.25;
      });
      assert.notEqual(await browser.evaluate(picture), pixels);
      await browser.evaluate(settings, opacity, colours);
      await waitFor(
        browser,
        'the old picture',
        (pixels) =>
          document.querySelector('article canvas[role=img]').toDataURL() ===
          pixels,
        pixels,
      );
    });

    test('what is below the threshold is not seen', async () => {
      const { browser } = lab;
      const name = names[0];
      const { heatmap } = (await resultLines(browser)).get(name);
      const { rows, cols, values } = heatmap;
      const sample = () => browser.evaluate(sampleCells, name, rows, cols);
      const all = await sample();
      await browser.evaluate(setThreshold, 0.5);
      const some = await sample();
      values.forEach((value, cell) => {
        if (Math.abs(value - 0.5) < 0.05) return; // the middle is not what is read
        const expected = value < 0.5 ? 0 : all[cell];
        assert.equal(some[cell], expected, `cell ${cell} of value ${value}`);
      });
      assert.ok(Math.max(...all.filter((_, i) => values[i] < 0.45)) > 0);
      const legend = await browser.evaluate(() => {
        const canvas = document.querySelector('.toolbar .legend canvas');
        const { width } = canvas;
        const { data } = canvas.getContext('2d').getImageData(0, 0, width, 1);
        return [0.2, 0.45, 0.55, 0.9].map(
          (at) => data[4 * Math.round(width * at) + 3] > 0,
        );
      });
      assert.deepEqual(legend, [false, false, true, true]);
      await browser.evaluate(setThreshold, 0);
      assert.deepEqual(await sample(), all);
    });

    test('heat is not seen before its photo', async () => {
      const { browser } = lab;
      await clearPage(browser);
      await browser.evaluate(() => {
        window.late = [];
        window.hold = (event) => {
          event.stopPropagation();
          window.late.push(event.target);
        };
        document.addEventListener('load', window.hold, true);
      });
      await browser.addFiles(PHOTO_INPUT, [photo('landscape.jpg')]);
      await waitFor(
        browser,
        'a photo whose page does not know that it is there',
        () =>
          window.late.length > 0 &&
          document.querySelector('article canvas[role=img]'),
      );
      const isSeen = () =>
        document
          .querySelector('article canvas[role=img]')
          .checkVisibility({ visibilityProperty: true });
      assert.ok(!(await browser.evaluate(isSeen)));
      await browser.evaluate(() => {
        document.removeEventListener('load', window.hold, true);
        for (const image of window.late) image.dispatchEvent(new Event('load'));
      });
      await waitFor(browser, 'the heat', isSeen);
    });

    test('no control of the heat does nothing', async () => {
      const { browser } = lab;
      const opacityOf = (expected) =>
        waitFor(
          browser,
          `heat of opacity ${expected}`,
          (expected) =>
            getComputedStyle(document.querySelector('.laid')).opacity ===
            expected,
          expected,
        );
      const pressHeat = () => click(browser, 'Heat', '.actions');
      await browser.evaluate(settings, '0.6');
      await opacityOf('0.6');
      await pressHeat();
      await opacityOf('0');
      await browser.evaluate(settings, '0.4');
      await opacityOf('0.4');
      await browser.evaluate(settings, '0');
      await opacityOf('0');
      await pressHeat();
      await opacityOf('0.5');
      await pressHeat();
      await opacityOf('0');
      await browser.evaluate(setThreshold, 0.2);
      await opacityOf('0.5');
      await browser.evaluate(settings, '0');
      await opacityOf('0');
      await browser.evaluate(setThreshold, 0);
      await opacityOf('0.5');
    });

    test('what a network that crops did not see is grey on the screen', async () => {
      const { browser } = lab;
      const file = join(scratch(), 'crops.safetensors');
      writeFileSync(file, cropping(readFileSync(model)));
      await browser.evaluate(() => {
        const input = document.createElement('input');
        Object.assign(input, { type: 'file', id: 'given-model' });
        document.body.append(input);
      });
      await browser.addFiles('#given-model', [file]);
      await browser.evaluate(() =>
        window.gradcam.useModel(
          document.querySelector('#given-model').files[0],
        ),
      );
      const { image, canvas } = await browser.evaluate(places, 'landscape.jpg');
      await painted(browser);
      const screen = PNG.sync.read(await browser.screenshot());
      const saturation = (x, y) => {
        const at = 4 * (Math.round(y) * screen.width + Math.round(x));
        const [r, g, b] = screen.data.subarray(at, at + 3);
        return Math.max(r, g, b) - Math.min(r, g, b);
      };
      const middle = image.y + image.height / 2;
      assert.ok(canvas.x - image.x > 10, 'there is a part that was not seen');
      const unseen = saturation((image.x + canvas.x) / 2, middle);
      const seen = saturation(canvas.x + canvas.width / 4, middle);
      assert.ok(unseen <= 8, `unseen: saturation ${unseen}`);
      assert.ok(seen >= 20, `seen: saturation ${seen}`);
      await openPage(browser);
    });
  });
}

/** A weights file that says that its network sees the square in the middle of a photo. */
function cropping(file) {
  const begin = 8 + Number(file.readBigUInt64LE());
  const header = JSON.parse(file.subarray(8, begin));
  const seen = JSON.parse(header.__metadata__.preprocess);
  header.__metadata__.preprocess = JSON.stringify({
    ...seen,
    resize: 'shorter_side',
    shorter_side: 256,
    crop: 224,
  });
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, file.subarray(begin)]);
}

/** In the page: what the heatmap's picture looks like. */
const picture = () =>
  document.querySelector('article canvas[role=img]').toDataURL();

/** In the page: sets, if given, and returns the opacity and the colormap. */
function settings(opacity, colours) {
  const set = (control, value, event) => {
    if (value === undefined) return control.value;
    control.value = value;
    control.dispatchEvent(new Event(event, { bubbles: true }));
    return control.value;
  };
  return [
    set(document.querySelector('input[type=range]'), opacity, 'input'),
    set(document.querySelector('select'), colours, 'change'),
  ];
}

/** In the page: moves the mark on the legend, and waits until the heat is drawn anew. */
async function setThreshold(value) {
  const mark = document.querySelector('.toolbar .ramp input');
  mark.value = value;
  mark.dispatchEvent(new Event('input', { bubbles: true }));
  await new Promise((resolve) => setTimeout(resolve, 100));
}

/** In the page: the opacity of the heatmap's picture at the middle of every cell. */
function sampleCells(name, rows, cols) {
  const canvas = document.querySelector(
    `article[data-photo="${name}"] canvas[role=img]`,
  );
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  return Array.from({ length: rows * cols }, (_, cell) => {
    const x = Math.floor(((cell % cols) + 0.5) * (width / cols));
    const y = Math.floor((Math.floor(cell / cols) + 0.5) * (height / rows));
    return data[4 * (y * width + x) + 3];
  });
}

/** In the page: where the photo and the heatmap are, in pixels of the whole document. */
function places(name) {
  const article = document.querySelector(`article[data-photo="${name}"]`);
  const place = (element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return { x: left + scrollX, y: top + scrollY, width, height };
  };
  return {
    image: place(article.querySelector('img')),
    canvas: place(article.querySelector('canvas[role=img]')),
  };
}

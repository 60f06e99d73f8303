import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PNG } from 'pngjs';
import { explainText } from '../support/cli.mjs';
import { photo, scratch } from '../support/files.mjs';
import { clearPage, click, resultLines, showPhotos } from '../support/page.mjs';

/** What the page gives to keep. */
export function downloads(lab) {
  describe('downloads', () => {
    const folder = scratch();
    before(() => showPhotos(lab.browser, [photo('landscape.jpg')]));

    test('the picture is the one that the command line writes', async () => {
      const line = (await resultLines(lab.browser)).get('landscape.jpg');
      const name = `landscape.${line.class}.png`;
      const saved = PNG.sync.read(await download(/picture/i, name));

      await explainText([photo('landscape.jpg')], '--out', folder);
      const expected = PNG.sync.read(readFileSync(join(folder, name)));
      assert.deepEqual(
        [saved.width, saved.height],
        [expected.width, expected.height],
      );
      const worst = saved.data.reduce(
        (worst, v, i) => Math.max(worst, Math.abs(v - expected.data[i])),
        0,
      );
      assert.ok(worst <= 3, `a channel of a pixel differs by ${worst}`);
    });

    test('the picture has no heat below the threshold', async () => {
      const { browser } = lab;
      const line = (await resultLines(browser)).get('landscape.jpg');
      const { crop, heatmap } = line;
      const { rows, cols, values } = heatmap;
      const name = `landscape.${line.class}.png`;
      const saveWith = async (threshold, opacity) => {
        await browser.evaluate(
          (...values) =>
            ['.ramp', '.opacity'].forEach((where, i) => {
              const slider = document.querySelector(`.toolbar ${where} input`);
              slider.value = values[i];
              slider.dispatchEvent(new Event('input', { bubbles: true }));
            }),
          threshold,
          opacity,
        );
        return PNG.sync.read(await download(/picture/i, name));
      };
      const bare = await saveWith(0, 0);
      const cut = await saveWith(0.5, 1);
      const whole = await saveWith(0, 0.5);
      const isHot = (picture, cell) => {
        const x = crop.x + ((cell % cols) + 0.5) * (crop.width / cols);
        const y =
          crop.y + (Math.floor(cell / cols) + 0.5) * (crop.height / rows);
        const at = 4 * (Math.floor(y) * picture.width + Math.floor(x));
        return [0, 1, 2].some(
          (i) => Math.abs(picture.data[at + i] - bare.data[at + i]) > 8,
        );
      };
      const cells = values.map((value, cell) => ({ value, cell }));
      const warm = cells.filter(({ value }) => value > 0.55);
      const cool = cells.filter(({ value }) => value > 0.1 && value < 0.45);
      assert.ok(warm.every(({ cell }) => isHot(cut, cell)));
      assert.ok(!cool.some(({ cell }) => isHot(cut, cell)));
      assert.ok(cool.some(({ cell }) => isHot(whole, cell)));
      const pressHeat = () => click(browser, 'Heat', 'article');
      await pressHeat();
      const off = PNG.sync.read(await download(/picture/i, name));
      await pressHeat();
      assert.ok(off.data.equals(bare.data), 'without heat as it is shown');
    });

    test('the data are the line that the API gives', async () => {
      const line = (await resultLines(lab.browser)).get('landscape.jpg');
      const saved = await download(/^data$/i, 'landscape.json');
      assert.deepEqual(JSON.parse(saved.toString()), line);
    });

    test('all of it is in one zip file', async () => {
      const line = (await resultLines(lab.browser)).get('landscape.jpg');
      const picture = await download(/picture/i, `landscape.${line.class}.png`);
      const zip = await download(/save all/i, 'gradcam.zip');
      assert.equal(zip.subarray(0, 2).toString(), 'PK');
      assert.ok(zip.includes(picture), 'the picture is not in it as it is');
      const [data] = /^.*(\{"photo":"landscape\.jpg".*)$/m
        .exec(zip.toString())
        .slice(1);
      assert.deepEqual(JSON.parse(data), line);
      assert.match(
        zip.toString(),
        /landscape\.jpg,landscape\.\w+\.png,(\w[\w ]*),\1,0\.\d{4},/,
      );
      const names = ['results.csv', 'results.jsonl'];
      for (const name of [`landscape.${line.class}.png`, ...names]) {
        assert.ok(zip.includes(name), name);
      }
    });

    test('nothing is left out that is not finished, or cleared meanwhile', async (t) => {
      const { browser } = lab;
      t.after(() =>
        browser.evaluate(() =>
          window.gradcam.setMethod({ layer: 'block5_conv3' }),
        ),
      );
      await showPhotos(browser, [photo('landscape.jpg'), photo('square.jpg')]);
      await browser.evaluate(() => {
        void window.gradcam.setMethod({ layer: 'block1_conv1' });
      });
      const zips = [await download(/save all/i, 'gradcam.zip')];
      await press(/save all/i, 'gradcam.zip');
      await clearPage(browser);
      zips.push(await downloaded('gradcam.zip'));
      for (const zip of zips) {
        const text = zip.toString();
        for (const name of ['landscape', 'square']) {
          assert.match(
            text,
            new RegExp(`^.?${name}\\.jpg,${name}\\.\\w+\\.png,`, 'm'),
          );
        }
      }
    });

    async function download(button, name) {
      await press(button, name);
      return downloaded(name);
    }

    /** Clicks the button of this name, which is to save a file that is not there yet. */
    async function press(button, name) {
      rmSync(join(lab.browser.downloads, name), { force: true });
      await lab.browser.evaluate((source) => {
        const named = ({ textContent }) =>
          new RegExp(source, 'i').test(textContent);
        [...document.querySelectorAll('article button, .toolbar button')]
          .find(named)
          .click();
      }, button.source);
    }

    /** Waits for the file, and until it is whole. */
    async function downloaded(name) {
      const path = join(lab.browser.downloads, name);
      let size = -1;
      for (let tries = 0; tries < 200; ++tries) {
        await sleep(50);
        if (!existsSync(path)) continue;
        const bytes = readFileSync(path);
        if (bytes.length > 0 && bytes.length === size) return bytes;
        size = bytes.length;
      }
      throw new Error(`${name} was not downloaded`);
    }
  });
}

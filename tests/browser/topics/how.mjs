import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { photo } from '../support/files.mjs';
import {
  assertSameAnswer,
  chooseBreed,
  clearPage,
  click,
  finished,
  openPage,
  PHOTO_INPUT,
  resultLines,
  showPhotos,
  unfoldMethod,
  waitFor,
} from '../support/page.mjs';

/** How a heatmap is made: other methods, other layers, and what it was made of. */
export function how(lab) {
  describe('how the map is made', () => {
    const name = 'landscape.jpg';
    const path = photo(name);
    before(() => showPhotos(lab.browser, [path]));
    after(() => openPage(lab.browser));

    const set = (selector, value, events) =>
      lab.browser.evaluate(
        (selector, value, events) => {
          const control = document.querySelector(`.how-picker ${selector}`);
          control.value = value;
          for (const event of events) {
            control.dispatchEvent(new Event(event, { bubbles: true }));
          }
        },
        selector,
        value,
        events,
      );
    /** Sets a control of the method picker as a person does. */
    const choose = (selector, value) =>
      set(selector, value, ['input', 'change']);
    const indexOf = async (layer) =>
      (
        await lab.browser.evaluate(() => window.gradcam.about().engine.layers)
      ).indexOf(layer);
    const lineOf = async (method, layer) => {
      await waitFor(
        lab.browser,
        `the map of ${method} at ${layer}`,
        (name, method, layer) => {
          const line = window.gradcam
            .results()
            .find((line) => line.photo === name);
          return line?.method === method && line.layer === layer;
        },
        name,
        method,
        layer,
      );
      return (await resultLines(lab.browser)).get(name);
    };

    for (const [method, layer] of [
      ['layercam', 'block5_conv3'],
      ['layercam', 'block4_conv3'],
      ['eigencam', 'block5_conv3'],
      ['eigengradcam', 'block5_conv3'],
      ['ablationcam', 'block5_conv3'],
      ['finercam', 'block5_conv3'],
      ['guided-gradcam', 'block5_conv3'],
      ['scorecam', 'block5_conv3'],
      ['guided-backprop', 'input'],
      ['occlusion', 'input'],
      ['gradcam', 'block5_pool'],
      ['gradcam', 'block5_conv3'],
    ]) {
      test(`${method} at ${layer}, as on the command line`, async () => {
        await choose('select', method);
        const options = ['--method', method];
        if (layer !== 'input') {
          await choose('input[type=range]', await indexOf(layer));
          options.push('--layer', layer);
        }
        const line = await lineOf(method, layer);
        const [expected] = await explain([path], ...options);
        assertSameAnswer(line, expected, `${method} at ${layer}`);
      });
    }

    test('the menu tells what is slow at the chosen layer', async () => {
      const slow = () =>
        lab.browser.evaluate(() =>
          [
            ...document.querySelectorAll(
              '.how-picker optgroup[label^=Slow] option',
            ),
          ].map(({ value }) => value),
        );
      const always = await slow();
      assert.ok(always.includes('scorecam'));
      assert.ok(!always.includes('ablationcam'));
      await choose('input[type=range]', await indexOf('block5_conv2'));
      await lineOf('gradcam', 'block5_conv2');
      assert.deepEqual(
        (await slow()).toSorted(),
        [...always, 'ablationcam'].toSorted(),
      );
      await choose('input[type=range]', await indexOf('block5_conv3'));
      await lineOf('gradcam', 'block5_conv3');
    });

    test('two breeds, then two methods, side by side', async () => {
      const { browser } = lab;
      const pick = (which, value) =>
        browser.evaluate(
          (which, value) => {
            const label = `${which} of the second map`;
            const select = document.querySelector(`[aria-label="${label}"]`);
            select.value = value;
            select.dispatchEvent(new Event('change', { bubbles: true }));
          },
          which,
          value,
        );
      // The second picture, once its breed and its place are those of this line.
      const shows = async (line, what) => {
        const { values } = line.heatmap;
        await waitFor(
          browser,
          `the second map: ${what}`,
          (label, hottest, rows, cols) => {
            const canvas = document.querySelectorAll('.stage canvas')[1];
            if (!canvas?.ariaLabel.toLowerCase().includes(label)) return false;
            const { width, height } = canvas;
            const x = (((hottest % cols) + 0.5) * width) / cols;
            const y = ((Math.floor(hottest / cols) + 0.5) * height) / rows;
            const context = canvas.getContext('2d');
            return context.getImageData(x, y, 1, 1).data[3] > 200;
          },
          line.class.replaceAll('_', ' '),
          values.indexOf(Math.max(...values)),
          line.heatmap.rows,
          line.heatmap.cols,
        );
      };
      await click(browser, 'Compare', '.actions');
      const [{ top }] = await explain([path]);
      const other = top[3];
      const [ofOther] = await explain([path], '--class', other.label);
      await pick('Breed', other.index);
      await shows(ofOther, other.label);
      const [ofFirst] = await explain([path]);
      const { maximum: most } = ofFirst.heatmap;
      const { maximum: less } = ofOther.heatmap;
      assert.ok(most > 2 * less, 'the best breed has the stronger map');
      const words = await browser.evaluate(
        () => document.querySelector('.agreement').innerText,
      );
      assert.ok(words.includes(` ${(most / less).toPrecision(2)} times`));
      // The most that a map hides of the photo, of 255.
      const opacities = () =>
        browser.evaluate(() =>
          [...document.querySelectorAll('.stage canvas')].map((canvas) => {
            const { width, height } = canvas;
            const image = canvas.getContext('2d');
            const { data } = image.getImageData(0, 0, width, height);
            return data.reduce(
              (most, value, i) => (i % 4 === 3 ? Math.max(most, value) : most),
              0,
            );
          }),
        );
      const before = await opacities();
      await browser.evaluate(() =>
        document.querySelector('.same-scale input').click(),
      );
      const after = await opacities();
      assert.equal(after[0], before[0], 'the stronger map is as it was');
      assert.ok(after[1] < 0.8 * before[1], 'the weaker one is paler');
      await browser.evaluate(() =>
        document.querySelector('.same-scale input').click(),
      );
      const how = ['--class', other.label, '--method', 'layercam'];
      const [byOther] = await explain([path], ...how);
      await pick('Method', 'layercam');
      await shows(byOther, 'by LayerCAM');
      // At another layer neither map is of the layer before, not even for a moment.
      const agreements = await browser.evaluate(async () => {
        const place = document.querySelector('.agreement');
        const said = [place.innerText];
        const observer = new MutationObserver(() => said.push(place.innerText));
        observer.observe(place, {
          childList: true,
          characterData: true,
          subtree: true,
        });
        await window.gradcam.setMethod({ layer: 'block4_conv3' });
        await new Promise((resolve) => setTimeout(resolve, 100));
        observer.disconnect();
        return said.map((text) => /warm/.test(text));
      });
      const changes = agreements.filter((is, i) => is !== agreements[i - 1]);
      assert.deepEqual(changes, [true, false, true]);
      await browser.evaluate(() =>
        window.gradcam.setMethod({ layer: 'block5_conv3' }),
      );
      const [line] = (await resultLines(browser)).values();
      assert.equal(line.class, top[0].label, 'the first map is as it was');
      assert.equal(line.method, 'gradcam');
      // What is chosen can be read, whole, with large letters on a phone, too.
      const { width, height } = await browser.evaluate(() => ({
        width: innerWidth,
        height: innerHeight,
      }));
      await browser.resize(390, 700);
      const written = await browser.evaluate(() => {
        document.documentElement.style.fontSize = '200%';
        const selects = [...document.querySelectorAll('.made select')];
        const whole = selects.map((select) => {
          const text = select.parentElement.firstElementChild;
          const isWhole =
            text.scrollWidth <= text.clientWidth &&
            text.clientHeight <= select.offsetHeight;
          const [option] = select.selectedOptions;
          return isWhole && text.textContent.endsWith(option.text);
        });
        document.documentElement.style.fontSize = '';
        return whole;
      });
      assert.deepEqual(written, [true, true]);
      await browser.resize(width, height);
      await click(browser, 'Compare', '.actions');
      await waitFor(
        browser,
        'one map again',
        () => document.querySelectorAll('.stage').length === 1,
      );
    });

    const text = (selector) =>
      lab.browser.evaluate(
        (selector) => document.querySelector(selector)?.innerText ?? '',
        selector,
      );
    test('a slow map tells how far it is, and can be stopped', async () => {
      const { browser } = lab;
      await choose('select', 'occlusion');
      await waitFor(browser, 'the progress', () =>
        /\d+ of 196/.test(document.querySelector('.pending')?.innerText),
      );
      const lines = await browser.evaluate(() => {
        const pending = document.querySelector('.pending');
        const button = pending.querySelector('button');
        button.focus();
        return pending.clientHeight / button.offsetHeight;
      });
      assert.ok(lines < 1.5, `in ${lines} lines`);
      const active = () =>
        browser.evaluate(() => document.activeElement.textContent);
      for (const next of ['Go on', 'Stop', 'Go on']) {
        await browser.press('Enter');
        await waitFor(
          browser,
          next,
          (next) =>
            document.querySelector('.pending button')?.textContent === next,
          next,
        );
        assert.equal(await active(), next, 'it keeps the focus');
      }
      await waitFor(browser, 'the end', () =>
        /Stopped/.test(document.querySelector('.pending')?.innerText),
      );
      assert.match(await text('.where'), /no map .* yet/);
      assert.equal((await resultLines(browser)).size, 0, 'there is no map');
      // The photo is as it was, and answers at once.
      await choose('select', 'gradcam');
      const line = await lineOf('gradcam', 'block5_conv3');
      assertSameAnswer(line, (await explain([path]))[0], 'after stopping');
      assert.equal(await text('.pending'), '');
      assert.notEqual(
        await browser.evaluate(() => document.activeElement.tagName),
        'BODY',
        'the focus goes to what is next',
      );
    });

    test('a slow map makes room for a photo that comes later', async () => {
      const { browser } = lab;
      await choose('select', 'occlusion');
      await waitFor(browser, 'the progress', () =>
        /\d+ of 196/.test(document.querySelector('.pending')?.innerText),
      );
      await browser.addFiles(PHOTO_INPUT, [photo('square.jpg')]);
      await finished(browser, 2);
      assert.equal((await resultLines(browser)).size, 0, 'no map is finished');
      await waitFor(browser, 'the slow map again', () =>
        /\d+ of 196/.test(document.querySelector('.pending')?.innerText),
      );
      await choose('select', 'gradcam');
      await lineOf('gradcam', 'block5_conv3');
      await showPhotos(browser, [path]);
    });

    test('of many slow maps one can see how far they are, and stop them all', async () => {
      const { browser } = lab;
      await showPhotos(browser, [path, photo('square.jpg')]);
      await choose('select', 'occlusion');
      await waitFor(browser, 'word of it', () =>
        /Making maps, 0 of 2/.test(document.querySelector('.header').innerText),
      );
      await browser.evaluate(() =>
        document.querySelector('.header button').click(),
      );
      await waitFor(
        browser,
        'both to be stopped',
        () =>
          [...document.querySelectorAll('.pending')].filter((pending) =>
            /Stopped/.test(pending.innerText),
          ).length === 2,
      );
      const stopped = 'Stopped, 2 maps are missing';
      assert.ok((await text('.header .status')).startsWith(stopped));
      assert.equal(await text('.header [role=status]'), stopped);
      await browser.evaluate(() =>
        document.querySelector('.header button').click(),
      );
      await waitFor(browser, 'both to be gone on with', () =>
        /Making maps/.test(document.querySelector('.header').innerText),
      );
      await waitFor(browser, 'the last one to be in the making', () =>
        /Making maps, 1 of 2 done/.test(
          document.querySelector('.header').innerText,
        ),
      );
      await choose('select', 'gradcam');
      await lineOf('gradcam', 'block5_conv3');
      await showPhotos(browser, [path]);
    });

    test('a map is called what its method shows', async () => {
      await choose('select', 'counterfactual');
      await lineOf('counterfactual', 'block5_conv3');
      assert.match(await text('.where'), /^What speaks against /);
      await choose('select', 'gradcam');
      await lineOf('gradcam', 'block5_conv3');
      assert.match(await text('.where'), /^Where it looked for /);
    });

    test('a decoration is called one', async () => {
      await choose('select', 'guided-backprop');
      const line = await lineOf('guided-backprop', 'input');
      assert.equal(line.heatmap.rows, 224);
      assert.match(await text('.where'), /decoration, not where it looked/);
      await choose('select', 'gradcam');
      await lineOf('gradcam', 'block5_conv3');
    });

    test('the network is asked whether the map can be trusted', async () => {
      const { browser } = lab;
      await browser.evaluate(() => {
        document.querySelector('details.trust').open = true;
      });
      await waitFor(browser, 'the curves', () =>
        document.querySelector('.chart svg'),
      );
      const found = await text('details.trust');
      assert.match(found, /covered \(\d+.% of what it saw\)/);
      assert.match(found, /^(Yes|Probably|Hard to say|No): /m);
      assert.match(found, /warmest first: area \d\.\d\d/);
      assert.match(found, /in random order: area \d\.\d\d/);
      const points = await browser.evaluate(
        () =>
          document.querySelector('.chart path.map').getAttribute('d').split('L')
            .length,
      );
      assert.equal(points, 9);
      // Another map is another question.
      const [, { label }] = (await resultLines(browser)).get(name).top;
      await chooseBreed(browser, path, label);
      await waitFor(
        browser,
        'the answer for the other breed',
        (label) =>
          document
            .querySelector('details.trust ol')
            ?.innerText.toLowerCase()
            .includes(`gives ${label}`),
        label.replaceAll('_', ' '),
      );
    });

    test('what no test fits is not tested, and the page says why', async () => {
      await lab.browser.evaluate(() => {
        document.querySelector('details.trust').open = true;
      });
      const last = 'block5_conv3';
      for (const [method, layer, reason] of [
        ['counterfactual', last, /nothing to test: .* it speaks against /],
        ['guided-backprop', 'input', /nothing to test: this map is a decorat/],
        ['gradcam', last, undefined],
      ]) {
        await choose('select', method);
        await lineOf(method, layer);
        const said = await text('details.trust');
        if (reason) assert.match(said, reason);
        else assert.doesNotMatch(said, /nothing to test/);
      }
    });

    test('the map is taken apart from its score to the heat', async () => {
      const { browser } = lab;
      const steps = async (layer) => {
        await choose('input[type=range]', await indexOf(layer));
        const line = await lineOf('gradcam', layer);
        await waitFor(
          browser,
          `the steps at ${layer}`,
          (layer) =>
            document
              .querySelector('.making .weights')
              ?.innerText.includes(layer),
          layer,
        );
        const found = await browser.evaluate(() => ({
          pictures: document.querySelectorAll('.making canvas').length,
          score: document.querySelector('.making .text').innerText,
          parts: [...document.querySelectorAll('.making .parts li')].map(
            (part) => part.innerText,
          ),
          sum: document.querySelector('.making .parts + li').innerText,
          text: document.querySelector('details.how').innerText,
        }));
        return { line, ...found };
      };
      await browser.evaluate(() => {
        document.querySelector('details.how').open = true;
      });
      for (const layer of ['block4_conv3', 'block5_conv3']) {
        const { line, pictures, score, parts, sum, text } = await steps(layer);
        const { logit } = line.top.find(({ label }) => label === line.class);
        assert.ok(score.includes(`${logit.toFixed(1)}.`), score);
        // By which the probabilities follow from the scores.
        const [a, b] = line.top;
        const odds = Math.log(a.probability / b.probability);
        const [, temperature] = /divided by ([\d.]+)/.exec(score);
        assert.ok(
          Math.abs((odds * temperature) / (a.logit - b.logit) - 1) < 1e-3,
        );
        assert.equal(parts.length, 6);
        assert.equal(
          pictures,
          6 + 3,
          'the parts, their sum, ReLU and the heat',
        );
        const share = (of) =>
          Number(/([+−][\d.]+)\s%/.exec(of)[1].replace('−', '-'));
        const shares = parts.map(share);
        assert.ok(shares.slice(0, 3).every((part) => part > 0));
        assert.ok(shares.slice(3, 5).every((part) => part < 0));
        const total = shares.reduce((sum, part) => sum + part);
        assert.ok(Math.abs(total - share(sum)) < 0.5, `${shares} are ${sum}`);
        const { maximum } = line.heatmap;
        assert.ok(sum.includes(`to +${maximum.toPrecision(2)}`), sum);
        assert.match(text, /not the edge of an ear/);
        assert.match(text, /As a formula/);
      }
      await choose('select', 'layercam');
      await lineOf('layercam', 'block5_conv3');
      const said = await text('details.how');
      assert.match(said, /this map is by LayerCAM/, 'why there are no steps');
      await choose('select', 'gradcam');
      await lineOf('gradcam', 'block5_conv3');
    });

    test('the toolbar is one line where it can be, whatever the method, which unfolds in its place', async () => {
      const { browser } = lab;
      const linesOf = () =>
        browser.evaluate(() => {
          const toolbar = document.querySelector('.toolbar');
          const { height } = toolbar
            .querySelector('.how-button')
            .getBoundingClientRect();
          return Math.floor(toolbar.clientHeight / height);
        });
      const place = () =>
        browser.evaluate(() => {
          const button = document.querySelector('.how-button');
          const { x, y } = button.getBoundingClientRect();
          return [x + scrollX, y + scrollY];
        });
      await choose('select', 'layercam');
      await choose('input[type=range]', await indexOf('block3_conv3'));
      await lineOf('layercam', 'block3_conv3');
      for (const [width, lines] of [
        [1280, 1],
        [1024, 1],
        [390, 4],
      ]) {
        await browser.resize(width, 800);
        assert.ok((await linesOf()) <= lines, `lines at ${width}`);
        const folded = await place();
        await unfoldMethod(browser, true);
        assert.deepEqual(await place(), folded, `at ${width}`);
        await unfoldMethod(browser, false);
      }
      await browser.resize(1280, 720);
      await choose('input[type=range]', await indexOf('block5_conv3'));
      await choose('select', 'gradcam');
      await lineOf('gradcam', 'block5_conv3');
    });

    test('a layer says how fine it is, and a cell what it sees', async () => {
      const { browser } = lab;
      const says = (words) =>
        waitFor(
          browser,
          `that it says ${words}`,
          (words) =>
            document
              .querySelector('.how-picker')
              .innerText.replace(/\s/g, ' ')
              .includes(words),
          words,
        );
      await unfoldMethod(browser, true);
      // While the slider is dragged, too.
      await set('input[type=range]', await indexOf('block2_conv1'), ['input']);
      await says('block2_conv1');
      await says('112 × 112 cells; each sees up to 10 × 10');
      await choose('input[type=range]', await indexOf('block4_conv3'));
      await lineOf('gradcam', 'block4_conv3');
      await says('28 × 28 cells; each sees up to 92 × 92 of the 224 × 224');
      await unfoldMethod(browser, false);
      const { cell, field } = await browser.evaluate(async () => {
        document.querySelector('.how-made').open = true;
        const seen = document.querySelector('.seen');
        const { left, top, width, height } = seen.getBoundingClientRect();
        const place = {
          clientX: left + width / 2 + 1,
          clientY: top + height / 2 + 1,
          bubbles: true,
        };
        seen.dispatchEvent(new PointerEvent('pointermove', place));
        await new Promise((resolve) => setTimeout(resolve, 100));
        const [cell, field] = [...seen.querySelectorAll('.field-of-cell')].map(
          ({ offsetWidth }) => offsetWidth / width,
        );
        seen.dispatchEvent(new PointerEvent('pointerleave'));
        return { cell, field };
      });
      assert.ok(Math.abs(cell - 8 / 224) < 0.01, `a cell of ${cell}`);
      assert.ok(Math.abs(field - 92 / 224) < 0.01, `a field of ${field}`);
      await choose('input[type=range]', await indexOf('block5_conv3'));
      await lineOf('gradcam', 'block5_conv3');
    });

    test('pictures that are gone before they were painted take no memory', async () => {
      const { browser } = lab;
      await clearPage(browser);
      await browser.evaluate(() => {
        window.urls = new Set();
        const { createObjectURL, revokeObjectURL } = URL;
        URL.createObjectURL = (blob) => {
          const url = createObjectURL.call(URL, blob);
          window.urls.add(url);
          return url;
        };
        URL.revokeObjectURL = (url) => {
          window.urls.delete(url);
          revokeObjectURL.call(URL, url);
        };
      });
      await showPhotos(browser, [path]);
      await browser.evaluate(async () => {
        document.querySelector('.how-made').open = true;
        const turn = () => new Promise((resolve) => setTimeout(resolve));
        for (let i = 0; i < 15; i++) {
          const rows = document.querySelectorAll('tr[data-label] button');
          rows[i % 3].click();
          await turn();
        }
      });
      await clearPage(browser);
      await waitFor(browser, 'no picture', () => window.urls.size === 0);
    });
  });
}

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { explain, run } from '../support/cli.mjs';
import { foreignModel, model, photo, scratch } from '../support/files.mjs';
import {
  assertSameAnswer,
  openPage,
  resultLines,
  showPhotos,
  waitFor,
} from '../support/page.mjs';

/** In the page: presses the button; returns which input would open its dialog. */
function pressForDialog() {
  const { click } = HTMLInputElement.prototype;
  let id = '';
  HTMLInputElement.prototype.click = function () {
    id = this.id;
  };
  const named = ({ textContent }) => /another model/i.test(textContent);
  [...document.querySelectorAll('button')].find(named).click();
  HTMLInputElement.prototype.click = click;
  return id;
}

/** Another weights file in the place of the one in the page. */
export function otherModel(lab) {
  describe('another model', () => {
    const folder = scratch();
    const path = photo('square.jpg');
    let expected;
    before(async () => {
      [expected] = await explain([path]);
      await showPhotos(lab.browser, [path]);
    });
    const check = async () =>
      assertSameAnswer(
        (await resultLines(lab.browser)).get('square.jpg'),
        expected,
        'square.jpg',
      );

    test('a broken one is refused with a reason that everyone sees, and the one before stays', async () => {
      const broken = join(folder, 'broken.safetensors');
      writeFileSync(broken, readFileSync(model).subarray(0, 100_000));
      await choose(broken);
      await waitFor(lab.browser, 'the reason', () =>
        document.querySelector('.news [role=alert]'),
      );
      const { reason, isShown } = await lab.browser.evaluate(() => {
        const alert = document.querySelector('[role=alert]');
        return { reason: alert.textContent, isShown: alert.checkVisibility() };
      });
      assert.match(reason, /\d+/, 'says what was found and expected');
      assert.match(reason, /The model in this page stays in use\./);
      assert.ok(isShown, 'with everything folded');
      await check();
      await dismiss();
    });

    test('a whole one takes its place and looks at the photos again', async () => {
      await choose(model);
      await waitFor(lab.browser, 'the header to tell how far it is', () =>
        /Loading a model, \d+/.test(
          document.querySelector('.header').textContent,
        ),
      );
      await waitFor(
        lab.browser,
        'the new model at work',
        () =>
          /default\.safetensors/.test(
            document.querySelector('.facts').textContent,
          ) && window.gradcam.results().length === 1,
      );
      assert.equal(
        await lab.browser.evaluate(() =>
          document.querySelector('[role=alert]'),
        ),
        null,
      );
      await check();
    });

    test('it is kept, smaller if asked for, and at work when the page is opened again', async () => {
      await choosePrecision('int4');
      await choose(model);
      await waitFor(lab.browser, 'the smaller one to be kept', () =>
        /default.safetensors, I4/.test(
          document.querySelector('.kept')?.textContent,
        ),
      );
      await openPage(lab.browser);
      await waitFor(lab.browser, 'the kept one at work', () =>
        /default.safetensors/.test(
          document.querySelector('.facts').textContent,
        ),
      );
      await showPhotos(lab.browser, [path]);
      const { top } = (await resultLines(lab.browser)).get('square.jpg');
      assert.equal(top[0].label, expected.top[0].label);
      assert.notEqual(top[0].logit, expected.top[0].logit, 'other numbers');
      const entries = await lab.browser.evaluate(() =>
        [...document.querySelectorAll('.kept li')].map(
          ({ textContent }) => textContent,
        ),
      );
      const inUse = entries.filter((text) => /I4.*In use/.test(text));
      const forgettable = entries.filter((text) => /Forget$/.test(text));
      assert.equal(inUse.length, 1, 'what is at work is said');
      assert.equal(forgettable.length, entries.length - 1);
    });

    test('the one in the page is a click away, and what is kept can be forgotten', async () => {
      await click(/back to the model in this page/i);
      await waitFor(lab.browser, 'the own model', () =>
        /the one in this page/.test(
          document.querySelector('.facts').textContent,
        ),
      );
      await showPhotos(lab.browser, [path]);
      await check();
      while (
        await lab.browser.evaluate(() => document.querySelector('.kept li'))
      ) {
        await click(/^forget$/i);
      }
      await openPage(lab.browser);
      assert.equal(
        await lab.browser.evaluate(() => document.querySelector('.kept')),
        null,
      );
    });

    test('one of another program is imported, and answers as it does on the command line', async () => {
      const names = join(folder, 'names.txt');
      writeFileSync(names, 'first\nsecond\n');
      await showPhotos(lab.browser, [path]);
      const models = ['keras.h5', 'pytorch.pth', 'pytorch_beside.onnx'];
      for (const name of models) {
        const imported = join(folder, `${name}.safetensors`);
        const options = ['--labels', names, '--dtype', 'f16'];
        await run('convert', foreignModel(name), imported, ...options);
        const [expected] = await explain([path], '--model', imported);
        await choosePrecision('as it is');
        const weights = foreignModel(`${name}.data`);
        await choose(
          foreignModel(name),
          ...(existsSync(weights) ? [names, weights] : [names]),
        );
        await waitFor(lab.browser, `an answer of ${name}`, () =>
          /^(first|second)$/.test(window.gradcam.results()[0]?.class),
        );
        assertSameAnswer(
          (await resultLines(lab.browser)).get('square.jpg'),
          expected,
          name,
        );
        await waitFor(lab.browser, 'it to be kept', () =>
          document.querySelector('.kept li'),
        );
        await click(/back to the model in this page/i);
        await waitFor(lab.browser, "the own model's answer", () =>
          /^(?!first|second)./.test(window.gradcam.results()[0]?.class),
        );
        await click(/^forget$/i);
      }
    });

    test('among many classes one is found by its name', async () => {
      const many = join(folder, 'many.safetensors');
      writeFileSync(many, fiveTimes(readFileSync(model)));
      await choose(many);
      await waitFor(
        lab.browser,
        'an answer of 75 classes',
        () => window.gradcam.results()[0]?.top.length === 75,
      );
      const shown = () =>
        lab.browser.evaluate(() =>
          [...document.querySelectorAll('.breeds tbody tr:not([hidden])')].map(
            ({ dataset }) => dataset.label,
          ),
        );
      const seek = (words) =>
        lab.browser.evaluate((words) => {
          const input = document.querySelector('.breeds input[type=search]');
          input.value = words;
          input.dispatchEvent(new Event('input', { bubbles: true }));
        }, words);
      assert.equal((await shown()).length, 5);
      await click(/^show all 75$/i);
      assert.equal((await shown()).length, 75);
      await seek(' Pug 3');
      await waitFor(
        lab.browser,
        'the one that has this in its name',
        () => document.querySelectorAll('.breeds tbody tr').length === 1,
      );
      assert.deepEqual(await shown(), ['pug_3']);
      await lab.browser.evaluate(() =>
        document.querySelector('.breeds tbody button').click(),
      );
      await seek('no such');
      await waitFor(lab.browser, 'that there is none', () =>
        /No class has that/.test(document.querySelector('.breeds').textContent),
      );
      await click(/^show fewer$/i);
      const first = await shown();
      assert.deepEqual([first.length, first.at(-1)], [6, 'pug_3']); // which was chosen
      await waitFor(lab.browser, 'it to be kept', () =>
        document.querySelector('.kept li'),
      );
      await click(/back to the model in this page/i);
      await waitFor(
        lab.browser,
        "the own model's answer",
        () => window.gradcam.results()[0]?.top.length === 15,
      );
      await click(/^forget$/i);
    });

    test('a kept one that was damaged is told of at the start, and no longer kept', async () => {
      await choosePrecision('int4');
      await choose(model);
      await waitFor(lab.browser, 'it to be kept', () =>
        document.querySelector('.kept li'),
      );
      await lab.browser.evaluate(
        () =>
          new Promise((resolve, reject) => {
            const request = indexedDB.open('gradcam');
            request.onerror = reject;
            request.onsuccess = () => {
              const db = request.result;
              const change = db.transaction('chunks', 'readwrite');
              change.objectStore('chunks').openCursor(null, 'prev').onsuccess =
                ({ target: { result: last } }) => {
                  const bytes = new Uint8Array(last.value);
                  bytes[bytes.length / 2] ^= 1;
                  last.update(bytes.buffer);
                };
              change.oncomplete = () => resolve(db.close());
              change.onerror = reject;
            };
          }),
      );
      await openPage(lab.browser);
      await waitFor(lab.browser, 'the reason', () =>
        /^\S+\.safetensors could not be loaded: .* damaged, and no longer kept.* The model in this page stays in use/.test(
          document.querySelector('.news [role=alert]')?.textContent,
        ),
      );
      await dismiss();
      await openPage(lab.browser);
      const { alert, kept } = await lab.browser.evaluate(() => ({
        alert: document.querySelector('[role=alert]'),
        kept: document.querySelector('.kept'),
      }));
      assert.deepEqual([alert, kept], [null, null]);
    });

    test('of several that are dropped, those left out are named', async () => {
      const said = await lab.browser.evaluate(async () => {
        const transfer = new DataTransfer();
        for (const name of ['a.safetensors', 'b.safetensors']) {
          transfer.items.add(new File(['none'], name));
        }
        const event = new Event('drop', { bubbles: true, cancelable: true });
        Object.defineProperty(event, 'dataTransfer', { value: transfer });
        document.body.dispatchEvent(event);
        const news = document.querySelector('.news [role=status]');
        while (!news.textContent) await new Promise(requestAnimationFrame);
        return news.textContent;
      });
      assert.match(said, /a\.safetensors is taken, b\.safetensors is left out/);
      await waitFor(lab.browser, 'the reason why the first is none', () =>
        document.querySelector('.news [role=alert]'),
      );
      await dismiss();
      await dismiss();
    });

    test('one that cannot be kept works for this visit', async () => {
      await lab.browser.evaluate(() => {
        IDBObjectStore.prototype.put = () => {
          throw new DOMException('full', 'QuotaExceededError');
        };
      });
      for (const numbers of ['as it is', 'int8']) {
        await choosePrecision(numbers);
        await choose(model);
        await waitFor(lab.browser, 'the reason', () =>
          /could not be kept.*not enough room/.test(
            document.querySelector('.news [role=status]').textContent,
          ),
        );
        await showPhotos(lab.browser, [path]);
        const { top } = (await resultLines(lab.browser)).get('square.jpg');
        assert.equal(top[0].label, expected.top[0].label);
      }
      await openPage(lab.browser);
    });

    const choosePrecision = (value) =>
      lab.browser.evaluate((value) => {
        const select = document.querySelector('.model-picker select');
        select.value = value;
        select.dispatchEvent(new Event('change', { bubbles: true }));
      }, value);

    /** Dismisses the first of the news. */
    const dismiss = () =>
      lab.browser.evaluate(async () => {
        document.querySelector('.news button').click();
        await new Promise((resolve) => setTimeout(resolve, 100));
      });

    const click = (words) =>
      lab.browser.evaluate(async (source) => {
        const named = ({ textContent }) =>
          new RegExp(source, 'i').test(textContent);
        [...document.querySelectorAll('button')].find(named).click();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }, words.source);

    async function choose(...files) {
      const input = await lab.browser.evaluate(pressForDialog);
      await lab.browser.addFiles(`#${input}`, files);
    }
  });
}

/** The default model with each class five times, and none of the others. */
function fiveTimes(file) {
  const begin = 8 + Number(file.readBigUInt64LE());
  const header = JSON.parse(file.subarray(8, begin));
  const numbers = file.subarray(begin);
  const { labels } = header.__metadata__;
  header.__metadata__.labels = JSON.stringify(
    [1, 2, 3, 4, 5].flatMap((n) =>
      JSON.parse(labels).map((label) => `${label}_${n}`),
    ),
  );
  delete header.__metadata__.others;
  const names = Object.keys(header).filter((name) => /^\w+\.\w+$/.test(name));
  const parts = [];
  let end = 0;
  for (const name of names) {
    const tensor = header[name];
    const bytes = numbers.subarray(...tensor.data_offsets);
    const times = { predictions: 5, others: 0 }[name.split('.')[0]] ?? 1;
    if (times === 0) {
      delete header[name];
      continue;
    }
    parts.push(...new Array(times).fill(bytes));
    tensor.shape[0] *= times;
    tensor.data_offsets = [end, (end += times * bytes.length)];
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

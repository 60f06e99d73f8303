import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { fixture, photo, scratch } from '../support/files.mjs';
import {
  assertSameAnswer,
  click,
  openPage,
  resultLines,
  showPhotos,
  waitFor,
} from '../support/page.mjs';

/** The network is taught other classes in the page. */
export function teaching(lab) {
  describe('teaching', () => {
    const folder = scratch();
    const dogs = ['landscape.jpg', 'portrait.jpg', 'square.jpg'].map(photo);
    const noise = [
      fixture('noise.png'),
      fixture('scene.png'),
      fixture('rgb16.png'),
    ];
    const openBoxes = async () => {
      await openPage(lab.browser);
      await lab.browser.evaluate(() => {
        document.querySelector('.teach').open = true;
      });
    };
    before(openBoxes);
    after(() => openPage(lab.browser));

    const put = (box, paths) =>
      lab.browser.addFiles(`.box:nth-of-type(${box}) input[type=file]`, paths);
    const text = () =>
      lab.browser.evaluate(() => document.querySelector('.teach').innerText);
    const photosIn = (box, count) =>
      waitFor(
        lab.browser,
        `${count} photos in box ${box}`,
        (box, count) =>
          document.querySelectorAll(`.box:nth-of-type(${box}) li`).length ===
          count,
        box,
        count,
      );
    const press = (words, place = '.teach') => click(lab.browser, words, place);
    const isTaught = () =>
      waitFor(lab.browser, 'the end', () =>
        document.querySelector('.lesson[data-state=taught]'),
      );
    /** Kept and at work, in whichever order that comes, or not kept. */
    const isKept = (is) =>
      waitFor(
        lab.browser,
        `it to be kept: ${is}`,
        (is) => {
          const kept = document.querySelector('.kept li');
          return is ? /In use/.test(kept?.textContent) : kept === null;
        },
        is,
      );
    const knows = (count) =>
      waitFor(
        lab.browser,
        `${count} classes`,
        (count) =>
          window.gradcam.results()[0]?.top.length === count &&
          Boolean(document.querySelector('.header .taught')) === (count === 2),
        count,
      );
    const head = () =>
      join(lab.browser.downloads, 'My_dog_and_The_neighbour’s.safetensors');
    const zip = () => join(lab.browser.downloads, 'photos.zip');
    /** Until the download is there, whole. */
    const isThere = async (path) => {
      for (let tries = 0; !existsSync(path) && tries < 100; ++tries) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
    };
    const asksBeforeLeaving = () =>
      lab.browser.evaluate(
        () => !dispatchEvent(new Event('beforeunload', { cancelable: true })),
      );
    const canTrain = () =>
      lab.browser.evaluate(
        () => document.querySelector('.teach .primary').ariaDisabled !== 'true',
      );

    test('says what is missing', async () => {
      assert.match(await text(), /"My dog" has no photo/);
      await put(1, dogs);
      await photosIn(1, 3);
      const next = await lab.browser.evaluate(async () => {
        const button = document.querySelector('.box li button');
        button.focus();
        button.click();
        while (button.isConnected) await new Promise(requestAnimationFrame);
        return document.activeElement.ariaLabel;
      });
      assert.equal(next, 'Take portrait.jpg out');
      await put(1, [dogs[0]]);
      await photosIn(1, 3);
      await put(2, [noise[0]]);
      await photosIn(2, 1);
      assert.match(await text(), /neighbour’s" has one photo/);
      assert.equal(await canTrain(), false);
    });

    test('a photo is in one box only', async () => {
      await put(2, [dogs[0]]);
      await waitFor(lab.browser, 'the remark', () =>
        /landscape.jpg is left out .*same photo is in "My dog"/.test(
          document.querySelector('.remark')?.textContent,
        ),
      );
      await photosIn(2, 1);
    });

    test('what is no photo is told of when it is put in', async () => {
      const notes = join(folder, 'notes.jpg');
      writeFileSync(notes, 'This is no picture.\n');
      await put(2, [notes]);
      await waitFor(lab.browser, 'the remark', () =>
        /notes.jpg is left out .*this is a text file/.test(
          document.querySelector('.remark')?.textContent,
        ),
      );
      await photosIn(2, 1);
    });

    test('a photo is dragged from one box to the other, and back', async () => {
      // As a mouse does it; drivers differ in how they drag.
      const drag = (from, to) =>
        lab.browser.evaluate(
          ([from, to]) => {
            const photo = document.querySelector(
              `.box:nth-of-type(${from}) li:last-child`,
            );
            const box = document.querySelector(`.box:nth-of-type(${to})`);
            const dataTransfer = new DataTransfer();
            const tell = (target, kind) =>
              target.dispatchEvent(
                new DragEvent(kind, {
                  bubbles: true,
                  cancelable: true,
                  dataTransfer,
                }),
              );
            tell(photo, 'dragstart');
            const isTaken = !tell(box, 'dragover');
            tell(box, 'drop');
            return isTaken;
          },
          [from, to],
        );
      assert.ok(await drag(1, 2));
      await photosIn(1, 2);
      await photosIn(2, 2);
      assert.ok(await drag(2, 1));
      await photosIn(1, 3);
      await photosIn(2, 1);
      assert.doesNotMatch(
        await lab.browser.evaluate(
          () => document.querySelector('.news').innerText,
        ),
        /no file/,
      );
    });

    test('saves the photos in a folder for each box, and asks for them no more', async () => {
      rmSync(zip(), { force: true });
      assert.ok(await asksBeforeLeaving(), 'lost without a question');
      await press('Save the photos');
      await isThere(zip());
      assert.ok(!(await asksBeforeLeaving()), 'asks for what is saved');
      const bytes = readFileSync(zip());
      const saved = ['landscape.jpg', 'portrait.jpg', 'square.jpg'].map(
        (name) => `My dog/${name}`,
      );
      for (const name of [...saved, 'The neighbour’s/noise.png']) {
        assert.ok(bytes.includes(name), name);
      }
      for (const path of [...dogs, noise[0]]) {
        assert.ok(bytes.includes(readFileSync(path)), path);
      }
    });

    test('trains, skips what cannot be read, and tells how it did on photos left out', async (t) => {
      const broken = join(folder, 'broken.jpg');
      writeFileSync(broken, readFileSync(dogs[0]).subarray(0, 5000));
      await put(2, [...noise.slice(1), broken]);
      await photosIn(2, 4);
      assert.ok(await canTrain());
      const start = Date.now();
      await press('Train');
      await waitFor(
        lab.browser,
        'the way to other models to be closed',
        () =>
          document.querySelector('.model-picker [aria-disabled=true]') &&
          /being taught/.test(
            document.querySelector('.model-picker').textContent,
          ),
      );
      await isTaught();
      t.diagnostic(`${lab.engine}: ${Date.now() - start} ms for 6 photos`);
      const said = await text();
      assert.match(said, /broken.jpg is skipped: .*end early/);
      const [, right] = /Left out of the training, (\d) of 6 photos/.exec(said);
      assert.match(said, /luck|too few/);
      await photosIn(2, 3);
      const mistakes = await lab.browser.evaluate(() =>
        [...document.querySelectorAll('.mistake')].map(
          ({ textContent }) => textContent,
        ),
      );
      assert.equal(mistakes.length, 6 - Number(right));
      for (const mistake of mistakes) {
        assert.match(mistake, /^taken for (My dog|The neighbour’s)$/);
      }
    });

    test('what it learnt is kept in the browser, so that nothing is lost with the page', async () => {
      await isKept(true);
      assert.match(
        await lab.browser.evaluate(
          () => document.querySelector('.kept li').textContent,
        ),
        /^My dog and The neighbour’s, taught to the model in this page, \d+\skB, \d+ \w+ \d{4}, \d\d:\d\dIn useSave as a fileForget$/,
      );
      assert.match(await text(), /It is kept in this browser/);
      assert.doesNotMatch(
        await lab.browser.evaluate(
          () => document.querySelector('.model-picker').textContent,
        ),
        /Back to the model in this page/,
        'which is at work, under what it learnt',
      );
      assert.ok(!(await asksBeforeLeaving()), 'asks for what is kept');
      await press('Forget', '.kept');
      await isKept(false);
      assert.match(await text(), /It knows it for this visit/);
      assert.ok(await asksBeforeLeaving(), 'lost without a question');
    });

    test('the page and the command line answer alike with the head that it saves', async () => {
      rmSync(head(), { force: true });
      await showPhotos(lab.browser, [dogs[1]]);
      await press('Save what it learnt');
      assert.ok(!(await asksBeforeLeaving()), 'asks for what is saved');
      await isThere(head());
      assert.ok(readFileSync(head()).length > 1000);
      const [expected] = await explain([dogs[1]], '--head', head());
      const line = (await resultLines(lab.browser)).get('portrait.jpg');
      assert.deepEqual(line.top.map(({ label }) => label).sort(), [
        'My dog',
        'The neighbour’s',
      ]);
      assertSameAnswer(line, { ...expected, photo: 'portrait.jpg' }, 'head');
      assert.equal(line.top[0].label, 'My dog');

      const taught = await lab.browser.evaluate(
        () => document.querySelector('.header .taught').textContent,
      );
      assert.match(taught, /^Knows only My dog and The neighbour’s/);
      await press('Back to what it knew');
      await knows(15);
      const [before] = await explain([dogs[1]]);
      assertSameAnswer(
        (await resultLines(lab.browser)).get('portrait.jpg'),
        { ...before, photo: 'portrait.jpg' },
        'without the head',
      );
    });

    test('what is kept is at work again in the next visit, and can be chosen, until it is forgotten', async () => {
      await press('Train');
      await isKept(true);
      await openPage(lab.browser);
      await waitFor(lab.browser, 'it at work', () =>
        /^Knows only My dog and The neighbour’s/.test(
          document.querySelector('.header .taught')?.textContent,
        ),
      );
      await showPhotos(lab.browser, [dogs[1]]);
      const [expected] = await explain([dogs[1]], '--head', head());
      const check = async () =>
        assertSameAnswer(
          (await resultLines(lab.browser)).get('portrait.jpg'),
          { ...expected, photo: 'portrait.jpg' },
          'the kept head',
        );
      await check();
      await press('Back to what it knew', '.header');
      await knows(15);
      await openPage(lab.browser);
      assert.equal(
        await lab.browser.evaluate(() =>
          document.querySelector('.header .taught'),
        ),
        null,
      );
      await showPhotos(lab.browser, [dogs[1]]);
      await press('Use', '.kept');
      await knows(2);
      await check();
      await press('Forget', '.kept');
      await isKept(false);
      await openPage(lab.browser);
      const { taught, kept } = await lab.browser.evaluate(() => ({
        taught: document.querySelector('.header .taught'),
        kept: document.querySelector('.kept'),
      }));
      assert.deepEqual([taught, kept], [null, null]);
    });

    test('where it cannot be kept, it is known for this visit, and not lost without a question', async () => {
      await openBoxes();
      await put(1, dogs);
      await photosIn(1, 3);
      await put(2, noise);
      await photosIn(2, 3);
      await lab.browser.evaluate(() => {
        IDBObjectStore.prototype.put = () => {
          throw new DOMException('full', 'QuotaExceededError');
        };
      });
      await press('Train');
      await isTaught();
      await waitFor(lab.browser, 'the reason', () =>
        /^My dog and The neighbour’s works for this visit, but could not be kept.*not enough room/.test(
          document.querySelector('.news [role=status]').textContent,
        ),
      );
      await showPhotos(lab.browser, [dogs[1]]);
      await knows(2);
      assert.match(await text(), /for this visit; the file can be dropped/);
      assert.ok(await asksBeforeLeaving(), 'lost without a question');
      await press('Save what it learnt');
      assert.ok(!(await asksBeforeLeaving()), 'asks for what is saved');
    });

    const areBack = async (input, path) => {
      await openBoxes();
      await lab.browser.addFiles(`.of-folders ${input}`, [path]);
      await photosIn(1, 3);
      await photosIn(2, 1);
      const names = await lab.browser.evaluate(() =>
        [...document.querySelectorAll('.box-head input')].map(
          ({ value }) => value,
        ),
      );
      assert.deepEqual(names, ['My dog', 'The neighbour’s']);
    };

    test('takes the photos that it saved back into their boxes', () =>
      areBack('input[accept]', zip()));

    const choosesFolders = lab.engine === 'chromium';
    test(
      'takes a folder of folders, too',
      { skip: !choosesFolders && 'this driver chooses no folders' },
      async () => {
        const pets = join(folder, 'pets');
        execFileSync('python3', ['-m', 'zipfile', '-e', zip(), pets]);
        await areBack('input[webkitdirectory]', pets);
      },
    );
  });
}

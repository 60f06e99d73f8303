import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { photo } from '../support/files.mjs';
import {
  PHOTO_INPUT,
  answersFor,
  clearPage,
  showPhotos,
  unfoldMethod,
} from '../support/page.mjs';

/** In the page: gives every control that a keyboard must reach a number to know it by. */
function numberControls() {
  const controls = [
    ...document.querySelectorAll(
      'a[href], button, input, select, summary, [tabindex="0"]',
    ),
  ].filter(
    (control) =>
      !control.disabled &&
      control.tabIndex >= 0 &&
      control.checkVisibility({ visibilityProperty: true }),
  );
  document
    .querySelectorAll('[data-stop]')
    .forEach(({ dataset }) => delete dataset.stop);
  controls.forEach((control, i) => (control.dataset.stop = i));
  return controls.map((control) => control.outerHTML.slice(0, 120));
}

/** In the page: the number of the control that has the focus, undefined for anything else. */
const focused = () => document.activeElement?.dataset?.stop;

/** In the page: puts the focus before everything, from where Tab goes to the first control. */
function focusTop() {
  const top = document.createElement('span');
  top.tabIndex = -1;
  document.body.prepend(top);
  top.focus();
}

/** In the page: what is drawn of a control, its label and what is around them. */
function looks(stop) {
  const control = document.querySelector(`[data-stop="${stop}"]`);
  const around = [
    control,
    ...(control.labels ?? []),
    control.parentElement,
    ...control.children,
  ];
  const parts = around.map((element) => {
    const { outline, boxShadow, backgroundColor, borderColor } =
      getComputedStyle(element);
    return [outline, boxShadow, backgroundColor, borderColor].join();
  });
  return parts.join('\n');
}

/** Everything can be done without a mouse. */
export function keyboard(lab) {
  describe('keyboard', () => {
    const press = (key) => lab.browser.press(key);
    const evaluate = (fn, ...args) => lab.browser.evaluate(fn, ...args);

    test('Tab goes through the empty page', async () => {
      await clearPage(lab.browser);
      await roundTrip();
    });

    describe('with results', () => {
      before(() =>
        showPhotos(lab.browser, [photo('landscape.jpg'), photo('square.jpg')]),
      );

      test('Tab goes through everything, in order and out again', async () => {
        await roundTrip();
      });

      test('Shift+Tab goes back', async () => {
        await evaluate(numberControls);
        await evaluate(() =>
          document.querySelector('article tr button').focus(),
        );
        const start = await evaluate(focused);
        await press('Tab');
        assert.equal(await evaluate(focused), String(Number(start) + 1));
        await press('Shift+Tab');
        assert.equal(await evaluate(focused), start);
      });

      test('the focus can be seen', async () => {
        const controls = await evaluate(numberControls);
        // Browsers draw the focus only for those who came by keyboard.
        await press('Tab');
        for (const [stop, control] of controls.entries()) {
          await evaluate(
            (stop) => document.querySelector(`[data-stop="${stop}"]`).focus(),
            stop,
          );
          const there = await evaluate(looks, stop);
          await evaluate(() => document.activeElement.blur());
          const away = await evaluate(looks, stop);
          assert.notEqual(there, away, `nothing shows the focus of ${control}`);
        }
      });

      test('Enter on a breed makes the heatmap answer for it', async () => {
        const label = await evaluate(() => {
          const rows = document.querySelectorAll(
            'article[data-photo="landscape.jpg"] tr[data-label]',
          );
          rows[0].querySelector('button').focus();
          return rows[1].dataset.label;
        });
        await press('Tab');
        await press('Enter');
        await answersFor(lab.browser, 'landscape.jpg', label);
        assert.equal(
          await evaluate(
            () => document.activeElement.closest('tr').dataset.label,
          ),
          label,
          'the focus stays',
        );
      });

      test('arrow keys move the slider', async () => {
        const value = () =>
          evaluate(() => document.activeElement.valueAsNumber);
        await evaluate(() =>
          document.querySelector('input[type=range]').focus(),
        );
        const before = await value();
        await press('ArrowLeft');
        assert.ok((await value()) < before);
      });
    });

    test('the toolbar covers nothing that has the focus', async () => {
      await showPhotos(
        lab.browser,
        ['landscape.jpg', 'square.jpg', 'portrait.jpg'].map(photo),
      );
      for (const isOpen of [false, true]) {
        for (const width of [1280, 700]) {
          await lab.browser.resize(width, 500);
          await unfoldMethod(lab.browser, isOpen);
          await evaluate(() =>
            document.querySelector('.about:last-of-type summary').focus(),
          );
          // Upwards through all cards.
          for (let i = 0; i < 40; ++i) {
            await press('Shift+Tab');
            const covered = await evaluate(() => {
              const { activeElement: control } = document;
              const toolbar = document.querySelector('.toolbar');
              if (!control.closest('article')) return '';
              const { bottom } = toolbar.getBoundingClientRect();
              const { top } = control.getBoundingClientRect();
              return top < bottom && bottom > 0 ? control.outerHTML : '';
            });
            assert.equal(covered, '', `${width}, ${isOpen}`);
          }
        }
      }
      await unfoldMethod(lab.browser, false);
      await lab.browser.resize(1280, 720);
    });

    test('what is removed gives the focus to what comes next', async () => {
      await showPhotos(
        lab.browser,
        ['landscape.jpg', 'square.jpg', 'portrait.jpg'].map(photo),
      );
      const active = () =>
        evaluate(
          () => document.activeElement.ariaLabel ?? document.activeElement.id,
        );
      await evaluate(() =>
        document.querySelector('[aria-label="Remove square.jpg"]').focus(),
      );
      for (const next of [
        'Remove portrait.jpg',
        'Remove landscape.jpg',
        'photo-input',
      ]) {
        await press('Enter');
        assert.equal(await active(), next);
      }
    });

    /** From the start of the page with Tab until the focus has left the last control. */
    async function roundTrip() {
      const controls = await evaluate(numberControls);
      const input = await evaluate(
        (selector) => document.querySelector(selector).dataset.stop,
        PHOTO_INPUT,
      );
      assert.ok(input, 'the file input is among the controls');
      await evaluate(focusTop);
      const visited = [];
      for (let i = 0; i < controls.length; ++i) {
        await press('Tab');
        visited.push(await evaluate(focused));
      }
      assert.deepEqual(
        visited,
        controls.map((_, i) => String(i)),
        controls.join('\n'),
      );
      await press('Tab');
      assert.notEqual(
        await evaluate(focused),
        visited.at(-1),
        'the last control lets the focus go',
      );
      // From the browser's own controls, where there are any, back into the page.
      if (!(await evaluate(() => document.hasFocus()))) await press('Tab');
    }
  });
}

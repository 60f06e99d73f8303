import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { explain } from '../support/cli.mjs';
import { photo } from '../support/files.mjs';
import {
  assertSameAnswer,
  clearPage,
  finished,
  portable,
  resultLines,
} from '../support/page.mjs';

/** In the page: an event with a file in it, as a paste or a drop brings one. */
function bring(kinds, { name, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: 'image/jpeg' }));
  return kinds.map((kind) => {
    const event = new Event(kind, {
      bubbles: true,
      cancelable: true,
      composed: true,
    });
    // The constructors of the proper events drop the files in some engines.
    const property = kind === 'paste' ? 'clipboardData' : 'dataTransfer';
    Object.defineProperty(event, property, { value: transfer });
    return !document.body.dispatchEvent(event);
  });
}

/** The ways in beside the file input, which the other tests use. */
export function intake(lab) {
  describe('ways in', () => {
    const path = photo('portrait.jpg');
    let expected;
    before(async () => {
      [expected] = await explain([path]);
    });

    test('paste', async () => {
      await clearPage(lab.browser);
      const handled = await lab.browser.evaluate(
        bring,
        ['paste'],
        portable(path),
      );
      assert.deepEqual(handled, [true]);
      await check();
    });

    test('drop', async () => {
      await clearPage(lab.browser);
      const kinds = ['dragenter', 'dragover', 'drop'];
      const [, over, drop] = await lab.browser.evaluate(
        bring,
        kinds,
        portable(path),
      );
      assert.ok(over, 'without it the browser would open the photo itself');
      assert.ok(drop);
      await check();
    });

    async function check() {
      await finished(lab.browser, 1);
      assertSameAnswer(
        (await resultLines(lab.browser)).get('portrait.jpg'),
        expected,
        path,
      );
    }
  });
}

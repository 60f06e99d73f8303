import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { page, scratch } from '../support/files.mjs';
import { openPage } from '../support/page.mjs';

/** In the page: tries to reach the network in several ways, and waits until all have failed. */
async function callHome(host) {
  const image = new Image();
  const loading = new Promise(
    (resolve) => (image.onload = image.onerror = resolve),
  );
  image.src = `http://${host}/image.png`;
  await fetch(`http://${host}/fetch`, { mode: 'no-cors' }).catch(() => {});
  await loading;
}

/** The page asks nobody for anything. */
export function network(lab) {
  describe('network', () => {
    const folder = scratch();

    test('not one request in all the tests before', () => {
      const sent = [...lab.sent, ...lab.browser.sent];
      const asked = [...lab.asked, ...lab.browser.asked];
      const own = (url) =>
        /^(blob|data):/.test(url) || url === pathToFileURL(page).href;
      assert.deepEqual(sent, []);
      assert.deepEqual(
        asked.filter((url) => !own(url)),
        [],
      );
    });

    test('the page cannot make one even if told to', async () => {
      await openPage(lab.browser);
      await lab.browser.evaluate(callHome, 'page.example');
      assert.deepEqual(lab.browser.sent, []);
    });

    test('a request would have been seen', async () => {
      const path = join(folder, 'open.html');
      writeFileSync(path, '<!doctype html><title>No policy</title>');
      await lab.browser.open(path);
      await lab.browser.evaluate(callHome, 'control.example');
      // Firefox makes it https.
      assert.ok(
        lab.browser.sent.some((url) => url.includes('//control.example')),
      );
    });
  });
}

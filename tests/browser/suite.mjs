import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { driverOf, launch } from './drivers/index.mjs';
import { missingBuild } from './support/files.mjs';
import { openPage } from './support/page.mjs';
import { accessibility } from './topics/accessibility.mjs';
import { badFiles } from './topics/bad-files.mjs';
import { camera } from './topics/camera.mjs';
import { closer } from './topics/closer.mjs';
import { downloads } from './topics/downloads.mjs';
import { enlarging } from './topics/enlarge.mjs';
import { heat } from './topics/heat.mjs';
import { how } from './topics/how.mjs';
import { intake } from './topics/intake.mjs';
import { keyboard } from './topics/keyboard.mjs';
import { many } from './topics/many.mjs';
import { memory } from './topics/memory.mjs';
import { otherModel } from './topics/model.mjs';
import { network } from './topics/network.mjs';
import { orientation } from './topics/orientation.mjs';
import { paper } from './topics/paper.mjs';
import { results } from './topics/results.mjs';
import { retarget } from './topics/retarget.mjs';
import { speed } from './topics/speed.mjs';
import { teaching } from './topics/teach.mjs';
import { unsupported } from './topics/unsupported.mjs';
import { workers } from './topics/workers.mjs';

/**
 * The topics by the browser in which they are tested: what breaks one spoils no other's; WebKit had
 * no memory for WebAssembly once where the page had been opened many times. `speed` wants a browser
 * that has not run the page before, the last but one looks at all that was asked for.
 */
const sittings = [
  [speed, results, retarget, heat, how, closer],
  [downloads, orientation, badFiles, otherModel, teaching],
  [camera, intake, many, enlarging, paper],
  [keyboard, accessibility, workers, memory, network, unsupported],
];

/**
 * What a topic gets: `browser` is there once its tests run; `sent` and `asked` are those of all
 * browsers before it.
 * @typedef {object} Lab
 * @property {string} engine
 * @property {import('./drivers/index.mjs').Browser} browser
 * @property {string[]} sent
 * @property {string[]} asked
 */

/**
 * Registers all tests of the page in one engine. Without the browser or the build they are skipped
 * with the reason, or fail with it where GRADCAM_REQUIRE_BROWSERS=1.
 */
export async function suite(engine) {
  const reason = (await driverOf(engine)).missing() ?? missingBuild();
  if (reason) {
    const skip = process.env.GRADCAM_REQUIRE_BROWSERS === '1' ? false : reason;
    test(engine, { skip }, () => assert.fail(reason));
    return;
  }
  describe(engine, { timeout: 1_800_000 }, () => {
    /** @type {Lab} */
    const lab = { engine, browser: undefined, sent: [], asked: [] };
    sittings.forEach((topics, index) => {
      describe(`browser ${index + 1} of ${sittings.length}`, () => {
        before(async () => {
          lab.browser = await launch(engine);
          if (topics[0] === speed) return;
          await lab.browser.resize(1280, 720);
          await openPage(lab.browser);
        });
        after(async () => {
          await lab.browser.close();
          lab.sent.push(...lab.browser.sent);
          lab.asked.push(...lab.browser.asked);
        });
        test('starts', (t) => t.diagnostic(lab.browser.version));
        for (const topic of topics) topic(lab);
      });
    });
  });
}

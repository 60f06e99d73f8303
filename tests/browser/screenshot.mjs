// Pictures of the page in every state, theme and width: node screenshot.mjs [ENGINE] [PHOTO...]
// They fall into build/screenshots/. Without photos those of this folder are shown.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from './drivers/index.mjs';
import { photo, root, scratch } from './support/files.mjs';
import { openPage, painted, showPhotos } from './support/page.mjs';

const sizes = { wide: [1440, 900], phone: [390, 844] };
const [engine = 'chromium', ...chosen] = process.argv.slice(2);
const photos =
  chosen.length > 0 ? chosen : ['landscape.jpg', 'portrait.jpg'].map(photo);

const target = join(root, 'build/screenshots');
mkdirSync(target, { recursive: true });
const broken = join(scratch(), 'broken.jpg');
writeFileSync(broken, 'This is no picture.\n');

const states = {
  empty: (browser) => openPage(browser),
  done: (browser) => showPhotos(browser, photos),
  failed: (browser) => showPhotos(browser, [broken, photos[0]]),
};

/** Also what is off the screen, where nobody would see it. */
function drawAll() {
  for (const card of document.querySelectorAll('article')) {
    card.style.contentVisibility = 'visible';
  }
}

for (const theme of ['light', 'dark']) {
  const browser = await launch(engine, { dark: theme === 'dark' });
  for (const [state, show] of Object.entries(states)) {
    await show(browser);
    for (const [size, [width, height]] of Object.entries(sizes)) {
      await browser.resize(width, height);
      await browser.evaluate(drawAll);
      await painted(browser);
      const path = join(target, `${engine}-${state}-${theme}-${size}.png`);
      writeFileSync(path, await browser.screenshot());
      console.log(path);
    }
  }
  await browser.close();
}

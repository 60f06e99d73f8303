import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { launchChromium } from './chromium.mjs';
import { spread } from './statistics.mjs';

const RUNS = 9;
const WARM_UPS = 1; // the browser's own
/** What is before the result in the page's title. */
const MARK = 'Result: ';

/**
 * How long after it was opened from file:// the page is to be seen, and the first heatmap of a photo
 * that was dropped on it at once, with the model that it brings. The browser runs already.
 * @returns {Promise<{ painted_ms: object, heatmap_ms: object }>} as `spread` has them
 */
export async function startTimes({ folder, page }) {
  const file = join(folder, 'start.html');
  writeFileSync(file, withPhoto(page, join(folder, 'photo.png')));
  const { visit, close } = await launchChromium();
  const painted = [];
  const heatmap = [];
  try {
    for (let run = -WARM_UPS; run < RUNS; ++run) {
      const title = await visit(pathToFileURL(file).href, MARK);
      const result = JSON.parse(title.slice(MARK.length));
      if (result.error) throw new Error(result.error);
      if (run < 0) continue;
      painted.push(result.painted);
      heatmap.push(result.heatmap);
    }
  } finally {
    await close();
  }
  return { painted_ms: spread(painted), heatmap_ms: spread(heatmap) };
}

/** The page with a photo, which is dropped on it as soon as its own script has run. */
function withPhoto(page, photo) {
  const html = readFileSync(page, 'latin1');
  const at = html.indexOf('<script type="text/plain" data-payload="model"');
  const base64 = readFileSync(photo, 'base64');
  const script = `(${dropPhoto})(${JSON.stringify(base64)}, ${JSON.stringify(MARK)})`;
  return `${html.slice(0, at)}<script>${script}</script>${html.slice(at)}`;
}

/** In the page. */
async function dropPhoto(base64, mark) {
  const result = {};
  try {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const [line] = await window.gradcam.addPhotos([
      new File([bytes], 'photo.png'),
    ]);
    if (line.error) throw new Error(line.error.message);
    while (!document.querySelector('article canvas[role=img]')) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    result.heatmap = performance.now();
    result.painted = performance
      .getEntriesByName('first-contentful-paint')
      .at(0)?.startTime;
  } catch (error) {
    result.error = String(error);
  }
  document.title = mark + JSON.stringify(result);
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { browserMemory } from './memory.mjs';

const flags = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
];

/** Chromium's path, or undefined. */
function findChromium() {
  const folders = (process.env.PATH ?? '').split(':');
  return ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => existsSync(path));
}

/**
 * Starts a headless Chromium of its own, so that its memory can be told from the others', with an
 * empty page.
 * @returns {Promise<{ page: import('playwright-core').Page, version: string,
 *   memory: () => import('./memory.mjs').Memory, close: () => Promise<void> }>}
 */
export async function launchChromium() {
  const executablePath = findChromium();
  if (!executablePath) throw new Error('Chromium is not installed (Debian: chromium)');
  // Chromium refuses to run sandboxed as root, which is what containers run as.
  const sandbox = process.getuid() === 0 ? ['--no-sandbox'] : [];
  const launched = await chromium.launchServer({ executablePath, args: [...flags, ...sandbox] });
  const browser = await chromium.connect(launched.wsEndpoint());
  const close = async () => {
    await browser.close();
    await launched.close();
  };
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    const memory = () => browserMemory(launched.process().pid);
    return { page, version: `Chromium ${browser.version()}`, memory, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Bytes of memory that the renderer of an empty page takes at most, or undefined. */
export async function emptyPageMemory() {
  try {
    const { page, memory, close } = await launchChromium();
    await page.goto('data:text/html,');
    const { peak } = memory();
    await close();
    return peak;
  } catch {
    return undefined; // the contenders that need Chromium will say why
  }
}

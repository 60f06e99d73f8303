import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DevTools, Page } from './devtools.mjs';
import { browserMemory } from './memory.mjs';

const flags = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--headless',
  '--no-first-run',
  '--remote-debugging-pipe',
];

/** Milliseconds; to ask more often would take time from what is timed. */
const POLL = 500;
const MOST_WAITING = 60_000;

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
 * @returns {Promise<{ page: Page, version: string, memory: () => import('./memory.mjs').Memory,
 *   visit: (url: string, mark: string) => Promise<string>, close: () => Promise<void> }>}
 *   `visit` opens an address in a tab that no debugger is attached to, because that takes time while
 *   a page is loaded, and gives its title once that begins with the mark
 */
export async function launchChromium() {
  const path = findChromium();
  if (!path) throw new Error('Chromium is not installed (Debian: chromium)');
  // Chromium refuses to run sandboxed as root, which is what containers run as.
  const sandbox = process.getuid() === 0 ? ['--no-sandbox'] : [];
  const profile = mkdtempSync(join(tmpdir(), 'gradcam-bench-'));
  const started = spawn(
    path,
    [...flags, ...sandbox, `--user-data-dir=${profile}`],
    {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    },
  );
  const tools = new DevTools(started);
  const ended = once(started, 'exit');
  const close = async () => {
    if (started.exitCode === null) {
      await tools.send('Browser.close').catch(() => {}); // it has ended by itself
      await ended;
    }
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const { product } = await tools.send('Browser.getVersion');
    const version = product.replace(/^\w+\//, 'Chromium ');
    const memory = () => browserMemory(started.pid);
    const page = await Page.open(tools);
    const visit = (url, mark) => titleOf(tools, url, mark);
    return { page, version, memory, visit, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function titleOf(tools, url, mark) {
  const { targetId } = await tools.send('Target.createTarget', { url });
  for (let waited = 0; waited < MOST_WAITING; waited += POLL) {
    await setTimeout(POLL);
    const { targetInfo } = await tools.send('Target.getTargetInfo', {
      targetId,
    });
    if (!targetInfo.title.startsWith(mark)) continue;
    await tools.send('Target.closeTarget', { targetId });
    await setTimeout(POLL); // until it has gone
    return targetInfo.title;
  }
  throw new Error(`${url} came to no end`);
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

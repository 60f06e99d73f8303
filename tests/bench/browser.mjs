import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { serve } from './server.mjs';

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
 * Starts a worker script in a headless Chromium of its own, so that its memory can be told from
 * the others', on a page served over http.
 * @param {{ script: string, name: string, folders: string[] }} contender
 */
export async function startInChromium({ script, name, folders }) {
  const executablePath = findChromium();
  if (!executablePath) throw new Error('Chromium is not installed (Debian: chromium)');
  // Chromium refuses to run sandboxed as root, which is what containers run as.
  const sandbox = process.getuid() === 0 ? ['--no-sandbox'] : [];
  const server = await serve(folders);
  const launched = await chromium.launchServer({ executablePath, args: [...flags, ...sandbox] });
  const browser = await chromium.connect(launched.wsEndpoint());
  const close = async () => {
    await browser.close();
    await launched.close();
    server.close();
  };
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    await page.goto(`${server.url}page.html?${new URLSearchParams({ script, name })}`);
    const ask = (task) => page.evaluate((given) => window.ask(given), task);
    return {
      ...(await ask('load')),
      browser: `Chromium ${browser.version()}`,
      ask,
      memory: async () => renderersPeak(launched.process().pid),
      downloads: () => Object.fromEntries(server.sent),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The largest peak of resident memory, in bytes, among the renderers that descend from `root`. */
function renderersPeak(root) {
  const parents = new Map();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const status = readProcess(entry, 'stat');
    // The name, in parentheses, may contain anything.
    const [, parent] = status.slice(status.lastIndexOf(')') + 2).split(' ');
    parents.set(Number(entry), Number(parent));
  }
  const descends = (process) => {
    while (process > 1 && process !== root) process = parents.get(process) ?? 0;
    return process === root;
  };
  let peak = 0;
  for (const process of [...parents.keys()].filter(descends)) {
    if (!readProcess(process, 'cmdline').includes('--type=renderer')) continue;
    const kilobytes = /VmHWM:\s+(\d+)/.exec(readProcess(process, 'status'))?.[1] ?? 0;
    peak = Math.max(peak, Number(kilobytes) * 1024);
  }
  return peak;
}

/** A file of /proc, empty if the process is gone. */
function readProcess(process, file) {
  try {
    return readFileSync(`/proc/${process}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { closable, findProgram, makeHome, startProxy } from './machine.mjs';

const program = () =>
  findProgram('chromium', 'chromium-browser', 'google-chrome');

export function missing() {
  return program() ? undefined : 'Chromium is not installed (Debian: chromium)';
}

const quiet = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
  // A camera that shows a pattern, which nobody is asked for.
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
];

const ownHosts = [
  'accounts.google.com',
  'clients2.google.com',
  'update.googleapis.com',
];

/** @returns {Promise<import('./index.mjs').Browser>} */
export const launch = ({ dark }) =>
  closable(async (atEnd) => {
    const home = makeHome();
    atEnd(home.remove);
    const proxy = await startProxy(ownHosts);
    atEnd(proxy.close);
    // Chromium refuses to run sandboxed as root, which is what containers run as.
    const sandbox = process.getuid() === 0 ? ['--no-sandbox'] : [];
    const browser = await chromium.launch({
      executablePath: program(),
      args: [...quiet, ...sandbox],
      env: home.env,
      proxy: { server: `${proxy.host}:${proxy.port}`, bypass: '<-loopback>' },
    });
    atEnd(() => browser.close());
    const context = await browser.newContext({
      colorScheme: dark ? 'dark' : 'light',
    });
    const page = await context.newPage();
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    page.on('download', (file) =>
      file.saveAs(join(home.downloads, file.suggestedFilename())),
    );

    return {
      version: `Chromium ${browser.version()}`,
      downloads: home.downloads,
      open: (path) => page.goto(pathToFileURL(path).href),
      // Playwright passes one argument; an expression is evaluated outside the page's CSP.
      evaluate: (fn, ...args) =>
        page.evaluate(`(${fn})(...${JSON.stringify(args)})`),
      addFiles: (selector, paths) =>
        page.locator(selector).setInputFiles(paths),
      press: (key) => page.keyboard.press(key),
      resize: (width, height) => page.setViewportSize({ width, height }),
      screenshot: () => page.screenshot({ fullPage: true }),
      sent: proxy.asked,
      asked,
    };
  });

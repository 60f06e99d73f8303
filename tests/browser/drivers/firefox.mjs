import { pathToFileURL } from 'node:url';
import * as puppeteer from 'puppeteer-core';
import { closable, findProgram, makeHome, startProxy } from './machine.mjs';

const program = () => findProgram('firefox-esr', 'firefox');

export function missing() {
  return program()
    ? undefined
    : 'Firefox is not installed (Debian: firefox-esr)';
}

function preferences({ dark, guarded, proxy, downloads }) {
  return {
    'browser.download.dir': downloads,
    'browser.download.folderList': 2,
    'browser.download.alwaysOpenPanel': false,
    // A camera that shows a colour, which nobody is asked for.
    'media.navigator.streams.fake': true,
    'media.navigator.permission.disabled': true,
    'privacy.resistFingerprinting': guarded,
    'ui.systemUsesDarkTheme': dark ? 1 : 0,
    // 2 asks the system, that is the line above.
    'layout.css.prefers-color-scheme.content-override': 2,
    'network.proxy.type': 1,
    'network.proxy.http': proxy.host,
    'network.proxy.http_port': proxy.port,
    'network.proxy.ssl': proxy.host,
    'network.proxy.ssl_port': proxy.port,
    'network.proxy.allow_hijacking_localhost': true,
  };
}

const ownHosts = ['firefox.settings.services.mozilla.com'];

/** @returns {Promise<import('./index.mjs').Browser>} */
export const launch = ({ dark, guarded }) =>
  closable(async (atEnd) => {
    const home = makeHome();
    atEnd(home.remove);
    const proxy = await startProxy(ownHosts);
    atEnd(proxy.close);
    const browser = await puppeteer.launch({
      browser: 'firefox',
      executablePath: program(),
      env: home.env,
      extraPrefsFirefox: preferences({
        dark,
        guarded,
        proxy,
        downloads: home.downloads,
      }),
      defaultViewport: { width: 1280, height: 720 },
    });
    atEnd(() => browser.close());
    const page = await browser.newPage();

    return {
      version: (await browser.version()).replace('/', ' '),
      downloads: home.downloads,
      open: (path) => page.goto(pathToFileURL(path).href),
      async evaluate(fn, ...args) {
        // As JSON, because WebDriver BiDi sends what is met a second time within a result as nothing.
        const call = `(${fn})(...${JSON.stringify(args)})`;
        const json = await page.evaluate(
          `(async () => JSON.stringify(await ${call}))()`,
        );
        return json && JSON.parse(json);
      },
      async addFiles(selector, paths) {
        const input = await page.$(selector);
        await input.uploadFile(...paths);
        await input.dispose();
      },
      async press(key) {
        const keys = key.split('+');
        for (const held of keys.slice(0, -1)) await page.keyboard.down(held);
        await page.keyboard.press(keys.at(-1));
        for (const held of keys.slice(0, -1)) await page.keyboard.up(held);
      },
      resize: (width, height) => page.setViewport({ width, height }),
      screenshot: async () =>
        Buffer.from(await page.screenshot({ fullPage: true })),
      sent: proxy.asked,
      asked: [],
    };
  });

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Builder, By, Capabilities, Key } from 'selenium-webdriver';
import {
  closable,
  findProgram,
  freePort,
  makeHome,
  start,
  startProxy,
} from './machine.mjs';

const driverProgram = () => findProgram('WebKitWebDriver');
const displayProgram = () => findProgram('Xvfb');
// Debian keeps MiniBrowser off the PATH, in a folder named for the architecture.
const browserProgram = () =>
  findProgram(
    ...readdirSync('/usr/lib').map(
      (arch) => `/usr/lib/${arch}/webkit2gtk-4.1/MiniBrowser`,
    ),
  );

export function missing() {
  if (!driverProgram())
    return 'WebKitWebDriver is not installed (Debian: webkit2gtk-driver)';
  if (!browserProgram())
    return 'MiniBrowser is not installed (Debian: libwebkit2gtk-4.1-0)';
  return displayProgram() ? undefined : 'Xvfb is not installed (Debian: xvfb)';
}

/** Starts an X server on a free display and resolves with how to stop it and the display's name. */
async function startDisplay() {
  const { child, stop } = start(
    displayProgram(),
    ['-displayfd', '3', '-screen', '0', '1600x1200x24', '-nolisten', 'tcp'],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
  );
  const number = await new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('Xvfb did not start')));
    child.stdio[3].once('data', resolve);
  });
  return { stop, display: `:${number.toString().trim()}` };
}

async function answers(port) {
  for (let tries = 0; tries < 600; ++tries) {
    const open = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket
        .once('error', () => resolve(false))
        .once('connect', () => socket.end());
    });
    if (open) return;
    await sleep(50);
  }
  throw new Error('WebKitWebDriver did not start');
}

function sessionCapabilities(proxy) {
  const address = `${proxy.host}:${proxy.port}`;
  return new Capabilities({
    browserName: 'MiniBrowser',
    proxy: { proxyType: 'manual', httpProxy: address, sslProxy: address },
    timeouts: { script: 60_000 },
    'webkitgtk:browserOptions': {
      binary: browserProgram(),
      args: ['--automation'],
    },
  });
}

function writeDownloadFolder(home) {
  const config = join(home.folder, '.config');
  mkdirSync(config, { recursive: true });
  writeFileSync(
    join(config, 'user-dirs.dirs'),
    `XDG_DOWNLOAD_DIR="${home.downloads}"\n`,
  );
}

const keyCodes = {
  ArrowDown: Key.ARROW_DOWN,
  ArrowLeft: Key.ARROW_LEFT,
  ArrowRight: Key.ARROW_RIGHT,
  Enter: Key.ENTER,
  Escape: Key.ESCAPE,
  PageDown: Key.PAGE_DOWN,
  PageUp: Key.PAGE_UP,
  Shift: Key.SHIFT,
  Space: Key.SPACE,
  Tab: Key.TAB,
};

/** The text of a WebDriver script that calls `fn`, with errors as values: thrown ones get lost. */
const inPage = (fn) => `
  const [args, done] = arguments;
  new Promise((resolve) => resolve((${fn})(...args))).then(
    (value) => done({ value }),
    (error) => done({ error: String(error) + ' ' + error?.stack }),
  );`;

/** @returns {Promise<import('./index.mjs').Browser>} */
export const launch = ({ dark }) =>
  closable(async (atEnd) => {
    const home = makeHome();
    atEnd(home.remove);
    writeDownloadFolder(home);
    const proxy = await startProxy();
    atEnd(proxy.close);
    const { display, stop } = await startDisplay();
    atEnd(stop);
    const port = await freePort();
    const driver = start(driverProgram(), [`--port=${port}`], {
      stdio: 'ignore',
      env: {
        ...home.env,
        DISPLAY: display,
        GDK_BACKEND: 'x11',
        GTK_THEME: dark ? 'Adwaita:dark' : 'Adwaita',
        // There is no GPU; drawing without OpenGL takes less than emulating it.
        WEBKIT_SKIA_ENABLE_CPU_RENDERING: '1',
      },
    });
    atEnd(driver.stop);
    await answers(port);
    const session = await new Builder()
      .usingServer(`http://127.0.0.1:${port}`)
      .withCapabilities(sessionCapabilities(proxy))
      .build();
    atEnd(() =>
      Promise.race([session.quit(), sleep(10_000, undefined, { ref: false })]),
    );
    const capabilities = await session.getCapabilities();

    return {
      version: `WebKitGTK ${capabilities.get('browserVersion')}`,
      downloads: home.downloads,
      open: (path) => session.get(pathToFileURL(path).href),
      async evaluate(fn, ...args) {
        const { value, error } = await session.executeAsyncScript(
          inPage(fn),
          args,
        );
        if (error !== undefined) throw new Error(error);
        return value;
      },
      addFiles: (selector, paths) =>
        session.findElement(By.css(selector)).sendKeys(paths.join('\n')),
      async press(key) {
        const codes = key.split('+').map((name) => keyCodes[name] ?? name);
        const actions = session.actions();
        for (const code of codes) actions.keyDown(code);
        for (const code of codes.reverse()) actions.keyUp(code);
        await actions.perform();
      },
      async resize(width, height) {
        // The window is larger than the viewport by its frame, whose size is not known before.
        const inner = await session.executeScript(
          'return [innerWidth, innerHeight]',
        );
        const outer = await session.manage().window().getRect();
        await session
          .manage()
          .window()
          .setRect({
            width: outer.width + width - inner[0],
            height: outer.height + height - inner[1],
          });
        // The page hears of it later, and of no width below that of the window's own buttons.
        await sleep(300);
      },
      screenshot: async () =>
        Buffer.from(await session.takeScreenshot(), 'base64'),
      sent: proxy.asked,
      asked: [],
    };
  });

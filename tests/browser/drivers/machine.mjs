// What the drivers share: finding programs, processes that end with us, throw-away homes, and a
// proxy that sees whether anything tries to reach the network.
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const alive = new Set();
const homes = new Set();

const removeFolder = (folder) =>
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });

process.once('exit', () => {
  alive.forEach((child) => child.kill('SIGKILL'));
  homes.forEach(removeFolder);
});
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => process.exit(1));

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first of these programs that is installed; names are looked up on the PATH. */
export function findProgram(...names) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const candidates = names.flatMap((name) =>
    name.includes('/') ? [name] : folders.map((folder) => join(folder, name)),
  );
  return candidates.find(isExecutable);
}

/** Starts a program that is killed at the latest when this process ends. */
export function start(program, args, options) {
  const child = spawn(program, args, options);
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  return child;
}

/** Stops a program of `start` and waits until it is gone. */
export function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve();
  return new Promise((resolve) => {
    const forced = setTimeout(() => child.kill('SIGKILL'), 2000);
    child.once('exit', () => {
      clearTimeout(forced);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/** A home of its own for a browser, so that it neither reads nor leaves anything in the user's. */
export function makeHome() {
  const folder = mkdtempSync(join(tmpdir(), 'gradcam-browser-'));
  homes.add(folder);
  const downloads = join(folder, 'Downloads');
  const runtime = join(folder, 'runtime');
  mkdirSync(downloads);
  mkdirSync(runtime, { mode: 0o700 });
  return {
    folder,
    downloads,
    env: {
      ...process.env,
      HOME: folder,
      XDG_CONFIG_HOME: join(folder, '.config'),
      XDG_CACHE_HOME: join(folder, '.cache'),
      XDG_DATA_HOME: join(folder, '.local'),
      XDG_RUNTIME_DIR: runtime,
    },
    async remove() {
      homes.delete(folder);
      // Helper processes of the browser may still be writing when the browser is gone.
      for (let tries = 0; tries < 20; ++tries) {
        try {
          return removeFolder(folder);
        } catch {
          await sleep(100);
        }
      }
    },
  };
}

function listen(server) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

/** A TCP port that is free now. */
export async function freePort() {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * An HTTP proxy that lets nothing through and remembers what was asked of it: whatever a page
 * requests by http, https or web socket ends here, whichever engine runs it. What the browser asks
 * of its maker's servers (updates, time, settings), listed as `ownHosts`, is not remembered.
 */
export async function startProxy(ownHosts = []) {
  const asked = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (data) => {
      const [, method, target] =
        /^([A-Z]+) (\S+) HTTP/.exec(data.toString('latin1')) ?? [];
      const url =
        method === 'CONNECT' ? `https://${target}` : (target ?? 'not http:');
      if (!ownHosts.some((host) => new URL(url).hostname === host))
        asked.push(url);
      socket.end(
        'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
      );
    });
  });
  const port = await listen(server);
  return { host: '127.0.0.1', port, asked, close: () => server.close() };
}

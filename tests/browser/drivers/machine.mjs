// What the drivers share: finding programs, processes that end with us, throw-away homes, and a
// proxy that sees whether anything tries to reach the network.
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What must be undone even if this process is told to stop in the middle. */
const pending = new Set();

process.once('exit', () => pending.forEach((undo) => undo()));
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => process.exit(1));

/**
 * Builds something of parts that must be undone, such as processes. `build` is given a function to
 * say how, part by part; all that is done, the last first, by the `close` that the result gets, or
 * at once if building fails. A part that cannot be undone does not keep the others from it.
 */
export async function closable(build) {
  const undos = [];
  const close = async () => {
    while (undos.length > 0) {
      await Promise.resolve()
        .then(undos.pop())
        .catch((error) => console.error(`while closing: ${error.message}`));
    }
  };
  try {
    return { ...(await build((undo) => undos.push(undo))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

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

/**
 * Starts a program in a process group of its own, so that whatever it starts ends with it: by
 * `stop`, or at the latest when this process ends.
 */
export function start(program, args, options) {
  const child = spawn(program, args, { ...options, detached: true });
  const kill = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // Nobody is left in the group.
    }
  };
  const abandon = () => kill('SIGKILL');
  pending.add(abandon);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    kill('SIGTERM');
    await Promise.race([gone, sleep(2000, undefined, { ref: false })]);
    abandon();
    await gone;
    pending.delete(abandon);
  };
  return { child, stop };
}

/** A home of its own for a browser, so that it neither reads nor leaves anything in the user's. */
export function makeHome() {
  const folder = mkdtempSync(join(tmpdir(), 'gradcam-browser-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  pending.add(remove);
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
      // Helper processes of the browser may still be writing when the browser is gone.
      for (let tries = 0; tries < 20; ++tries) {
        try {
          remove();
          break;
        } catch {
          await sleep(100);
        }
      }
      pending.delete(remove);
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

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/**
 * Serves folders at 127.0.0.1, the first that has the file, and counts the bytes by path.
 * @param {string[]} folders
 * @param {boolean} isolated whether with the headers that let pages share memory among threads
 */
export async function serve(folders, isolated) {
  const sent = new Map();
  const headers = isolated
    ? {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      }
    : {};
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, 'http://localhost').pathname);
    const found = await findFile(folders, path);
    if (!found) {
      response.writeHead(404).end();
      return;
    }
    sent.set(path, found.size);
    response.writeHead(200, {
      ...headers,
      'Content-Type': types[extname(path)] ?? 'application/octet-stream',
      'Content-Length': found.size,
      'Cache-Control': 'no-store',
    });
    createReadStream(found.file, { highWaterMark: 1 << 20 }).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    sent,
    close: () => server.close(),
  };
}

async function findFile(folders, path) {
  for (const folder of folders) {
    const file = join(folder, path);
    const info = await stat(file).catch(() => undefined);
    if (info?.isFile()) return { file, size: info.size };
  }
  return undefined;
}

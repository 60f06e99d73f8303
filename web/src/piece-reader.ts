/** Files in the page's hands, for workers: on file:// pages, those of WebKit cannot read them. */

import { proxy, transfer } from 'comlink';
import type { PieceReader } from '../../wasm/engine';

export function readerOfBlob(file: Blob): PieceReader {
  return {
    size: file.size,
    read: async (begin, end) =>
      new Uint8Array(await file.slice(begin, end).arrayBuffer()),
  };
}

/** How a worker may read: what it gets is its own. */
export function lend(read: PieceReader['read']): PieceReader['read'] {
  return proxy(async (begin: number, end: number) => {
    const bytes = await read(begin, end);
    return transfer(bytes, [bytes.buffer as ArrayBuffer]);
  });
}

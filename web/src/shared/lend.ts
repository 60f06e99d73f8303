import { proxy, transfer } from 'comlink';
import type { PieceReader } from '../../../wasm/engine';

/**
 * How a worker may read a file in the page's hands, as on file:// pages those of WebKit cannot: what
 * it gets is its own.
 */
export function lend(read: PieceReader['read']): PieceReader['read'] {
  return proxy(async (begin: number, end: number) => {
    const bytes = await read(begin, end);
    return transfer(bytes, [bytes.buffer as ArrayBuffer]);
  });
}

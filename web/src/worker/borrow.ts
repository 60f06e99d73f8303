/** Files that are in the page's hands. */

import { transfer, wrap, type Endpoint, type Remote } from 'comlink';
import { EngineError, type PieceReader } from '../../../wasm/engine';
import { DamagedFile } from '../shared/outcome';
import type { PageApi } from '../shared/protocol';

/**
 * The page, by the way on which it asks this worker: what comes by a port of its own Firefox copies
 * through another process, at 20 to 30 MB a second, what comes by this one it hands over.
 */
const page = () => (known ??= wrap<PageApi>(globalThis as unknown as Endpoint));
let known: Remote<PageApi> | undefined;

/** A file that the page has lent. */
export interface Borrowed extends PieceReader {
  /** What the page knows it by. */
  loan: number;
}

/** Gives back what nobody can use any more. */
const returns = new FinalizationRegistry<number>((loan) => {
  void page().giveBack(loan);
});

/** What was lent to this worker; what it reads is its own. */
export function borrow(size: number, loan: number): Borrowed {
  const read = readerOf(loan);
  returns.register(read, loan);
  return { size, read, loan };
}

/** The same, of what another worker has borrowed. */
export function readerOf(loan: number): PieceReader['read'] {
  return (begin, end) => page().read(loan, begin, end).catch(unreadable);
}

/** Writes what is made of it. */
export function writerOf(
  loan: number,
): (bytes: Uint8Array<ArrayBuffer>) => Promise<void> {
  return (bytes) => page().write(loan, transfer(bytes, [bytes.buffer]));
}

function unreadable(error: unknown): never {
  throw new EngineError(
    'unreadable_file',
    DamagedFile.is(error)
      ? error.message
      : 'the model file cannot be read; it may have been moved or changed',
  );
}

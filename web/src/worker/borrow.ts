/** Files that are in the page's hands. */

import { transfer, wrap, type Endpoint, type Remote } from 'comlink';
import { EngineError, type PieceReader } from '../../../wasm/engine';
import { LostFile } from '../shared/outcome';
import type { PageApi } from '../shared/protocol';

/**
 * The page, by the way on which it asks this worker: what comes by a port of its own Firefox copies
 * through another process, at 20 to 30 MB a second, what comes by this one it hands over.
 */
const page = () => (known ??= wrap<PageApi>(globalThis as unknown as Endpoint));
let known: Remote<PageApi> | undefined;

/** A file that the page has lent; what is read of it is one's own. */
export interface Borrowed extends PieceReader {
  /** What the page knows it by. */
  loan: number;
  /** Writes what is made of it, as far as the page wants that. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** Gives back what nobody can use any more. */
const returns = new FinalizationRegistry<number>((loan) => {
  void page().giveBack(loan);
});

/** What was lent to this worker. */
export function borrow(size: number, loan: number): Borrowed {
  // As long as one can read or write.
  const held = { loan };
  returns.register(held, loan);
  return {
    size,
    loan,
    read: (begin, end) => readerOf(held.loan)(begin, end),
    write: (bytes) => page().write(held.loan, transfer(bytes, [bytes.buffer])),
  };
}

/** Reads what another worker has borrowed. */
export function readerOf(loan: number): PieceReader['read'] {
  return (begin, end) => page().read(loan, begin, end).catch(unreadable);
}

function unreadable(error: unknown): never {
  throw new EngineError(
    'unreadable_file',
    LostFile.is(error)
      ? error.message
      : 'the model file cannot be read; it may have been moved or changed',
  );
}

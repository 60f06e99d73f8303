/** Files that workers may use, though they are in the page's hands: those of WebKit cannot on file://. */

import { transfer } from 'comlink';
import type { PieceReader } from '../../../wasm/engine';
import type { PageApi } from '../shared/protocol';

interface Lent {
  read: PieceReader['read'];
  write?: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
}

const loans = new Map<number, Lent>();
let last = 0;

/** Lets workers read a file, and write what they make of it; by what they know it. */
export function lend(file: Lent): number {
  loans.set(++last, file);
  return last;
}

/** Nobody has any use for what was lent. */
export function forgetLoans(): void {
  loans.clear();
}

/** What the page does for each of its workers. */
export const pageApi: PageApi = {
  async read(loan, begin, end) {
    const bytes = await loans.get(loan)!.read(begin, end);
    return transfer(bytes, [bytes.buffer as ArrayBuffer]);
  },
  async write(loan, bytes) {
    await loans.get(loan)!.write!(bytes);
  },
  giveBack: (loan) => {
    loans.delete(loan);
  },
};

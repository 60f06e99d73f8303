/** A file that is still on its way: read in pieces that have come already, or will. */

import type { PieceReader } from '../../wasm/engine';
import { turn } from './member';

export class ArrivingFile implements PieceReader {
  private readonly bytes: Uint8Array<ArrayBuffer>;
  private come = 0;
  private wake: (() => void)[] = [];

  constructor(readonly size: number) {
    this.bytes = new Uint8Array(size);
  }

  /** Takes the next bytes of the file. */
  take(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.come);
    this.come += bytes.length;
    for (const wake of this.wake.splice(0)) wake();
  }

  async read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    await turn(); // others may want to read too, or have bytes to give
    while (this.come < end) {
      await new Promise<void>((resolve) => this.wake.push(resolve));
    }
    return this.bytes.slice(begin, end);
  }
}

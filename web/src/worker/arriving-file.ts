/** A file that is still on its way: read in pieces that have come already, or will. */

import type { PieceReader } from '../../../wasm/engine';
import { release } from '../../../wasm/pieces';
import { pause } from '../shared/pause';

export class ArrivingFile implements PieceReader {
  private bytes: Uint8Array<ArrayBuffer>;
  private isGone = false;
  private come = 0;
  private wake: (() => void)[] = [];

  /** @param again reads what has been given away */
  constructor(
    readonly size: number,
    private readonly again: PieceReader['read'],
  ) {
    this.bytes = new Uint8Array(size);
  }

  /** Takes the next bytes of the file. */
  take(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.come);
    this.come += bytes.length;
    release(bytes);
    for (const wake of this.wake.splice(0)) wake();
  }

  async read(begin: number, end: number): Promise<Uint8Array> {
    await pause(); // others may want to read too, or have bytes to give
    while (this.come < end) {
      await new Promise<void>((resolve) => this.wake.push(resolve));
    }
    return this.isGone ? this.again(begin, end) : this.bytes.slice(begin, end);
  }

  /** Gives the bytes away. */
  letGo(): Uint8Array<ArrayBuffer> {
    this.isGone = true;
    return this.bytes;
  }
}

/** A gzipped file that is still on its way: read in pieces that have come already, or will. */

import { EngineError, type PieceReader } from '../../../wasm/engine';
import { reasonOf } from '../shared/outcome';
import { pause } from '../shared/pause';
import type { Borrowed } from './borrow';

export class ArrivingFile implements PieceReader {
  private readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly packed: WritableStreamDefaultWriter<BufferSource>;
  private isGone = false;
  private come = 0;
  private failure: EngineError | undefined;
  private wake: (() => void)[] = [];

  /** @param lent the file, to be read once it has been given away */
  constructor(private readonly lent: Borrowed) {
    this.bytes = new Uint8Array(lent.size);
    const { readable, writable } = new DecompressionStream('gzip');
    this.packed = writable.getWriter();
    void this.unpack(readable.getReader());
  }

  /** Of the file, once it is unpacked. */
  get size(): number {
    return this.lent.size;
  }

  /** What others can borrow it by, once it has been given away. */
  get loan(): number | undefined {
    return this.isGone ? this.lent.loan : undefined;
  }

  /** Takes the next bytes of the gzipped file. */
  take(bytes: Uint8Array<ArrayBuffer>): void {
    this.packed.write(bytes).catch(() => {}); // whoever reads hears of it
  }

  async read(begin: number, end: number): Promise<Uint8Array> {
    await pause(); // others may want to read too, or have bytes to give
    while (this.come < end) {
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => this.wake.push(resolve));
    }
    return this.isGone
      ? this.lent.read(begin, end)
      : this.bytes.slice(begin, end);
  }

  /** Gives the bytes away. */
  letGo(): Uint8Array<ArrayBuffer> {
    this.isGone = true;
    return this.bytes;
  }

  private async unpack(
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<void> {
    try {
      while (this.come < this.size) {
        const { value } = await reader.read();
        this.bytes.set(value!, this.come);
        this.come += value!.length;
        this.wakeAll();
      }
    } catch (error) {
      this.failure = new EngineError(
        'corrupt_model',
        `the file of this page is damaged, its model cannot be unpacked (${reasonOf(error)}); fetch it again`,
      );
      this.wakeAll();
    }
  }

  private wakeAll(): void {
    for (const wake of this.wake.splice(0)) wake();
  }
}

/** Runs one member of the network: lets its engine step, and carries messages to and from it. */

import type { Engine, PieceReader } from '../../../wasm/engine';
import { piecesOf, release } from '../../../wasm/pieces';
import { Stopped } from '../shared/outcome';
import { pauseIfDue } from '../shared/pause';
import type { Parcel } from '../shared/protocol';
import type { Port } from './page-port';

/** A member keeps as many bytes of buffers at most that it has no use for at present. */
const MOST_SPARE_BYTES = 8 << 20;

/**
 * Buffers that messages came in, for those of the same size that go out: browsers are slow to give
 * memory that has not been used before.
 */
class SpareBuffers {
  private readonly bySize = new Map<number, ArrayBuffer[]>();
  private bytes = 0;

  take(size: number): ArrayBuffer {
    const buffer = this.bySize.get(size)?.pop();
    if (!buffer) return new ArrayBuffer(size);
    this.bytes -= size;
    return buffer;
  }

  put(buffer: ArrayBuffer): void {
    const { byteLength: size } = buffer;
    if (this.bytes + size > MOST_SPARE_BYTES) return;
    this.bytes += size;
    const buffers = this.bySize.get(size);
    if (buffers) buffers.push(buffer);
    else this.bySize.set(size, [buffer]);
  }
}

/**
 * An engine with the ports to the other members. Runs are numbered upwards, the same at all
 * members; a message of a run that has not begun here waits for it, one of a run that is over is
 * dropped.
 */
export class Member {
  private run = 0;
  private isRunning = false;
  private early: { from: number; parcel: Parcel }[] = [];
  private failure: unknown;
  private wake = () => {};
  private readonly spare = new SpareBuffers();

  /**
   * @param ports to the others by their number; there is none at this member's own
   * @param file the model's, if the engine has left some of it there
   */
  constructor(
    private readonly engine: Engine,
    private readonly ports: readonly (Port | null)[],
    private readonly file?: PieceReader,
  ) {
    ports.forEach((port, from) => {
      if (!port) return;
      port.onmessage = ({ data }) => this.take(from, data);
    });
  }

  /**
   * Lets each of `begins` begin something that all members do together, when the engine is done with
   * what was begun before, and settles when it is done with the last. In between other messages to
   * this worker have their turn.
   */
  async together(run: number, ...begins: (() => void)[]): Promise<void> {
    if (run <= this.run) throw new Stopped(); // stopped before it began
    this.run = run;
    this.failure = undefined;
    try {
      for (const begin of begins) {
        begin();
        await this.untilDone();
      }
    } finally {
      this.isRunning = false;
    }
  }

  private async untilDone(): Promise<void> {
    this.send();
    this.isRunning = true;
    const early = this.early;
    this.early = [];
    for (const { from, parcel } of early) this.take(from, parcel);
    for (;;) {
      if (this.failure) throw this.failure;
      const progress = this.engine.progress();
      if (progress === 'done') return;
      if (progress === 'ready') {
        this.engine.step();
        this.send();
        await pauseIfDue();
      } else if (progress === 'reading') {
        await this.readRows();
      } else {
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    }
  }

  /**
   * Reads the rows that the engine lacks, and lets it use them piece by piece. Browsers take some
   * milliseconds for a piece, so they are large; and none is read ahead, for the memory.
   */
  private async readRows(): Promise<void> {
    for (const { begin, end } of piecesOf(this.engine.unread())) {
      const bytes = await this.file!.read(begin, end);
      if (this.failure) return;
      this.engine.read(bytes);
      release(bytes);
      this.engine.step();
      await pauseIfDue();
    }
  }

  /** Ends the run of this number, or any, with `Stopped`; it will not begin either. */
  stop(run = this.run): void {
    if (run < this.run) return;
    this.run = run;
    this.fail(new Stopped());
  }

  close(): void {
    this.stop();
    for (const port of this.ports) port?.close();
  }

  private take(from: number, parcel: Parcel): void {
    if (parcel.run > this.run) {
      this.early.push({ from, parcel });
    } else if (parcel.run === this.run && this.isRunning) {
      try {
        this.engine.receive(from, parcel.values);
        this.spare.put(parcel.values.buffer);
      } catch (error) {
        this.fail(error);
      }
      this.wake();
    }
  }

  private send(): void {
    const messages = this.engine.takeMessages((size) => this.spare.take(size));
    for (const { member, values } of messages) {
      const parcel: Parcel = { run: this.run, values };
      this.ports[member]!.postMessage(parcel, [values.buffer]);
    }
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    this.wake();
  }
}

/** A worker of which the page knows when it has gone. */

import { expose, wrap, type Remote } from 'comlink';
import script from 'virtual:worker';
import { Breakable } from '../shared/breakable';
import { pageApi } from './loans';
import { endOfLifeline } from '../shared/lifeline';
import type { Passed, WorkerApi } from '../shared/protocol';

/** Never revoked: WebKit gives workers of a URL that is gone no locks. */
const url = URL.createObjectURL(
  new Blob([script], { type: 'text/javascript' }),
);

/** A worker went while it was asked, or before. */
export class WorkerGone extends Error {}

export class WatchedWorker {
  readonly api: Remote<WorkerApi>;
  /** Whether it can be asked no more. */
  isGone = false;
  private readonly worker = new Worker(url);
  private readonly life = new Breakable();

  /**
   * @param number what other workers know it by
   * @param onGone is told why, unless it was `dismiss`
   */
  constructor(
    private readonly number: number,
    private onGone: (reason: string) => void = () => {},
  ) {
    this.api = wrap<WorkerApi>(this.worker);
    expose(pageApi, this.worker);
    this.worker.onerror = ({ message }) =>
      this.lose(message || 'it broke down');
    void this.watch();
  }

  /** Settles as the request does, or rejects with `WorkerGone`. One request at a time. */
  ask<T>(request: (api: Remote<WorkerApi>) => Promise<T>): Promise<T> {
    return this.life.wait(() => request(this.api));
  }

  /** Lets it reach other workers by way of the page. */
  passOn(workerOf: (number: number) => WatchedWorker | undefined): void {
    this.worker.addEventListener(
      'message',
      ({ data }: MessageEvent<Passed | { parcel?: never }>) => {
        if (!data.parcel) return; // of comlink
        const { peer, parcel } = data;
        const passed: Passed = { peer: this.number, parcel };
        workerOf(peer)?.worker.postMessage(passed, [parcel.values.buffer]);
      },
    );
  }

  /** Ends it; whoever asks it for something hears of that. */
  dismiss(): void {
    this.onGone = () => {};
    this.worker.terminate();
    this.end('it was dismissed');
  }

  private async watch(): Promise<void> {
    const lifeline = await this.api.lifeline();
    if (lifeline === undefined) return;
    await endOfLifeline(lifeline);
    this.lose('the browser ended it');
  }

  /** It is of no more use. */
  lose(reason: string): void {
    this.end(reason);
    this.onGone(reason);
  }

  private end(reason: string): void {
    this.isGone = true;
    this.life.break(new WorkerGone(reason));
  }
}

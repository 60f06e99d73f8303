/**
 * The way from one worker to another through the page, in the place of a MessagePort. What Firefox
 * sends by ports between workers it copies through another process, at 50 to 100 MB a second; what
 * goes to the page and from there it hands over.
 */

import type { Parcel, Passed } from '../shared/protocol';

/** What a member needs of either. */
export type Port = Pick<MessagePort, 'close'> & {
  onmessage: ((event: MessageEvent<Parcel>) => void) | null;
  postMessage(parcel: Parcel, transfer: Transferable[]): void;
};

/** By the number of the worker to which it leads. */
const open = new Map<number, PagePort>();

/** Both ends must be there before anything is sent. */
export class PagePort implements Port {
  onmessage: Port['onmessage'] = null;

  /** @param peer what the page knows the other worker by, see `passOn` */
  constructor(private readonly peer: number) {
    if (open.size === 0) addEventListener('message', receive);
    open.set(peer, this);
  }

  postMessage(parcel: Parcel, transfer: Transferable[]): void {
    const passed: Passed = { peer: this.peer, parcel };
    postMessage(passed, { transfer });
  }

  close(): void {
    if (open.get(this.peer) === this) open.delete(this.peer);
    if (open.size === 0) removeEventListener('message', receive);
  }
}

function receive({ data }: MessageEvent<Passed | { parcel?: never }>): void {
  if (!data.parcel) return; // of comlink
  const event = new MessageEvent('message', { data: data.parcel });
  open.get(data.peer)?.onmessage?.(event);
}

/** The workers: how they are started, and how the page goes on without those that stop. */

import { signal } from '@preact/signals';
import { proxy, transfer } from 'comlink';
import { reasonOf } from '../shared/outcome';
import { FIRST } from '../shared/protocol';
import { forgetLoans } from './loans';
import { WatchedWorker } from './watched-worker';

/** How many workers divide the network among them, and why others do so no more. */
export const workers = signal<{ count: number; lost: string[] }>({
  count: 1,
  lost: [],
});

/** The worker that the page asks. */
export let first: WatchedWorker;
/** Those that help it. */
export let helpers: readonly WatchedWorker[] = [];

/** Starts so many workers in the place of those before; they have no model yet. */
export async function hire(
  count: number,
  module: Promise<WebAssembly.Module>,
  lowMemory: boolean,
): Promise<void> {
  first?.dismiss();
  forgetLoans();
  first = new WatchedWorker(FIRST);
  first.passOn(workerOf);
  const ports = hireHelpers(count, module);
  const compiled = await module.catch(() => undefined); // others say so
  if (!compiled) return;
  const started = first.api.start(
    compiled,
    transfer(ports, ports),
    lowMemory,
    proxy(dismiss),
  );
  started.catch(() => {}); // whoever asks for more will hear of it
}

/** Starts helpers for the first worker in the place of those before; gives the ports to them. */
export function hireHelpers(
  count: number,
  module: Promise<WebAssembly.Module>,
): MessagePort[] {
  for (const helper of helpers) helper.dismiss();
  helpers = Array.from(
    { length: count - 1 },
    (_, index) =>
      new WatchedWorker(index, (reason) => {
        const told = first.api.lost(index, reason);
        told.catch(() => {}); // then there is no team to tell
      }),
  );
  for (const helper of helpers) helper.passOn(workerOf);
  workers.value = { count, lost: [] };
  return helpers.map((helper) => {
    const { port1, port2 } = new MessageChannel();
    void serve(helper, port1, module);
    return port2;
  });
}

function workerOf(number: number): WatchedWorker | undefined {
  return number === FIRST ? first : helpers[number];
}

async function serve(
  helper: WatchedWorker,
  port: MessagePort,
  module: Promise<WebAssembly.Module>,
): Promise<void> {
  const compiled = await module.catch(() => undefined); // others say so
  if (!compiled) return;
  try {
    await helper.api.serve(compiled, transfer(port, [port]));
  } catch (error) {
    // It lives on, but nobody listens at the other end of the port.
    helper.lose(reasonOf(error));
  }
}

/** A helper is of no more use; the others do its part. */
function dismiss(index: number, reason: string): void {
  helpers[index]?.dismiss();
  const { count, lost } = workers.value;
  workers.value = { count: count - 1, lost: [...lost, reason] };
}

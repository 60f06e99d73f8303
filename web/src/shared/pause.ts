/** Waiting for a thread's other events: not by timers, which pages that are hidden have one a second. */

/** For so many milliseconds, or one layer, a thread hears of nothing else. */
const MOST_WAITING = 16;

const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();
let lastPause = 0;

/** Lets other events of this thread have their turn. */
export async function pause(): Promise<void> {
  await new Promise<void>((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });
  lastPause = performance.now();
}

/** The same, if they may have waited for long; in WebKit it takes up to 2 ms. */
export async function pauseIfDue(): Promise<void> {
  if (performance.now() >= lastPause + MOST_WAITING) await pause();
}

/**
 * How a page learns that a worker has gone, of which browsers say nothing: what the worker has
 * locked is free again.
 */

/**
 * In a worker: locks a name for good, and tells it; nothing where the browser has no locks, as in
 * pages that come by http.
 */
export function holdLifeline(): Promise<string | undefined> {
  const { locks } = navigator as Partial<Navigator>;
  if (!locks) return Promise.resolve(undefined);
  const name = crypto.randomUUID();
  return new Promise((resolve) => {
    const held = () => {
      resolve(name);
      return new Promise<never>(() => {});
    };
    locks.request(name, held).catch(() => resolve(undefined));
  });
}

/** In the page: settles once the worker has gone that told this name. */
export async function endOfLifeline(name: string): Promise<void> {
  await navigator.locks.request(name, () => {});
}

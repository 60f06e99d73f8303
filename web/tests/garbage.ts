/** What finalizers do wrong shows in each run, not only where garbage happens to be collected. */

import { afterAll } from 'vitest';

afterAll(async () => {
  (globalThis as unknown as { gc(): void }).gc();
  // Finalizers run in turns of their own, and what they ask of others fails later still.
  await new Promise((resolve) => setTimeout(resolve, 50));
});

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { notices } from './build/notices';
import { payload } from './build/payload';
import { singleFile } from './build/single-file';
import { workerScript } from './build/worker';

const root = fileURLToPath(new URL('..', import.meta.url));
// The oldest with DecompressionStream, OffscreenCanvas, and :has(), @container and color-mix() in CSS.
const target = ['chrome111', 'firefox121', 'safari16.4'];

export default defineConfig({
  plugins: [
    notices(root),
    workerScript(root, target),
    payload(root),
    singleFile(),
  ],
  test: {
    // By default a core is left to nobody.
    maxWorkers: '100%',
    // Loading the model takes its time where others want the processor too.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    setupFiles: ['tests/garbage.ts'],
    poolOptions: { forks: { execArgv: ['--expose-gc'] } },
  },
  build: {
    outDir: `${root}/dist`,
    emptyOutDir: true,
    target,
    assetsInlineLimit: Infinity,
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: false,
    rollupOptions: {
      output: { format: 'iife', inlineDynamicImports: true },
      // Vite would keep it to itself.
      onLog(level, log, handle) {
        if (log.code === 'CIRCULAR_DEPENDENCY') throw new Error(log.message);
        handle(level, log);
      },
    },
  },
});

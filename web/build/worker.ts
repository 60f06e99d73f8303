import { join } from 'node:path';
import type { RollupOutput } from 'rollup';
import { build, type BuildOptions, type Plugin } from 'vite';

const MODULE = 'virtual:worker';

/**
 * The module `virtual:worker`: the script of the workers, as text. Vite's own way of putting it into
 * the page revokes its URL at once, and WebKit then takes the worker for a stranger's.
 */
export function workerScript(
  root: string,
  target: BuildOptions['target'],
): Plugin {
  return {
    name: 'gradcam:worker',
    resolveId: (id) => (id === MODULE ? `\0${MODULE}` : undefined),
    async load(id) {
      if (id !== `\0${MODULE}`) return undefined;
      const built = await build({
        configFile: false,
        logLevel: 'warn',
        build: {
          target,
          write: false,
          rollupOptions: {
            input: join(root, 'web/src/worker/worker.ts'),
            output: { format: 'iife' },
          },
        },
      });
      const [{ output }] = [built].flat() as [RollupOutput];
      const [{ code, moduleIds }] = output;
      moduleIds.forEach((file) => this.addWatchFile(file));
      return `export default ${JSON.stringify(code)};`;
    },
  };
}

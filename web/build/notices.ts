import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

const MODULE = 'virtual:notices';
const PACKAGES = [
  'preact',
  '@preact/signals',
  '@preact/signals-core',
  'comlink',
  'fflate',
  'idb',
  'wasm-feature-detect',
];

/**
 * The module `virtual:notices`: the licence texts that must go with the page, as one string. Those
 * of the npm packages are read from the packages, so that they are always the right version's.
 */
export function notices(root: string): Plugin {
  return {
    name: 'gradcam:notices',
    resolveId: (id) => (id === MODULE ? `\0${MODULE}` : undefined),
    load: (id) =>
      id === `\0${MODULE}`
        ? `export default ${JSON.stringify(text(join(root, 'web')))};`
        : undefined,
    moduleParsed({ id }) {
      const [, name] =
        /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id) ?? [];
      if (name && !PACKAGES.includes(name)) {
        this.error(
          `the licence of ${name} must go with the page: it is not in PACKAGES`,
        );
      }
    },
  };
}

function text(web: string): string {
  const names = new Map<string, string[]>();
  for (const name of PACKAGES) {
    const folder = join(web, 'node_modules', name);
    const read = (file: string) => readFileSync(join(folder, file), 'utf8');
    const license = read('LICENSE').trim();
    const title = `${name} ${JSON.parse(read('package.json')).version}`;
    names.set(license, [...(names.get(license) ?? []), title]);
  }
  return [
    readFileSync(join(web, 'notices.txt'), 'utf8').trim(),
    ...[...names].map(([license, list]) => `${list.join(', ')}\n\n${license}`),
  ].join('\n\n\n');
}

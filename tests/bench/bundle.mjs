import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const packages = join(here, 'node_modules');
const project = join(here, '../..');

/** What the pages load besides their script: path there, file here. */
const runtimes = {
  'page.html': join(here, 'page.html'),
  'gradcam-simd.wasm': join(project, 'build/wasm-simd/wasm/gradcam.wasm'),
  'gradcam-relaxed.wasm': join(project, 'build/wasm-relaxed/wasm/gradcam.wasm'),
};
for (const file of ['ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm']) {
  runtimes[`ort/${file}`] = join(packages, 'onnxruntime-web/dist', file);
}
for (const file of ['tfjs-backend-wasm-simd.wasm', 'tfjs-backend-wasm.wasm']) {
  runtimes[`tfjs/${file}`] = join(packages, '@tensorflow/tfjs-backend-wasm/dist', file);
}

/** Makes the folder from which the pages of the browser's contenders are served. */
export async function bundle(folder) {
  for (const [path, file] of Object.entries(runtimes)) {
    const target = join(folder, path);
    mkdirSync(join(target, '..'), { recursive: true });
    copyFileSync(file, target);
  }
  await build({
    entryPoints: ['gradcam', 'onnxruntime-web', 'tfjs'].map((name) =>
      join(here, 'contenders', `${name}.ts`),
    ),
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'error',
  });
}

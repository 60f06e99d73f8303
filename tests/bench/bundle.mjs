import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const packages = join(here, 'node_modules');
const project = join(here, '../..');
const ort = join(packages, 'onnxruntime-web/dist/ort-wasm-simd-threaded');

/** What the pages load besides their script: path there, file here. */
const runtimes = {
  'page.html': join(here, 'page.html'),
  'gradcam-simd.wasm': join(project, 'build/wasm-simd/wasm/gradcam.wasm'),
  'gradcam-relaxed.wasm': join(project, 'build/wasm-relaxed/wasm/gradcam.wasm'),
  'ort/ort-wasm-simd-threaded.mjs': `${ort}.mjs`,
  'ort/ort-wasm-simd-threaded.wasm': `${ort}.wasm`,
};
for (const file of ['tfjs-backend-wasm-simd.wasm', 'tfjs-backend-wasm.wasm']) {
  runtimes[`tfjs/${file}`] = join(
    packages,
    '@tensorflow/tfjs-backend-wasm/dist',
    file,
  );
}

const options = {
  bundle: true,
  minify: true,
  target: 'es2022',
  logLevel: 'error',
};
const script = (name) => join(here, 'contenders', `${name}.ts`);

/** Makes the folder from which the pages of the browser's contenders are served. */
export async function bundle(folder) {
  for (const [path, file] of Object.entries(runtimes)) {
    const target = join(folder, path);
    mkdirSync(join(target, '..'), { recursive: true });
    copyFileSync(file, target);
  }
  await build({
    ...options,
    entryPoints: ['gradcam', 'onnxruntime-web', 'tfjs'].map(script),
    outdir: folder,
    format: 'esm',
  });
  await writeFilePage(join(folder, 'onnxruntime-web-file.html'));
}

/** A page for file:// with all of onnxruntime-web inside. */
async function writeFilePage(path) {
  const { outputFiles } = await build({
    ...options,
    entryPoints: [script('onnxruntime-web-file')],
    format: 'iife',
    write: false,
    define: { 'import.meta.url': 'location.href' },
  });
  const inert = (id, file) =>
    `<script type="text/plain" id="${id}">${readFileSync(file).toString('base64')}</script>`;
  const code = outputFiles[0].text.replaceAll('</script', '<\\/script');
  writeFileSync(
    path,
    `<!doctype html><meta charset="utf-8"><input type="file" multiple>
${inert('loader', `${ort}.mjs`)}
${inert('wasm', `${ort}.wasm`)}
<script>${code}</script>
`,
  );
}

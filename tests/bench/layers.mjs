import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

// Name, folder, what node is told, and which native peak is that of vectors of the same length.
const builds = [
  ['native', 'native', [], 'widest'],
  [
    'wasm, relaxed SIMD',
    'wasm-relaxed',
    ['--experimental-wasm-relaxed-simd'],
    'vectors_of_4',
  ],
  ['wasm, simd128', 'wasm-simd', [], 'vectors_of_4'],
  ['wasm, no SIMD', 'wasm-scalar', ['--no-enable-sse4-1']],
];

/**
 * Every convolution of VGG16 on one thread, natively and, under node, as wasm.
 * @returns {Promise<{ build: string, peak_operations_per_second: number | undefined, layers: {
 *   layer: string, operations: number, milliseconds: Record<string, number> }[] }[]>}
 */
export async function layerTimes(project, runs) {
  const found = [];
  let peaks;
  for (const [build, folder, flags, vectors] of builds) {
    const program = join(project, 'build', folder, 'tests/layers');
    const command =
      folder === 'native' ? [program] : [process.execPath, ...flags, program];
    const [file, ...args] = [...command, String(runs)];
    const { stdout } = await promisify(execFile)(file, args);
    const [first, ...layers] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    peaks ??= first.peak_operations_per_second ?? {};
    found.push({ build, peak_operations_per_second: peaks[vectors], layers });
  }
  return found;
}

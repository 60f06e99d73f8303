import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const builds = [
  ['native', 'native', []],
  ['wasm, relaxed SIMD', 'wasm-relaxed', ['--experimental-wasm-relaxed-simd']],
  ['wasm, simd128', 'wasm-simd', []],
];

/**
 * Every convolution of VGG16 on one thread, natively and, under node, as wasm.
 * @returns {Promise<{ build: string, peak_operations_per_second: number, layers: { layer: string,
 *   operations: number, milliseconds: Record<string, number> }[] }[]>}
 */
export async function layerTimes(project, runs) {
  const found = [];
  for (const [build, folder, flags] of builds) {
    const program = join(project, 'build', folder, 'tests/layers');
    const command = folder === 'native' ? [program] : [process.execPath, ...flags, program];
    const [file, ...args] = [...command, String(runs)];
    const { stdout } = await promisify(execFile)(file, args);
    const [peak, ...layers] = stdout.trim().split('\n').map((line) => JSON.parse(line));
    found.push({ build, ...peak, layers });
  }
  return found;
}

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const builds = [
  ['native', 'native', []],
  ['wasm, relaxed SIMD', 'wasm-relaxed', ['--experimental-wasm-relaxed-simd']],
  ['wasm, simd128', 'wasm-simd', []],
];

/**
 * Every convolution of VGG16 on one thread, natively and, under node, as wasm. The peak is that of
 * native code: with vectors of the same length as the build's.
 * @returns {Promise<{ build: string, peak_operations_per_second: number | undefined, layers: {
 *   layer: string, operations: number, milliseconds: Record<string, number> }[] }[]>}
 */
export async function layerTimes(project, runs) {
  const found = [];
  let peaks;
  for (const [build, folder, flags] of builds) {
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
    const peak = folder === 'native' ? peaks.widest : peaks.vectors_of_4;
    found.push({ build, peak_operations_per_second: peak, layers });
  }
  return found;
}

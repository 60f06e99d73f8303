/**
 * The little of WASI that the C library inside the engine asks for. The engine itself reads no
 * files, no environment and writes nothing; only its clock is real.
 */

const SUCCESS = 0;
const BAD_DESCRIPTOR = 8;
const NANOSECONDS = 1_000_000;

/** @param memory gives the instance's memory once it exists. */
export function wasiImports(
  memory: () => WebAssembly.Memory,
): WebAssembly.Imports {
  const view = () => new DataView(memory().buffer);
  const badDescriptor = () => BAD_DESCRIPTOR;
  return {
    wasi_snapshot_preview1: {
      clock_time_get(_id: number, _precision: bigint, result: number): number {
        const now = BigInt(Math.round(performance.now() * NANOSECONDS));
        view().setBigUint64(result, now, true);
        return SUCCESS;
      },
      environ_get: () => SUCCESS,
      environ_sizes_get(count: number, bytes: number): number {
        view().setUint32(count, 0, true);
        view().setUint32(bytes, 0, true);
        return SUCCESS;
      },
      fd_close: badDescriptor,
      fd_read: badDescriptor,
      fd_seek: badDescriptor,
      fd_write: badDescriptor,
      proc_exit(code: number): never {
        throw new WebAssembly.RuntimeError(`The engine ended (${code}).`);
      },
    },
    // Memory that grows needs no word to us: views are made anew after every call.
    env: { emscripten_notify_memory_growth: () => {} },
  };
}

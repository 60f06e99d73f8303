/** Texts, bytes and errors on their way over the boundary of gradcam_wasm.h. */

import type { Exports } from './exports';

/** What the engine refuses to do: a code for programs, a sentence for people. */
export class EngineError extends Error {
  /** @param code `corrupt_image`, `unsupported_format`, `corrupt_model`, ... as the engine has it. */
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'EngineError';
  }
}

/** A pointer or size as WebAssembly returns it: from 2 GiB on it looks negative to JavaScript. */
export function unsigned(value: number): number {
  return value >>> 0;
}

export class Bridge {
  /** @param handle the engine that is called */
  constructor(
    private readonly wasm: Exports,
    private readonly handle: number,
  ) {}

  /** Lends `use` a text, and its length in bytes. */
  withText<T>(text: string, use: (pointer: number, bytes: number) => T): T {
    const bytes = new TextEncoder().encode(text);
    return this.withBytes(bytes, (pointer) => use(pointer, bytes.length));
  }

  /** Lends `use` a copy of the bytes in the engine's memory. */
  withBytes<T>(
    bytes: Uint8Array | Uint8ClampedArray,
    use: (pointer: number) => T,
  ): T {
    const pointer = unsigned(
      this.wasm.gradcam_alloc(Math.max(bytes.length, 1)),
    );
    if (!pointer) throw outOfMemory(`${bytes.length} bytes of input`);
    new Uint8Array(this.wasm.memory.buffer).set(bytes, pointer);
    try {
      const result = use(pointer);
      this.wasm.gradcam_free(pointer);
      return result;
    } catch (error) {
      // After a trap, unlike after a refusal, the memory must not be touched any more.
      if (error instanceof EngineError) this.wasm.gradcam_free(pointer);
      throw error;
    }
  }

  /** The message of the call that returned `status`, or the error it tells of. */
  call<T>(status: number): T {
    const pointer = unsigned(this.wasm.gradcam_message(this.handle));
    const count = this.wasm.gradcam_message_bytes(this.handle);
    const text = new TextDecoder().decode(
      new Uint8Array(this.wasm.memory.buffer, pointer, count),
    );
    const message = JSON.parse(text || '{}');
    if (status !== 0) throw new EngineError(message.code, message.message);
    return message as T;
  }

  /** A copy of the bulk result of the last call. */
  data(): Uint8Array<ArrayBuffer> {
    return this.dataInPlace().slice();
  }

  /** The bulk result of the last call, until the next one. */
  dataInPlace(): Uint8Array<ArrayBuffer> {
    const pointer = unsigned(this.wasm.gradcam_data(this.handle));
    const count = unsigned(this.wasm.gradcam_data_bytes(this.handle));
    const memory = this.wasm.memory.buffer as ArrayBuffer;
    return new Uint8Array(memory, pointer, count);
  }
}

export function outOfMemory(what: string): EngineError {
  return new EngineError(
    'out_of_memory',
    `there is not enough memory for ${what}`,
  );
}

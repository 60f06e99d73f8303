/** Texts, bytes and errors on their way over the boundary of gradcam_wasm.h. */

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

/** The functions of gradcam_wasm.h, by name. */
type Exports = Record<string, ((...numbers: number[]) => number) | undefined>;

/**
 * What a function takes. Texts (in UTF-8) and bytes go as a pointer and a length; other arrays as a
 * pointer alone, as the function is told their size in another way.
 */
type Argument =
  number | string | Uint8Array | Uint8ClampedArray | Float32Array | Int32Array;

/** A pointer or size as WebAssembly returns it: from 2 GiB on it looks negative to JavaScript. */
export function unsigned(value: number): number {
  return value >>> 0;
}

/** An engine in a memory of its own, and its functions. */
export class Bridge {
  readonly memory: WebAssembly.Memory;
  private readonly exports: Exports;
  private readonly engine: number;

  constructor({ exports }: WebAssembly.Instance) {
    this.memory = exports.memory as WebAssembly.Memory;
    this.exports = exports as Exports;
    this.exports._initialize?.();
    this.engine = this.invoke('gradcam_create');
    if (!this.engine) throw outOfMemory('an engine');
  }

  /** Calls a function that tells whether it succeeds; what it has to say of that, or its error. */
  call<T>(name: string, ...args: readonly Argument[]): T {
    const lent: number[] = [];
    const free = () => {
      for (const pointer of lent) this.invoke('gradcam_free', pointer);
    };
    try {
      const numbers = args.flatMap((arg) => {
        if (typeof arg === 'number') return arg;
        const bytes = bytesOf(arg);
        const pointer = this.copyOf(bytes);
        lent.push(pointer);
        const hasLength = typeof arg === 'string' || arg instanceof Uint8Array;
        return hasLength ? [pointer, bytes.length] : pointer;
      });
      const answer = this.answer<T>(this.ask(name, ...numbers));
      free();
      return answer;
    } catch (error) {
      // After a trap, unlike after a refusal, the memory must not be touched any more.
      if (error instanceof EngineError) free();
      throw error;
    }
  }

  /** Calls any other function of the engine. */
  ask(name: string, ...numbers: readonly number[]): number {
    return this.invoke(name, this.engine, ...numbers);
  }

  /** Calls a function of no engine in particular. */
  invoke(name: string, ...numbers: readonly number[]): number {
    const function_ = this.exports[name];
    if (function_?.length !== numbers.length) {
      throw new TypeError(`there is no ${name} of ${numbers.length} numbers`);
    }
    return function_(...numbers);
  }

  /** The message of the call that returned `status`, or the error it tells of. */
  answer<T>(status: number): T {
    const pointer = unsigned(this.ask('gradcam_message'));
    const count = this.ask('gradcam_message_bytes');
    const bytes = new Uint8Array(this.memory.buffer, pointer, count);
    const message = JSON.parse(new TextDecoder().decode(bytes) || '{}');
    if (status !== 0) throw new EngineError(message.code, message.message);
    return message as T;
  }

  /** A copy of the bulk result of the last call. */
  data(): Uint8Array<ArrayBuffer> {
    return this.dataInPlace().slice();
  }

  /** The bulk result of the last call, until the next one. */
  dataInPlace(): Uint8Array<ArrayBuffer> {
    const pointer = unsigned(this.ask('gradcam_data'));
    const count = unsigned(this.ask('gradcam_data_bytes'));
    return new Uint8Array(this.memory.buffer as ArrayBuffer, pointer, count);
  }

  /** Where in the engine's memory a copy of the bytes is, to be freed. */
  private copyOf(bytes: Uint8Array): number {
    const room = Math.max(bytes.length, 1);
    const pointer = unsigned(this.invoke('gradcam_alloc', room));
    if (!pointer) throw outOfMemory(`${bytes.length} bytes of input`);
    new Uint8Array(this.memory.buffer).set(bytes, pointer);
    return pointer;
  }
}

function bytesOf(arg: Exclude<Argument, number>): Uint8Array {
  return typeof arg === 'string'
    ? new TextEncoder().encode(arg)
    : new Uint8Array(arg.buffer, arg.byteOffset, arg.byteLength);
}

export function outOfMemory(what: string): EngineError {
  return new EngineError(
    'out_of_memory',
    `there is not enough memory for ${what}`,
  );
}

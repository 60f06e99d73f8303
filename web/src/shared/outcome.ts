import { EngineError } from '../../../wasm/engine';
import type { Outcome } from './protocol';

/** What was under way is no longer wanted. */
export class Stopped extends Error {}

/** What was kept in this browser is so no more; known by its name, which threads tell each other. */
export class LostFile extends Error {
  override name = 'LostFile';
  static is(error: unknown): error is Error {
    return Object(error).name === 'LostFile';
  }
}

export function damaged(of: 'model' | 'head' = 'model'): LostFile {
  const again =
    of === 'model' ? 'choose its file' : 'teach it, or choose its file,';
  return new LostFile(
    `what this browser kept of it is damaged, and no longer kept; ${again} again`,
  );
}

export const NOT_KEPT =
  'it is not kept any more; it was forgotten or replaced in another tab or window';

/** The outcome of what is not done. */
export const refusal = (code: string, message: string) =>
  ({ ok: false, failure: { code, message } }) as const;

/** The outcome of what was stopped. */
export const UNWANTED = refusal('stopped', 'it is no longer wanted');

export function wasStopped(outcome: Outcome<unknown>): boolean {
  return !outcome.ok && outcome.failure.code === UNWANTED.failure.code;
}

/**
 * Turns what is thrown into a value.
 * @param afterCrash is asked for the message where it is no error of the engine's own making
 */
export async function outcomeOf<T>(
  task: () => Promise<T>,
  afterCrash: (cause: unknown) => Promise<string> = async (cause) =>
    reasonOf(cause),
): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await task() };
  } catch (error) {
    if (error instanceof EngineError) {
      return refusal(error.code, error.message);
    }
    if (error instanceof Stopped) return UNWANTED;
    const message = await afterCrash(error);
    return refusal('internal', message);
  }
}

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

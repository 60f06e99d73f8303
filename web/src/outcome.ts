import { EngineError } from '../../wasm/engine';
import type { Outcome } from './protocol';

/** What was under way is no longer wanted. */
export class Stopped extends Error {}

/** The code of that. */
export const STOPPED = 'stopped';

/**
 * Turns what is thrown into a value.
 * @param afterCrash is asked for the message where it is no error of the engine's own making
 */
export async function outcome<T>(
  task: () => Promise<T>,
  afterCrash: (cause: unknown) => Promise<string> = async (cause) =>
    reasonOf(cause),
): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await task() };
  } catch (error) {
    if (error instanceof EngineError) {
      const { code, message } = error;
      return { ok: false, failure: { code, message } };
    }
    if (error instanceof Stopped) {
      const message = 'it is no longer wanted';
      return { ok: false, failure: { code: STOPPED, message } };
    }
    const message = await afterCrash(error);
    return { ok: false, failure: { code: 'internal', message } };
  }
}

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

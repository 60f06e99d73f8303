import { EngineError } from '../../wasm/engine';
import type { Failure, Outcome } from './protocol';

/** What was under way is no longer wanted. */
export class Stopped extends Error {}

const STOPPED: Failure = {
  code: 'stopped',
  message: 'it is no longer wanted',
};

/** The outcome of that. */
export const UNWANTED = { ok: false, failure: STOPPED } as const;

export function wasStopped(outcome: Outcome<unknown>): boolean {
  return !outcome.ok && outcome.failure.code === STOPPED.code;
}

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
    if (error instanceof Stopped) return UNWANTED;
    const message = await afterCrash(error);
    return { ok: false, failure: { code: 'internal', message } };
  }
}

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

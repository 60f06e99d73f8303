import { useEffect } from 'preact/hooks';
import type { Errand } from '../photos/errand';

/**
 * Runs an errand as long as its answer is wanted and lacking: again, if something else has ended it.
 * One that failed, or that someone has stopped, is left to them.
 * @param about what it is asked about: of something else there will be another answer
 * @param ask begins it, unless the answer is there by now
 */
export function useWanted(
  errand: Errand,
  isWanted: boolean,
  about: unknown,
  ask: () => void,
): void {
  const isIdle = errand.state.value === 'idle';
  useEffect(() => () => errand.reset(), [errand, isWanted, about]);
  useEffect(() => {
    if (isWanted && isIdle) ask();
  }, [errand, isWanted, about, isIdle]);
}

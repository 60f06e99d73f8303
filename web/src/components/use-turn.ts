/** Cards that come in their hundreds are filled a few at a time, so that the page does not freeze. */

import { signal, type Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';

/** As many are filled at once: more than a screen has room for. */
const AT_ONCE = 24;
/** And then so many more at a time. */
const AT_A_TIME = 4;

/** Those that are not filled yet, the first one first. */
const waiting = new Set<Signal<boolean>>();
let left = AT_ONCE;
let isUnderWay = false;

/** Whether this one has had its turn, which comes by itself. */
export function takeTurn(): Signal<boolean> {
  const turn = signal(left > 0);
  if (left > 0) left--;
  else waiting.add(turn);
  goOn();
  return turn;
}

/** It does not wait any longer. */
export function leaveTurn(turn: Signal<boolean>): void {
  waiting.delete(turn);
}

function goOn(): void {
  if (isUnderWay) return;
  isUnderWay = true;
  setTimeout(() => {
    isUnderWay = false;
    for (const turn of [...waiting].slice(0, AT_A_TIME)) {
      waiting.delete(turn);
      turn.value = true;
    }
    left = waiting.size > 0 ? 0 : AT_ONCE;
    if (waiting.size > 0) goOn();
  });
}

/**
 * Whether it is the turn of what uses it.
 * @param isUrgent whether it is, all the same; from then on
 */
export function useTurn(isUrgent: boolean): boolean {
  const turn = useMemo(takeTurn, []);
  useEffect(() => () => leaveTurn(turn), []);
  useEffect(() => {
    if (!isUrgent) return;
    leaveTurn(turn);
    turn.value = true;
  }, [isUrgent]);
  return turn.value || isUrgent;
}

/** What of a card is not needed while the browser leaves it out, as it is far from the screen. */

import {
  signal,
  useComputed,
  useSignal,
  type ReadonlySignal,
} from '@preact/signals';
import { createContext, options, type RefObject } from 'preact';
import { useContext, useLayoutEffect } from 'preact/hooks';

/** Where it is, as far as the browser tells. */
export type Place = 'on screen' | 'off screen' | 'unknown';

/** Paper has room for all. */
const isPrinting = signal(false);
globalThis.window?.addEventListener('beforeprint', () => {
  drawAtOnce(() => (isPrinting.value = true));
});
globalThis.window?.addEventListener('afterprint', () => {
  isPrinting.value = false;
});

/** Firefox takes the page as it is when the event's listeners are done, and runs no microtasks before. */
function drawAtOnce(change: () => void): void {
  const { debounceRendering } = options;
  options.debounceRendering = (render) => render();
  change();
  options.debounceRendering = debounceRendering;
}

/** Where that is what is drawn in. */
export const PlaceContext = createContext<ReadonlySignal<Place>>(
  signal('unknown'),
);

export function useIsOffScreen(): boolean {
  return useContext(PlaceContext).value === 'off screen';
}

/**
 * Follows an element of `content-visibility: auto`.
 * @param isAlone whether it is on the screen whatever that says
 */
export function usePlace(
  element: RefObject<HTMLElement | null>,
  isAlone: ReadonlySignal<boolean>,
): ReadonlySignal<Place> {
  const told = useSignal<Place>('unknown');
  useLayoutEffect(() => {
    element.current!.addEventListener(
      'contentvisibilityautostatechange',
      (event) => {
        const { skipped } = event as ContentVisibilityAutoStateChangeEvent;
        told.value = skipped ? 'off screen' : 'on screen';
      },
    );
  }, []);
  return useComputed(() =>
    isAlone.value || isPrinting.value ? 'on screen' : told.value,
  );
}

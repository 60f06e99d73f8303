/** What of a card is not needed while it is far from the screen. */

import {
  signal,
  useComputed,
  useSignal,
  type ReadonlySignal,
  type Signal,
} from '@preact/signals';
import { createContext, options, type RefObject } from 'preact';
import { useContext, useLayoutEffect } from 'preact/hooks';

/** What is a screen away is on it: it is drawn before it comes into sight. At first nobody knows. */
export type Place = 'on screen' | 'off screen' | 'unknown';

const places = new WeakMap<Element, Signal<Place>>();
const observer =
  globalThis.window &&
  new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        places.get(target)!.value = isIntersecting ? 'on screen' : 'off screen';
      }
    },
    { rootMargin: '100% 0%' },
  );

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

/** @param isAlone whether the element is on the screen wherever it is on the page */
export function usePlace(
  element: RefObject<HTMLElement | null>,
  isAlone: ReadonlySignal<boolean>,
): ReadonlySignal<Place> {
  const place = useSignal<Place>('unknown');
  useLayoutEffect(() => {
    const { current } = element;
    places.set(current!, place);
    observer.observe(current!);
    return () => observer.unobserve(current!);
  }, []);
  return useComputed(() =>
    isAlone.value || isPrinting.value ? 'on screen' : place.value,
  );
}

import { signal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

const spoken = signal({ text: '', count: 0 });

/** What is to be spoken at once. */
let texts: string[] = [];

function speak(text: string): void {
  if (texts.push(text) > 1) return;
  queueMicrotask(() => {
    const { count } = spoken.peek();
    spoken.value = { text: texts.join(' '), count: count + 1 };
    texts = [];
  });
}

/** The card in which the user did something last. */
let acted: Element | null = null;

function noteAction({ target }: Event): void {
  acted = target instanceof Element ? target.closest('.card') : null;
}

/** For those who hear the page: what came of what they did to a photo. Not of what all photos do. */
export function Spoken() {
  useEffect(() => {
    const kinds = ['click', 'change', 'keydown', 'drop', 'paste'];
    for (const kind of kinds) {
      document.addEventListener(kind, noteAction, true);
    }
    return () => {
      for (const kind of kinds) {
        document.removeEventListener(kind, noteAction, true);
      }
    };
  }, []);
  const { text, count } = spoken.value;
  return (
    <p class="spoken visually-hidden" role="status">
      {/* The same once more is said once more. */}
      <span key={count}>{text}</span>
    </p>
  );
}

/**
 * Of an element of a card: its text is spoken whenever it is another one because of what was done
 * in that card.
 * @param isWhole whether there is something to say by now
 */
export function useSpoken(
  isWhole: boolean,
): RefObject<HTMLParagraphElement | null> {
  const element = useRef<HTMLParagraphElement>(null);
  const before = useRef('');
  useEffect(() => {
    const { current } = element;
    const text = current?.textContent ?? '';
    if (!isWhole || text === before.current) return;
    before.current = text;
    if (acted !== null && current?.closest('.card') === acted) {
      speak(text);
    }
  });
  return element;
}

/** One photo on the whole screen, as for a class; the others are a key away. */

import { effect, signal } from '@preact/signals';
import { inSight } from './groups';
import type { Photo } from './photo';

/** That one; undefined while the page is as always. */
export const enlarged = signal<Photo | undefined>(undefined);

/** How often what the whole screen shows has changed. */
export const screenChanges = signal(0);

/** Remote controls for presentations send the keys that turn pages. */
const PLACES: Partial<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  PageUp: -1,
  PageDown: 1,
};

/** What has such keys of its own. */
const TAKES_KEYS = 'input, select, [role=application]';

/**
 * Shows it alone, on the whole screen where the browser gives that to pages; as that of an iPhone does
 * not, or else in all of the window. It is the page that gets the screen and not the photo, because
 * nothing beside what gets it could be seen and clicked on, as news should be.
 */
export async function enlarge(photo: Photo): Promise<void> {
  cameBy = undefined;
  show(photo);
  await document.documentElement.requestFullscreen?.().catch(() => {});
  if (!enlarged.value) shrink(); // left before it came
}

/** Not before the screen is left is there room for all photos, and `enlarged` changes. */
export function shrink(): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else show(undefined);
}

function show(photo: Photo | undefined): void {
  enlarged.value = photo;
  screenChanges.value++;
}

/** Which of a photo's controls led to the one on the screen: that one's has the focus next. */
export let cameBy: 'before' | 'next' | undefined;

/** Shows the photo so many places after the present one, or before it; if there is one. */
export function turn(places: number, by?: typeof cameBy): void {
  const { value: all } = inSight;
  const next = all[all.indexOf(enlarged.value!) + places];
  if (next) turnTo(next, by);
}

/** Shows another photo in the place of the present one, if one is shown alone. */
export function turnTo(photo: Photo, by?: typeof cameBy): void {
  if (!enlarged.peek()) return;
  cameBy = by;
  show(photo);
}

/** Hears of keys, and of a screen that is left with Escape; returns how to stop. */
export function followScreen(): () => void {
  const onChange = () => {
    show(document.fullscreenElement ? enlarged.peek() : undefined);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const { key, target, ctrlKey, metaKey, altKey } = event;
    // On the whole screen the browser leaves it by itself.
    if (key === 'Escape' && enlarged.value && !event.defaultPrevented) shrink();
    const places = PLACES[key];
    if (!places || !enlarged.value || ctrlKey || metaKey || altKey) return;
    if ((target as Element).closest(TAKES_KEYS)) return;
    event.preventDefault();
    turn(places);
  };
  // Styles could find out with :has, by looking through all cards again and again.
  const stop = effect(() => {
    const isOneAlone = enlarged.value !== undefined;
    document.documentElement.toggleAttribute('data-shows-one', isOneAlone);
  });
  document.addEventListener('fullscreenchange', onChange);
  document.addEventListener('keydown', onKeyDown);
  return () => {
    document.removeEventListener('fullscreenchange', onChange);
    document.removeEventListener('keydown', onKeyDown);
    shrink();
    enlarged.value = undefined;
    stop();
  };
}

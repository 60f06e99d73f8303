/** How heatmaps are drawn, on every photo alike; remembered where the browser allows it. */

import { effect, signal } from '@preact/signals';
import { USUAL_CHANNELS, USUAL_LAYER, USUAL_METHOD } from '../../wasm/engine';

const KEY = 'gradcam.settings';

export const USUAL_OPACITY = 0.5;

/** Somewhere every map is warmer than this. */
export const MOST_THRESHOLD = 0.9;

/** The command line's; and whether the network takes less memory and more time, as on a phone. */
const DEFAULTS = {
  opacity: USUAL_OPACITY,
  threshold: 0,
  colormap: 'turbo',
  lowMemory: isSmall(),
};

const stored = read();

/** From 0, the bare photo, to 1. */
export const opacity = signal(stored.opacity);
/** Heat below this is not shown, of 1 for the warmest. */
export const threshold = signal(stored.threshold);
export const colormap = signal(stored.colormap);
export const lowMemory = signal(stored.lowMemory);

/** How heatmaps are made; not remembered, so that the page always opens with the plain one. */
export const method = signal(USUAL_METHOD);
export const layer = signal(USUAL_LAYER);
/** How many channels Score-CAM tries; 0 for all. */
export const channels = signal(USUAL_CHANNELS);

/** Writes the settings down whenever one changes. */
export function rememberSettings(): void {
  effect(() => {
    const text = JSON.stringify({
      opacity: opacity.value,
      threshold: threshold.value,
      colormap: colormap.value,
      lowMemory: lowMemory.value,
    });
    try {
      localStorage.setItem(KEY, text);
    } catch {
      // Storage is full or forbidden: the settings last as long as the page.
    }
  });
}

function read(): typeof DEFAULTS {
  try {
    return parseSettings(localStorage.getItem(KEY));
  } catch {
    return DEFAULTS;
  }
}

/** What was stored, as far as it makes sense. */
export function parseSettings(text: string | null): typeof DEFAULTS {
  let stored: unknown;
  try {
    stored = JSON.parse(text ?? '{}');
  } catch {
    return DEFAULTS;
  }
  const { opacity, threshold, colormap, lowMemory } = Object(stored) as Record<
    string,
    unknown
  >;
  return {
    // Without heat the next visitor would not find out what the page is for.
    opacity: isUpTo(1, opacity) && opacity > 0 ? opacity : DEFAULTS.opacity,
    threshold: isUpTo(MOST_THRESHOLD, threshold)
      ? threshold
      : DEFAULTS.threshold,
    colormap: typeof colormap === 'string' ? colormap : DEFAULTS.colormap,
    lowMemory: typeof lowMemory === 'boolean' ? lowMemory : DEFAULTS.lowMemory,
  };
}

function isUpTo(most: number, value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= most;
}

/** Whether this device says that it has 2 GB of memory or less. */
function isSmall(): boolean {
  const { deviceMemory = Infinity } = (globalThis.navigator ?? {}) as {
    deviceMemory?: number;
  };
  return deviceMemory <= 2;
}

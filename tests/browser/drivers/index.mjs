/**
 * One browser with one page in it: all that the tests need of an engine.
 *
 * @typedef {object} Browser
 * @property {string} version name and version, as the browser itself says
 * @property {string} downloads folder into which downloads fall
 * @property {(path: string) => Promise<unknown>} open
 *   Loads a file from file:// and waits for its load event.
 * @property {<T>(fn: (...args: any[]) => T, ...args: any[]) => Promise<Awaited<T>>} evaluate
 *   Runs a self-contained function in the page; arguments and result travel as JSON.
 * @property {(selector: string, paths: string[]) => Promise<void>} addFiles
 *   Chooses files in an <input type="file">, as the file dialog would.
 * @property {(key: string) => Promise<void>} press
 *   Presses a key as a user would: 'Tab', 'Shift+Tab', 'Enter', 'Space', 'ArrowLeft', ...
 * @property {(width: number, height: number) => Promise<void>} resize the viewport, in CSS pixels
 * @property {() => Promise<Buffer>} screenshot the whole page where the engine can, as PNG
 * @property {string[]} sent
 *   Every request or tunnel of the whole browser that went out to the network since launch.
 * @property {string[]} asked
 *   Every URL that the pages asked for, file:, blob: and data: included and whether it was allowed
 *   or not; empty in engines whose driver does not tell.
 * @property {() => Promise<void>} close
 */

/**
 * @typedef {object} Engine
 * @property {() => string | undefined} missing what is not installed, as a sentence
 * @property {(options: {dark: boolean, guarded: boolean}) => Promise<Browser>} launch
 *   `guarded`: against fingerprinting, which only Firefox does
 */

/**
 * The driver of an engine: chromium, firefox or webkit. Loaded on demand, because each brings a
 * large library with it.
 * @returns {Promise<Engine>}
 */
export function driverOf(engine) {
  return import(`./${engine}.mjs`);
}

/** Launches an engine by name. */
export async function launch(engine, { dark = false, guarded = false } = {}) {
  const driver = await driverOf(engine);
  return driver.launch({ dark, guarded });
}

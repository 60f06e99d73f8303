/**
 * The gzipped files within the page, see `build/payload.ts`: pieces in script elements that nothing
 * runs.
 */

import { fromBase64 } from '../base64';

/** How many bytes a file has once it is unpacked. */
export async function payloadSize(name: string): Promise<number> {
  const { dataset } = await firstPiece(name);
  return Number(dataset.unpacked);
}

/** A gzipped file's bytes, as the page is parsed. The elements are dropped, to free their memory. */
export async function* payload(
  name: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { dataset } = await firstPiece(name);
  let missing = Number(dataset.size);
  while (missing > 0) {
    const isLast = isParsed();
    for (const element of pieces(name)) {
      // Else its text may be still coming.
      if (!element.nextSibling && !isLast) break;
      const bytes = takeBytes(element);
      missing -= bytes.length;
      yield bytes;
    }
    if (missing > 0 && isLast) throw cutShort(name);
    if (missing > 0 && !isParsed()) await parsedMore();
  }
}

async function firstPiece(name: string): Promise<HTMLScriptElement> {
  for (;;) {
    const element = pieces(name).item(0);
    if (element) return element;
    if (isParsed()) throw cutShort(name);
    await parsedMore();
  }
}

function cutShort(name: string): Error {
  return new Error(
    `the file of this page was cut short and lacks its ${name}, or a part of it; fetch it again ` +
      '(what a browser saves of the page is not all of it: copy the file itself)',
  );
}

function pieces(name: string): NodeListOf<HTMLScriptElement> {
  return document.querySelectorAll(`[data-payload="${name}"]`);
}

function takeBytes(element: HTMLScriptElement): Uint8Array<ArrayBuffer> {
  const text = element.textContent!;
  // Whole bytes even where the page was cut short.
  const bytes = fromBase64(text.slice(0, text.length - (text.length % 4)));
  element.remove();
  return bytes;
}

function isParsed(): boolean {
  return document.readyState !== 'loading';
}

/** Waits until the parser has added something to the page, or is done with it. */
function parsedMore(): Promise<void> {
  return new Promise((resolve) => {
    const observer = new MutationObserver(more);
    observer.observe(document.body, { childList: true });
    document.addEventListener('DOMContentLoaded', more, { once: true });
    function more() {
      observer.disconnect();
      document.removeEventListener('DOMContentLoaded', more);
      resolve();
    }
  });
}

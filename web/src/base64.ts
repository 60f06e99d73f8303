/** The bytes of base64 texts, one after another; each text stands for whole bytes. */
export function fromBase64(
  texts: readonly string[],
  decode = decoder(),
): Uint8Array<ArrayBuffer> {
  const parts = texts.map(decode);
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** `Uint8Array.fromBase64` by `atob`, for browsers of before 2025. */
export function decodeByAtob(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function decoder(): (text: string) => Uint8Array<ArrayBuffer> {
  const { fromBase64 } = Uint8Array as {
    fromBase64?: typeof decodeByAtob;
  };
  return fromBase64
    ? (text) => fromBase64.call(Uint8Array, text)
    : decodeByAtob;
}

/** `Uint8Array.fromBase64` where the browser has it; older ones take the long way. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = (
    Uint8Array as unknown as {
      fromBase64?: (text: string) => Uint8Array<ArrayBuffer>;
    }
  ).fromBase64;
  return native ? native.call(Uint8Array, text) : fromBase64Slowly(text);
}

/** The same, by `atob`. */
export function fromBase64Slowly(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

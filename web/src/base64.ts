/** The bytes that a base64 text stands for. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const { fromBase64: decode = decodeByAtob } = Uint8Array as {
    fromBase64?: typeof decodeByAtob;
  };
  return decode.call(Uint8Array, text);
}

/** `Uint8Array.fromBase64`, for browsers of before 2025. */
export function decodeByAtob(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

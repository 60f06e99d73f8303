/** Marks that turn round what is written after them, beyond the name too; and line breaks and such. */
const CONTROLS = /[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu;

/** Letters that are written from right to left, and marks that count as such. */
const FROM_RIGHT =
  /[\u0590-\u08FF\u200F\uFB1D-\uFDFF\uFE70-\uFEFF\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/**
 * The name of a file, a class or a box as it can stand in a sentence, or alone. Whatever is in it, the words around it
 * stay in their order, and its ending at its end: "dog\u202Egpj.exe" would look like "dogexe.jpg".
 */
export function nameInText(name: string): string {
  const visible = name.replace(CONTROLS, '\uFFFD');
  // An isolate: it is arranged for itself, from the left as file managers do.
  return FROM_RIGHT.test(visible) ? `\u2066${visible}\u2069` : visible;
}

/** The first of some names, and how many there are besides: "rex.jpg and 2 more". */
export function andMore([first = '', ...more]: readonly string[]): string {
  const name = nameInText(first);
  return more.length > 0 ? `${name} and ${more.length} more` : name;
}

/** Names of files that are saved. */

/** "rex.png", or "rex-2.png" and so on if that is among those that are used, to which it is added. */
export function numbered(name: string, used: Set<string>): string {
  return free(stem(name), endingOf(name), used);
}

/** The same for a folder, whose name has no ending. */
export function numberedFolder(name: string, used: Set<string>): string {
  return free(name, '', used);
}

function free(stem: string, ending: string, used: Set<string>): string {
  let name = stem + ending;
  for (let copy = 2; used.has(name.toLowerCase()); ++copy) {
    name = `${stem}-${copy}${ending}`;
  }
  used.add(name.toLowerCase());
  return name;
}

/** Names of files have 255 bytes at most; the longest parts of them, as on the command line. */
const MOST_LABEL = 80;
const MOST_STEM = 160;
const MOST_ENDING = 20;

/** What Windows takes for a device, whatever the ending. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;

/** A class in a file's name. */
export function fitLabel(label: string): string {
  return fit(label.replaceAll(' ', '_'), MOST_LABEL);
}

/** What a photo is called, in the name of a file that is made of it. */
export function fitStem(photo: string): string {
  return fit(stem(photo), MOST_STEM);
}

/** What a folder is called for the photos of a class. */
export function fitFolder(name: string): string {
  return unhidden(fit(name.trim(), MOST_LABEL)).replace(/[. ]+$/, '_');
}

/** What a photo is called that is saved as it is. */
export function fitPhoto(name: string): string {
  return unhidden(fitStem(name)) + fit(endingOf(name), MOST_ENDING);
}

/** Whoever opens a folder does not look at files and folders that are hidden. */
function unhidden(name: string): string {
  return name.replace(/^\.+/, '_');
}

/** Without what cannot be in a file's name everywhere, or turns it round, and of so many bytes at most. */
function fit(text: string, most: number): string {
  const fitting = text
    .replace(/[\p{Cc}\p{Bidi_Control}/\\:*?"<>|]/gu, '_')
    .replace(DEVICE, '_$&');
  const bytes = new TextEncoder().encode(fitting);
  if (bytes.length <= most) return fitting;
  // Without a character that would be cut.
  const beginning = new TextDecoder().decode(bytes.subarray(0, most));
  return beginning.replace(/\ufffd$/, '');
}

/** "holiday/rex.photo.jpg" without folder and ending: "rex.photo". */
export function stem(name: string): string {
  const base = name.slice(name.lastIndexOf('/') + 1);
  const dot = base.lastIndexOf('.');
  return dot > 0 ? base.slice(0, dot) : base;
}

/** ".jpg" of that, or nothing. */
function endingOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1 + stem(name).length);
}

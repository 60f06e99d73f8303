/** Hands the user a file to keep. */
export function download(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // Some browsers start reading only after the click has returned.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** "rex.png", or "rex-2.png" and so on if that is among those that are used, to which it is added. */
export function numbered(name: string, used: Set<string>): string {
  const base = stem(name);
  let free = name;
  for (let copy = 2; used.has(free.toLowerCase()); ++copy) {
    free = `${base}-${copy}${name.slice(base.length)}`;
  }
  used.add(free.toLowerCase());
  return free;
}

/** A class in a file's name: without what cannot be in one everywhere. */
export function fit(label: string): string {
  return label.replace(/[ /\\:*?"<>|]/g, '_');
}

/** "holiday/rex.photo.jpg" without folder and ending: "rex.photo". */
export function stem(name: string): string {
  const base = name.slice(name.lastIndexOf('/') + 1);
  const dot = base.lastIndexOf('.');
  return dot > 0 ? base.slice(0, dot) : base;
}

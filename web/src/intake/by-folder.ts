/** Photos of several classes that lie in a folder each. */

import { foldersOf } from './folder';

interface ByFolder {
  classes: ReadonlyMap<string, readonly File[]>;
  /** Those in none of them. */
  loose: readonly File[];
}

/**
 * The photos by the folders in the one that was brought, as `gradcam finetune` takes them, or, if
 * there are no folders in it, or several were brought, by these.
 */
export function byFolder(files: readonly File[]): ByFolder {
  const paths = files.map(foldersOf);
  const roots = new Set(paths.flatMap(([root]) => root ?? []));
  const isNested = roots.size === 1 && paths.some((path) => path.length > 1);
  const classes = new Map<string, File[]>();
  const loose: File[] = [];
  for (const [i, file] of files.entries()) {
    // macOS takes letters and their accents apart.
    const name = paths[i]![isNested ? 1 : 0]?.normalize();
    if (name === undefined) {
      loose.push(file);
    } else {
      const photos = classes.get(name) ?? [];
      classes.set(name, photos);
      photos.push(file);
    }
  }
  return { classes, loose };
}

/** Pictures of the camera, which are nowhere but in the page until they are saved. */

import { signal } from '@preact/signals';
import { isSnapshot } from '../camera';
import { download } from './download';

const saved = signal<ReadonlySet<File>>(new Set());

/** Hands the user one as it was taken, without its heat. */
export function saveCameraPicture(file: File): void {
  download(file, file.name);
  noteSaved([file]);
}

/** Remembers that these are in files that the user has been handed. */
export function noteSaved(files: readonly File[]): void {
  saved.value = new Set([...saved.value, ...files]);
}

/** Whether one of the camera, which is not saved, is among these photos. */
export function hasUnsavedPicture(files: readonly File[]): boolean {
  return files.some((file) => isSnapshot(file) && !saved.value.has(file));
}

/** Files out of a drop or a paste; folders are opened. */

import { folderOf, foldersOf, type Folder } from './folder';
import type { Failure } from '../shared/protocol';

export interface Intake {
  files: File[];
  /** What was given but cannot be read, such as a folder without pictures. */
  refused: { name: string; failure: Failure }[];
}

/** Pictures whose type the system does not know; the command line has the same. */
const PICTURE_NAME =
  /\.(avif|bmp|gif|heic|heif|jfif|jpe|jpe?g|jxl|png|p[bgnp]m|psd|tga|tiff?|webp)$/i;

/** What is said of an address or a text. */
export const NO_FILE =
  'This is no file. Save the picture first, then drop the file.';

const CLOSED_FOLDER =
  'this is a folder, which this browser does not let the page open; ' +
  'open it yourself and drop the photos in it';

/** Chromium leaves out, without a word, files of names such as `12:30.jpg`. */
const NONE_FOUND =
  'no pictures are found in this folder; ' +
  'if it has some, open it yourself and drop them';

export const UNREAD_FILE =
  'the file cannot be read; it may have been moved or deleted, or the system does not allow it';

/** A file's bytes; nothing of one that has gone. */
export async function bytesOf(file: File): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    return undefined;
  }
}

export function bringsFiles(transfer: DataTransfer | null): boolean {
  return transfer !== null && transfer.types.includes('Files');
}

/** What was chosen by an input; to choose the same again counts as a change, too. */
export function chosenFiles(input: HTMLInputElement): File[] {
  const files = [...(input.files ?? [])];
  input.value = '';
  return files;
}

/** The pictures in a folder that was chosen by an input, and in the folders in it. */
export function chosenFolder(input: HTMLInputElement): Intake {
  const all = chosenFiles(input).sort(byPath);
  // The folder itself was chosen, whatever its name.
  const isShown = (file: File) =>
    !isHidden(file.name, foldersOf(file).slice(1));
  const files = all.filter((file) => isPicture(file) && isShown(file));
  if (files.length > 0 || all.length === 0) return { files, refused: [] };
  const [name = ''] = foldersOf(all[0]!);
  return { files, refused: [unreadable(name, NONE_FOUND)] };
}

function byPath(a: File, b: File): number {
  const [one, other] = [a, b].map((file) => file.webkitRelativePath);
  return one!.localeCompare(other!, undefined, { numeric: true });
}

/** Such as "._rex.jpg", which macOS writes beside "rex.jpg". */
export function isHidden(name: string, folders: readonly string[]): boolean {
  return [...folders, name].some((part) => part.startsWith('.'));
}

/** Takes the files of a transfer; must be called within its event, or they are gone. */
export async function take(transfer: DataTransfer): Promise<Intake> {
  const items = Array.from(transfer.items)
    .filter(({ kind }) => kind === 'file')
    .map((item) => ({ file: item.getAsFile(), folder: folderOf(item) }));
  const intake: Intake = { files: [], refused: [] };
  for (const { file, folder } of items) {
    if (folder) await takeFolder(folder, intake);
    else if (file) intake.files.push(file);
  }
  return intake;
}

/** Takes the pictures in a folder; what cannot be read in it does not keep the others out. */
async function takeFolder(
  { name, contents }: Folder,
  intake: Intake,
): Promise<void> {
  const refused: Intake['refused'] = [];
  const refuse = (name: string, message: string) =>
    refused.push(unreadable(name, message));
  const { files, unread } = await contents();
  const pictures = files.filter(isPicture);
  for (const { name, isFolder } of unread) {
    if (isFolder) refuse(name, CLOSED_FOLDER);
    else if (hasPictureName(name)) refuse(name, UNREAD_FILE);
  }
  if (pictures.length === 0 && refused.length === 0) {
    refuse(name, NONE_FOUND);
  }
  intake.files = [...intake.files, ...pictures];
  intake.refused = [...intake.refused, ...refused];
}

/** Of what was given, what cannot be read. */
export function unreadable(
  name: string,
  message: string,
): Intake['refused'][number] {
  return { name, failure: { code: 'unreadable_file', message } };
}

export function isPicture({
  name,
  type,
}: Pick<File, 'name' | 'type'>): boolean {
  return type.startsWith('image/') || hasPictureName(name);
}

export function hasPictureName(name: string): boolean {
  return PICTURE_NAME.test(name);
}

/** Files out of a drop or a paste; folders are opened. */

import type { Failure } from './protocol';

export interface Intake {
  files: File[];
  /** What was given but cannot be read, such as a folder without pictures. */
  refused: { name: string; failure: Failure }[];
}

/** By name, for pictures whose type the system does not know. */
const PICTURE_NAME =
  /\.(avif|bmp|gif|heic|heif|jfif|jpe?g|jxl|png|pn[mg]|p[gp]m|psd|tga|tiff?|webp)$/i;

/** Takes the files of a transfer; must be called within its event, or they are gone. */
export async function take(transfer: DataTransfer): Promise<Intake> {
  const items = Array.from(transfer.items)
    .filter(({ kind }) => kind === 'file')
    .map((item) => ({
      file: item.getAsFile(),
      entry: item.webkitGetAsEntry?.() ?? null,
    }));
  const intake: Intake = { files: [], refused: [] };
  for (const { file, entry } of items) {
    if (entry?.isDirectory) {
      await takeFolder(entry as FileSystemDirectoryEntry, intake);
    } else if (file) {
      intake.files.push(file);
    }
  }
  return intake;
}

async function takeFolder(
  folder: FileSystemDirectoryEntry,
  intake: Intake,
): Promise<void> {
  const { name } = folder;
  const refuse = (message: string) =>
    intake.refused.push({
      name,
      failure: { code: 'unreadable_file', message },
    });
  try {
    const pictures = (await filesIn(folder)).filter(isPicture);
    intake.files.push(...pictures);
    if (pictures.length === 0) {
      refuse('this is a folder without pictures in it');
    }
  } catch {
    refuse(
      'this is a folder, which this browser does not let the page open; ' +
        'open it yourself and drop the photos in it',
    );
  }
}

export function isPicture({
  name,
  type,
}: Pick<File, 'name' | 'type'>): boolean {
  return type.startsWith('image/') || PICTURE_NAME.test(name);
}

/** All files in the folder and the folders in it, by name. */
async function filesIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const files: File[] = [];
  const entries = await entriesOf(folder);
  entries.sort((a, b) =>
    a.name.localeCompare(b.name, undefined, { numeric: true }),
  );
  for (const entry of entries) {
    if (entry.isDirectory) {
      files.push(...(await filesIn(entry as FileSystemDirectoryEntry)));
    } else {
      files.push(await fileOf(entry as FileSystemFileEntry));
    }
  }
  return files;
}

async function entriesOf(
  folder: FileSystemDirectoryEntry,
): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all;
    all.push(...some);
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

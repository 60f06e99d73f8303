/** Files out of a drop or a paste; folders are opened. */

import { folderOf, type Folder } from './folder';
import type { Failure } from './protocol';

export interface Intake {
  files: File[];
  /** What was given but cannot be read, such as a folder without pictures. */
  refused: { name: string; failure: Failure }[];
}

/** By name, for pictures whose type the system does not know. */
const PICTURE_NAME =
  /\.(avif|bmp|gif|heic|heif|jfif|jpe?g|jxl|png|p[bgnp]m|psd|tga|tiff?|webp)$/i;

/** What is said of an address or a text. */
export const NO_FILE =
  'This is no file. Save the picture first, then drop the file.';

export function bringsFiles(transfer: DataTransfer | null): boolean {
  return transfer !== null && transfer.types.includes('Files');
}

/** Whether text that is dropped or pasted there is for it. */
export function isTextField(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.closest('input:is([type="text"], [type="search"]), textarea') !==
      null
  );
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

async function takeFolder(
  { name, files }: Folder,
  intake: Intake,
): Promise<void> {
  const refuse = (message: string) =>
    intake.refused.push({
      name,
      failure: { code: 'unreadable_file', message },
    });
  try {
    const pictures = (await files()).filter(isPicture);
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

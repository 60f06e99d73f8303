/** The pictures in zip files, as if the folders in them had been dropped. */

import { unzipSync } from 'fflate';
import { pause } from '../shared/pause';
import { lieIn } from './folder';
import { isHidden, isPicture, UNREAD_FILE, type Intake } from './intake';

/** What a page has room for, packed and unpacked. */
const MOST_BYTES = 1 << 30;

const TOO_LARGE =
  'it has more than a gigabyte; unpack it first, then drop the folder';
const NO_ZIP = 'this is no zip file, or it is damaged';
const NO_PICTURES = 'no pictures are found in it';
const NOT_UNPACKED =
  'it is damaged in the zip file, or packed in a way that the page does not know';

/** The same with what is in the zip files among them, in place of these. */
export async function unpackAll(intake: Intake): Promise<Intake> {
  const files: File[] = [];
  const refused = [...intake.refused];
  for (const file of intake.files) {
    const isZip = file.name.toLowerCase().endsWith('.zip');
    const unpacked = isZip
      ? await unpack(file)
      : { files: [file], refused: [] };
    files.push(...unpacked.files);
    refused.push(...unpacked.refused);
  }
  return { files, refused };
}

/** A picture that is damaged in it does not keep the others out. */
async function unpack(zip: File): Promise<Intake> {
  const intake: Intake = { files: [], refused: [] };
  const refuse = (name: string, message: string): Intake => {
    const failure = { code: 'unreadable_file', message } as const;
    intake.refused = [...intake.refused, { name, failure }];
    return intake;
  };
  if (zip.size > MOST_BYTES) return refuse(zip.name, TOO_LARGE);
  const bytes = await bytesOf(zip);
  if (!bytes) return refuse(zip.name, UNREAD_FILE);
  let members: Member[];
  try {
    members = list(bytes);
  } catch {
    return refuse(zip.name, NO_ZIP);
  }
  const pictures = members.filter(({ name, folders }) => {
    return isPicture({ name, type: '' }) && !isHidden(name, folders);
  });
  const size = pictures.reduce((sum, { size }) => sum + size, 0);
  if (pictures.length === 0) return refuse(zip.name, NO_PICTURES);
  if (size > MOST_BYTES) return refuse(zip.name, TOO_LARGE);
  const files: File[] = [];
  for (const { index, name, folders } of pictures) {
    await pause();
    const content = contentOf(bytes, index);
    if (content) files.push(lieIn(folders, new File([content], name)));
    else refuse(name, NOT_UNPACKED);
  }
  return { ...intake, files };
}

interface Member {
  /** Its place among the members. */
  index: number;
  name: string;
  folders: string[];
  size: number;
}

async function bytesOf(file: File): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    return undefined;
  }
}

/** Bytes that a member takes in the list of them at least. */
const LEAST_LISTED = 46;

/** What is in it; throws if it is none. */
function list(zip: Uint8Array): Member[] {
  const members: Member[] = [];
  unzipSync(zip, {
    filter: ({ name: path, originalSize: size }) => {
      // It may say that there are some billions.
      if (members.length * LEAST_LISTED > zip.length) throw new RangeError();
      // Programs for Windows once wrote backslashes.
      const parts = path.split(/[/\\]/).filter((part) => !/^\.?$/.test(part));
      const name = parts.pop() ?? '';
      members.push({ index: members.length, name, folders: parts, size });
      return false;
    },
  });
  return members;
}

function contentOf(
  zip: Uint8Array,
  index: number,
): Uint8Array<ArrayBuffer> | undefined {
  try {
    let at = 0;
    const unzipped = unzipSync(zip, { filter: () => at++ === index });
    return Object.values(unzipped)[0] as Uint8Array<ArrayBuffer> | undefined;
  } catch {
    return undefined;
  }
}

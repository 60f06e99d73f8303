/** The pictures in zip files, as if the folders in them had been dropped. */

import { signal } from '@preact/signals';
import { unzipSync } from 'fflate';
import { pause } from '../shared/pause';
import { lieIn } from './folder';
import {
  bytesOf,
  hasPictureName,
  isHidden,
  unreadable,
  UNREAD_FILE,
  type Intake,
} from './intake';

/** What a page has room for, packed and unpacked. */
const MOST_BYTES = 1 << 30;

const TOO_LARGE =
  'it has more than a gigabyte; unpack it first, then drop the folder';
const NO_ZIP = 'this is no zip file, or it is damaged';
const NO_PICTURES = 'no pictures are found in it';
const NOT_UNPACKED =
  'it is damaged in the zip file, or packed in a way that the page does not know';

/** Each time they are asked for, the zip file is gone through: not for a picture alone. */
const MOST_AT_ONCE = 64;
/** In bytes, so that the page stays usable in between. */
const LARGE = 16 << 20;

/** How much of the zip files is unpacked that are being unpacked, if some are. */
export const unpacked = signal<number | undefined>(undefined);

/** Of all of them, in bytes. */
const underWay = { zips: 0, done: 0, total: 0 };

function tell(change: Partial<typeof underWay>): void {
  Object.assign(underWay, change);
  const { zips, done, total } = underWay;
  unpacked.value = zips === 0 ? undefined : total === 0 ? 0 : done / total;
}

async function counted<T>(task: () => Promise<T>): Promise<T> {
  tell({ zips: underWay.zips + 1 });
  try {
    return await task();
  } finally {
    const zips = underWay.zips - 1;
    tell(zips === 0 ? { zips, done: 0, total: 0 } : { zips });
  }
}

/** The same with what is in the zip files among them, in place of these. */
export async function unpackAll(intake: Intake): Promise<Intake> {
  const files: File[] = [];
  const refused = [...intake.refused];
  for (const file of intake.files) {
    if (!file.name.toLowerCase().endsWith('.zip')) {
      files.push(file);
      continue;
    }
    const found = await counted(() => unpack(file));
    files.push(...found.files);
    refused.push(...found.refused);
  }
  return { files, refused };
}

async function unpack(zip: File): Promise<Intake> {
  const intake: Intake = { files: [], refused: [] };
  const refuse = (name: string, message: string): Intake => {
    intake.refused = [...intake.refused, unreadable(name, message)];
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
    return hasPictureName(name) && !isHidden(name, folders);
  });
  const total = pictures.reduce((sum, { size }) => sum + size, 0);
  if (pictures.length === 0) return refuse(zip.name, NO_PICTURES);
  if (total > MOST_BYTES) return refuse(zip.name, TOO_LARGE);
  const files: File[] = [];
  tell({ total: underWay.total + total });
  for (const some of inPortions(pictures)) {
    await pause();
    const contents = contentsOf(bytes, some);
    for (const [i, { name, folders }] of some.entries()) {
      const content = contents[i];
      if (content) files.push(lieIn(folders, new File([content], name)));
      else refuse(name, NOT_UNPACKED);
    }
    const size = some.reduce((sum, { size }) => sum + size, 0);
    tell({ done: underWay.done + size });
  }
  return { ...intake, files };
}

interface Member {
  /** Its place among the members. */
  index: number;
  path: string;
  name: string;
  folders: string[];
  size: number;
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
      const parts = asUtf8(path)
        .split(/[/\\]/)
        .filter((part) => !/^\.?$/.test(part));
      const name = parts.pop() ?? '';
      const index = members.length;
      members.push({ index, path, name, folders: parts, size });
      return false;
    },
  });
  return members;
}

/** Some programs write UTF-8 and do not say so: then each byte was taken for a letter. */
function asUtf8(path: string): string {
  const codes = Array.from(path, (letter) => letter.codePointAt(0)!);
  if (codes.some((code) => code > 0xff)) return path;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    return decoder.decode(Uint8Array.from(codes));
  } catch {
    return path;
  }
}

function* inPortions(members: readonly Member[]): Generator<Member[]> {
  let portion: Member[] = [];
  let bytes = 0;
  for (const member of members) {
    portion.push(member);
    bytes += member.size;
    if (portion.length < MOST_AT_ONCE && bytes < LARGE) continue;
    yield portion;
    portion = [];
    bytes = 0;
  }
  if (portion.length > 0) yield portion;
}

/** What each of them has in it; undefined for what is damaged. */
function contentsOf(
  zip: Uint8Array,
  members: readonly Member[],
): (Uint8Array<ArrayBuffer> | undefined)[] {
  const wanted = new Set(members.map(({ index }) => index));
  try {
    let at = 0;
    const found = unzipSync(zip, { filter: () => wanted.has(at++) });
    // Two of one path would have the same content.
    if (Object.keys(found).length === members.length) {
      return members.map(({ path }) => found[path] as Uint8Array<ArrayBuffer>);
    }
  } catch {
    // One of them, which does not keep the others out.
  }
  if (members.length === 1) return [undefined];
  const half = members.length >> 1;
  return [members.slice(0, half), members.slice(half)].flatMap((some) =>
    contentsOf(zip, some),
  );
}

/** Everything that the page has found out, in one file to keep. */

import { signal } from '@preact/signals';
import { Zip, ZipPassThrough } from 'fflate';
import { csv, type TableRow } from './csv';
import { lackingPictures } from './describe';
import { download, numbered } from './download';
import { say } from './news';
import { reasonOf } from './outcome';
import type { Photo } from './photo';
import { explainLine, photos, pictureOf } from './photos';

/** How many pictures are painted, and how many are not; undefined while nothing is being saved. */
export const saving = signal<{ done: number; total: number } | undefined>(
  undefined,
);

/** A zip file has room for 4 GiB; what no longer fits goes into another one. */
const MOST_BYTES = 4_000_000_000;

/** Saves the pictures of all photos that are done, a table of the breeds, and the numbers. */
export async function saveAll(): Promise<void> {
  if (saving.value) return;
  const finished = photos.value.filter((photo) => explainLine(photo));
  saving.value = { done: 0, total: finished.length };
  try {
    await save(finished);
  } catch (error) {
    say(`What is on the page could not be saved: ${reasonOf(error)}.`);
  } finally {
    saving.value = undefined;
  }
}

async function save(finished: readonly Photo[]): Promise<void> {
  let archive = new Archive();
  let full = 0;
  const table: TableRow[] = [];
  const used = new Set<string>();
  const lacking: string[] = [];
  for (const [done, photo] of finished.entries()) {
    if (!photos.value.includes(photo)) continue;
    saving.value = { done, total: finished.length };
    const painted = await pictureOf(photo);
    // One that cannot be painted, as of a file that has gone, does not take its numbers.
    const line = explainLine(photo);
    if (!line || !photos.value.includes(photo)) continue;
    let picture: string | undefined;
    if (painted?.ok) {
      const { name, png } = painted.value;
      if (archive.bytes + png.length > MOST_BYTES) {
        download(archive.end(), `gradcam-${++full}.zip`);
        archive = new Archive();
      }
      picture = numbered(name, used);
      archive.add(picture, png);
    } else if (painted) {
      lacking.push(photo.name);
    }
    table.push({ line, picture });
  }
  if (table.length === 0) return;
  const text = new TextEncoder();
  archive.add('results.csv', text.encode(csv(table)));
  const numbers = table.map(({ line }) => `${JSON.stringify(line)}\n`).join('');
  archive.add('results.jsonl', text.encode(numbers));
  const name = full > 0 ? `gradcam-${full + 1}.zip` : 'gradcam.zip';
  download(archive.end(), name);
  const [first, ...more] = lacking;
  if (first !== undefined) say(lackingPictures(first, more.length));
}

/** A zip file in the making. What was added is kept in blobs, which browsers put on disk. */
class Archive {
  bytes = 0;
  private parts: Blob[] = [];
  private readonly zip = new Zip((error, bytes) => {
    if (error) throw error;
    this.bytes += bytes.length;
    this.parts.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  });

  /** As it is: pictures are compressed already. */
  add(name: string, bytes: Uint8Array): void {
    const entry = new ZipPassThrough(name);
    this.zip.add(entry);
    entry.push(bytes, true);
  }

  end(): Blob {
    this.zip.end();
    return new Blob(this.parts, { type: 'application/zip' });
  }
}

/** Everything that the page has found out, in one file to keep. */

import { signal } from '@preact/signals';
import { Zip, ZipPassThrough } from 'fflate';
import { csv } from './csv';
import { download, numbered } from './download';
import type { ExplainLine } from './explain-line';
import { explainLine, photos, pictureOf } from './photos';

/** How many pictures are painted, and how many are not; undefined while nothing is being saved. */
export const saving = signal<{ done: number; total: number } | undefined>(
  undefined,
);

/** Saves the pictures of all photos that are done, a table of the breeds, and the numbers. */
export async function saveAll(): Promise<void> {
  if (saving.value) return;
  const finished = photos.value.filter((photo) => explainLine(photo));
  const archive = new Archive();
  const lines: ExplainLine[] = [];
  const used = new Set<string>();
  try {
    for (const [done, photo] of finished.entries()) {
      saving.value = { done, total: finished.length };
      const picture = await pictureOf(photo);
      if (picture?.ok) {
        const { name, png } = picture.value;
        archive.add(numbered(name, used), png);
      }
      // A picture that cannot be painted, as of a file that has gone, does not take its numbers.
      const line = explainLine(photo);
      if (line) lines.push(line);
    }
    const text = new TextEncoder();
    archive.add('results.csv', text.encode(csv(lines)));
    const numbers = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    archive.add('results.jsonl', text.encode(numbers));
    download(archive.end(), 'gradcam.zip');
  } finally {
    saving.value = undefined;
  }
}

/** A zip file in the making. What was added is kept in blobs, which browsers put on disk. */
class Archive {
  private parts: Blob[] = [];
  private readonly zip = new Zip((error, bytes) => {
    if (error) throw error;
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

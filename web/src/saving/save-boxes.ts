/** The photos of the boxes in one file, which can be had back from it. */

import { reasonOf } from '../shared/outcome';
import { say } from '../news';
import { lackingPhotos } from '../words/progress';
import { Archive } from './archive';
import { noteSaved } from './camera-picture';
import { fitFolder, fitPhoto, numbered, numberedFolder } from './file-names';

interface Box {
  name: string;
  photos: readonly File[];
}

/**
 * Saves the photos as they are, in a folder for each box; so the page takes them back, and so
 * `gradcam finetune` takes them.
 * @returns those that are saved
 */
export async function saveBoxes(boxes: readonly Box[]): Promise<File[]> {
  const archive = new Archive('photos');
  const folders = new Set<string>();
  const saved: File[] = [];
  const lacking: string[] = [];
  try {
    for (const { name, photos } of boxes) {
      if (photos.length === 0) continue;
      const folder = numberedFolder(fitFolder(name) || 'Box', folders);
      const used = new Set<string>();
      for (const photo of photos) {
        const bytes = await bytesOf(photo);
        if (bytes) {
          const name = numbered(fitPhoto(photo.name), used);
          await archive.add(`${folder}/${name}`, bytes);
          saved.push(photo);
        } else {
          lacking.push(photo.name);
        }
      }
    }
    if (saved.length > 0) archive.end();
    say(lackingPhotos(lacking, saved.length > 0));
    noteSaved(saved);
    return saved;
  } catch (error) {
    say(`The photos could not be saved: ${reasonOf(error)}.`);
    return [];
  }
}

/** Nothing of one that has gone. */
async function bytesOf(photo: File): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await photo.arrayBuffer());
  } catch {
    return undefined;
  }
}

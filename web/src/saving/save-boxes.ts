/** The photos of the boxes in one file, which can be had back from it. */

import { signal } from '@preact/signals';
import { bytesOf, hasPictureName } from '../intake/intake';
import { sniff } from '../photos/browser-decoder';
import { reasonOf } from '../shared/outcome';
import { say } from '../news';
import { lackingPhotos } from '../words/saving';
import { Archive } from './archive';
import { noteSaved } from './camera-picture';
import { fitFolder, fitPhoto, numbered, numberedFolder } from './file-names';

interface Box {
  name: string;
  photos: readonly File[];
}

/** How many of the photos are in the file; undefined while none are being saved. */
export const savingBoxes = signal<{ done: number; total: number } | undefined>(
  undefined,
);

/**
 * Saves the photos as they are, in a folder for each box; so the page takes them back, and so
 * `gradcam finetune` takes them.
 * @returns those that are saved
 */
export async function saveBoxes(boxes: readonly Box[]): Promise<File[]> {
  const total = boxes.reduce((sum, { photos }) => sum + photos.length, 0);
  let done = 0;
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
        savingBoxes.value = { done: done++, total };
        const bytes = await bytesOf(photo);
        if (bytes) {
          const name = numbered(fitPhoto(await nameOf(photo)), used);
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
  } finally {
    savingBoxes.value = undefined;
  }
}

/** With an ending by which it is known for a picture where it is taken back. */
async function nameOf(photo: File): Promise<string> {
  const { name } = photo;
  if (hasPictureName(name)) return name;
  const named = `${name}.${(await sniff(photo))?.format}`;
  return hasPictureName(named) ? named : `${name}.jpg`;
}

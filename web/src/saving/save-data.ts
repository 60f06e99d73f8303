/** What is known of one photo, as a file. */

import type { Photo } from '../photos/photo';
import { explainLine } from '../photos/photos';
import { download } from './download';
import { fitStem } from './file-names';

export function saveData(photo: Photo): void {
  const line = `${JSON.stringify(explainLine(photo))}\n`;
  const blob = new Blob([line], { type: 'application/json' });
  download(blob, `${fitStem(photo.name)}.json`);
}

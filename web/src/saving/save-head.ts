/** A head as a file, which other browsers and the command line take, too. */

import { download } from './download';
import { fitLabel } from './file-names';

export function saveHeadAs(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const stem = fitLabel(name.replace(/\.safetensors$/i, ''));
  download(new Blob([bytes]), `${stem}.safetensors`);
}

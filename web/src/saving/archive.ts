/** Files that the user is handed in a zip file, or in several. */

import { Zip, ZipPassThrough } from 'fflate';
import { pause } from '../shared/pause';
import { download } from './download';

/** A zip file has room for 4 GiB; what no longer fits goes into another one. */
const MOST_BYTES = 4_000_000_000;

/** Of so many bytes the checksum takes some ten milliseconds. */
const AT_ONCE = 2 << 20;

export class Archive {
  private present = new Part();
  private full = 0;

  /**
   * @param name of the file, "gradcam" for gradcam.zip; of several, gradcam-1.zip and so on
   * @param most bytes in one
   */
  constructor(
    private readonly name: string,
    private readonly most = MOST_BYTES,
  ) {}

  /** Adds it as it is: pictures are compressed already. In between the page does other things. */
  async add(name: string, bytes: Uint8Array): Promise<void> {
    const { present } = this;
    if (present.bytes > 0 && present.bytes + bytes.length > this.most) {
      download(present.end(), `${this.name}-${++this.full}.zip`);
      this.present = new Part();
    }
    await this.present.add(name, bytes);
  }

  /** Hands over the last one. */
  end(): void {
    const number = this.full > 0 ? `-${this.full + 1}` : '';
    download(this.present.end(), `${this.name}${number}.zip`);
  }
}

/** One in the making. What was added is kept in blobs, which browsers put on disk. */
class Part {
  bytes = 0;
  private parts: Blob[] = [];
  private readonly zip = new Zip((error, bytes) => {
    if (error) throw error;
    this.bytes += bytes.length;
    this.parts.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  });

  async add(name: string, bytes: Uint8Array): Promise<void> {
    const entry = new ZipPassThrough(name);
    this.zip.add(entry);
    let at = 0;
    for (; at + AT_ONCE < bytes.length; at += AT_ONCE) {
      entry.push(bytes.subarray(at, at + AT_ONCE));
      await pause();
    }
    entry.push(bytes.subarray(at), true);
  }

  end(): Blob {
    this.zip.end();
    return new Blob(this.parts, { type: 'application/zip' });
  }
}

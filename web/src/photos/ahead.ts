/** Photos that are prepared before they have their turn. */

import type { ReadonlySignal } from '@preact/signals';
import { transfer, type Remote } from 'comlink';
import type { Box, ModelInfo } from '../../../wasm/engine';
import { presentModel } from '../backend/network';
import { borrow, idleHelpers } from '../backend/idle-helpers';
import { hold, MOST_FILE_BYTES, put, type Held } from './photo-io';
import type { Outcome, PreparedPhoto, WorkerApi } from '../shared/protocol';
import type { WatchedWorker } from '../backend/watched-worker';

type Preprocess = ModelInfo['preprocess'];

/**
 * To decode a photo of a phone takes longer than the network does, and only one worker at a time;
 * so the others, which help it with the network, do so meanwhile for the photos that come next.
 */
export class Ahead {
  private readonly prepared = new WeakMap<
    File,
    { preprocess: Preprocess; photo: Promise<PreparedPhoto | undefined> }
  >();

  /** @param views how many are wanted of each photo, as of `Engine.prepare` */
  constructor(
    private readonly views: number,
    private readonly hasPreview: boolean,
  ) {}

  /**
   * Makes the engine hold a photo, if possible as it was prepared.
   * @param next the photos that will come after it
   * @param ask as of `hold`; is given the preview, if there is one already
   */
  async hold<T>(
    worker: Remote<WorkerApi>,
    photo: {
      id: number;
      file: File;
      crop?: ReadonlySignal<Box | undefined>;
    },
    next: () => readonly File[],
    ask: (preview?: Outcome<Blob>) => T,
  ): Promise<Outcome<Held<T>>> {
    // Of a part of it nothing is prepared.
    const prepared = photo.crop?.value
      ? undefined
      : await this.take(photo.file);
    if (!prepared) {
      this.begin(next());
      return hold(worker, photo, undefined, () => ask());
    }
    const { preview, ...source } = prepared;
    const known = preview && { ok: true as const, value: preview };
    return put(worker, photo.id, source, undefined, () => ask(known));
  }

  /** What was made of a photo, if anything was; once. */
  private async take(file: File): Promise<PreparedPhoto | undefined> {
    const prepared = this.prepared.get(file);
    this.prepared.delete(file);
    // Another model may take it in another way.
    if (prepared?.preprocess !== presentModel()?.preprocess) return undefined;
    return prepared?.photo;
  }

  /** Lets each helper that has nothing else to do prepare one of these. */
  private begin(files: readonly File[]): void {
    const preprocess = presentModel()?.preprocess;
    if (!preprocess) return;
    const missing = files.filter(
      (file) => !this.prepared.has(file) && file.size <= MOST_FILE_BYTES,
    );
    idleHelpers().forEach((helper, i) => {
      const file = missing[i];
      if (!file) return;
      const photo = this.prepare(helper, file, preprocess);
      this.prepared.set(file, { preprocess, photo });
    });
  }

  private prepare(
    helper: WatchedWorker,
    file: File,
    preprocess: Preprocess,
  ): Promise<PreparedPhoto | undefined> {
    return borrow(helper, async (worker) => {
      const bytes = await file.arrayBuffer();
      const given = transfer(bytes, [bytes]);
      return worker.prepare(given, preprocess, this.views, this.hasPreview);
    });
  }
}

/** What a helper does with photos, beside its share of the network. */

import { Engine, EngineError, type ModelInfo } from '../../../wasm/engine';
import type { PreparedPhoto } from '../shared/protocol';
import { tidy } from '../shared/tidy';
import { decodeFile } from './photo';
import { encodePreview } from './preview';

/** Once there was nothing to do for so many milliseconds, the memory is given back. */
const PATIENCE = 3000;

/**
 * Has an engine of its own for that, of which a large photo takes more memory than a member does,
 * and which is there for as long as photos come.
 */
export class SideEngine {
  private engine: Promise<Engine> | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly module: WebAssembly.Module) {}

  /**
   * Prepares a photo for the worker that has the network's first member.
   * @param hasPreview whether its preview comes with it
   */
  prepare(
    bytes: ArrayBuffer,
    preprocess: ModelInfo['preprocess'],
    views: number,
    hasPreview: boolean,
  ): Promise<PreparedPhoto> {
    return this.use(async (engine) => {
      const start = performance.now();
      const info = decodeFile(engine, bytes);
      const prepared = engine.prepare(preprocess, views);
      const milliseconds = performance.now() - start;
      const photo: PreparedPhoto = {
        info: { ...info, crop: prepared.crop, milliseconds },
        views: prepared.views,
      };
      if (hasPreview) photo.preview = await encodePreview(engine);
      return photo;
    });
  }

  /** `Engine.overlayPng` of the photo in a file. */
  paint(
    bytes: ArrayBuffer,
    ...how: Parameters<Engine['overlayPng']>
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.use((engine) => {
      decodeFile(engine, bytes);
      return engine.overlayPng(...how);
    });
  }

  private async use<T>(task: (engine: Engine) => T | Promise<T>): Promise<T> {
    clearTimeout(this.timer);
    this.engine ??= Engine.create(this.module);
    let engine: Engine | undefined;
    try {
      engine = await this.engine;
      return await task(engine);
    } catch (error) {
      // One that refuses a photo takes the next one; one that crashed, or was not made, does not.
      const isRefusal = engine && error instanceof EngineError;
      if (!isRefusal) this.engine = undefined;
      throw error;
    } finally {
      clearTimeout(this.timer); // of what ended since this began
      this.timer = setTimeout(() => this.rest(), PATIENCE);
    }
  }

  private rest(): void {
    this.engine = undefined;
    tidy();
  }
}

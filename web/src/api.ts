/**
 * `window.gradcam`: what the page itself uses, for scripts and tests.
 *
 *     await gradcam.ready;
 *     const [line] = await gradcam.addPhotos(input.files);
 *     await gradcam.explain('rex.jpg', 'pug');
 */

import { effect, untracked } from '@preact/signals';
import type {
  Box,
  EngineInfo,
  ExplainOptions,
  ModelInfo,
} from '../../wasm/engine';
import {
  network,
  presentModel,
  painter,
  setLowMemory,
  setWorkers,
} from './backend/network';
import { aim, lookCloser } from './photos/closer';
import { isInside } from './photos/crop';
import type { ExplainLine } from './photos/explain-line';
import { workers } from './backend/hiring';
import { until } from './shared/until';
import { choose } from './photos/maps';
import { type Companions } from './models/model-files';
import { useFile } from './models/models';
import type { Photo } from './photos/photo';
import {
  addPhotos,
  changeModel,
  explainLine,
  photos,
  remakeMaps,
  removeAll,
  settled,
} from './photos/photos';

export interface GradcamApi {
  /** Resolves when the model is loaded; rejects, with the reason, if that is not possible. */
  readonly ready: Promise<void>;
  /** Puts photos on the page; resolves with their results, in order, when all are finished. */
  addPhotos(files: Iterable<File>): Promise<ExplainLine[]>;
  /** The finished photos on the page, each as `gradcam explain --json` prints it. */
  results(): ExplainLine[];
  /** Makes the heatmap of the photo of this name answer for the class of this label. */
  explain(photo: string, label: string): Promise<ExplainLine>;
  /**
   * Shows the network this part of the photo of this name, in its pixels, or without one what it
   * usually sees. Rejects if the photo has no such part.
   */
  look(photo: string, part?: Box): Promise<ExplainLine>;
  /** Shows it the square around what is warm in the heatmap. */
  lookCloser(photo: string): Promise<ExplainLine>;
  /**
   * Makes all heatmaps in another way, those of photos on the page too; what is left out stays.
   * Rejects names that `about().engine` does not list.
   */
  setMethod(how: ExplainOptions): Promise<void>;
  /** Takes all photos off the page. */
  clear(): void;
  /**
   * Puts a weights file in the place of the present model for this visit; resolves when photos on
   * the page have been looked at anew. Rejects if the model had to stay. Other files may come with it:
   * `names` of its classes, which one of Keras, PyTorch or ONNX has not, and the `weights` of an ONNX
   * file that has them elsewhere.
   */
  useModel(file: File, companions?: Companions): Promise<void>;
  /** Calls the listener with the results now and whenever they change, until told to stop. */
  onResults(listener: (results: ExplainLine[]) => void): () => void;
  /**
   * The engine and the model at work, as far as they have been started, and how many workers there
   * are, with the reasons why others are there no more.
   */
  about(): {
    engine?: EngineInfo;
    model?: ModelInfo;
    workers: { count: number; lost: string[] };
  };
  /**
   * Divides the network among so many workers, 1 to 8. By default there is one for each processor,
   * and as many of them divide a network as have enough to do.
   */
  setWorkers(count: number): Promise<void>;
  /** Makes the network take less memory and more time, in one worker, or the other way round. */
  setLowMemory(on: boolean): Promise<void>;
}

declare global {
  interface Window {
    gradcam: GradcamApi;
  }
}

export function makeApi(): GradcamApi {
  const ready = whenReady();
  ready.catch(() => {}); // the page shows the failure itself
  return {
    ready,
    async addPhotos(files) {
      const added = await addPhotos({ files: [...files], refused: [] });
      // Another model may have come in meanwhile.
      await Promise.all(added.map(settled));
      return added.flatMap((photo) => explainLine(photo) ?? []);
    },
    results,
    async explain(name, label) {
      const { photo, result } = finished(name);
      const prediction = result.predictions.find(
        (prediction) => prediction.label === label,
      );
      if (!prediction) throw new Error(`The model has no class "${label}".`);
      await choose(photo, prediction.index);
      return lineOf(photo);
    },
    async look(name, part) {
      const { photo, result } = finished(name);
      if (part && !isInside(part, result)) {
        const { x, y, width, height } = part;
        throw new Error(
          `A part of ${width} x ${height} at (${x}, ${y}) is not inside the photo of ${result.width} x ${result.height} pixels.`,
        );
      }
      await aim(photo, part && { ...part });
      return lineAfter(photo);
    },
    async lookCloser(name) {
      const { photo } = finished(name);
      if (!photo.maps.value.has(photo.target.value)) {
        throw new Error('Its heatmap is not made yet.');
      }
      await lookCloser(photo);
      return lineAfter(photo);
    },
    async setMethod(how) {
      check(how);
      await remakeMaps(how);
    },
    clear: removeAll,
    async useModel(file, companions) {
      const failure = await changeModel(() =>
        useFile(file, { ...companions, keeps: false }),
      );
      const { value } = network;
      const fault = value.state === 'failed' ? value.failure : failure;
      if (fault) throw new Error(fault.message);
    },
    onResults: (listener) =>
      effect(() => {
        const lines = results();
        // Nothing that it reads or throws is ours.
        untracked(() => {
          try {
            listener(lines);
          } catch (error) {
            reportError(error);
          }
        });
      }),
    about() {
      return {
        engine: painter.value?.info,
        model: presentModel(),
        workers: workers.value,
      };
    },
    setWorkers,
    setLowMemory,
  };
}

/** Throws unless maps can be made in this way. */
function check({ method, layer, channels }: ExplainOptions): void {
  const info = painter.value?.info;
  if (!info) throw new Error('The engine has not started yet.');
  if (
    method !== undefined &&
    !info.methods.some(({ name }) => name === method)
  ) {
    throw new Error(`There is no method "${method}".`);
  }
  if (layer !== undefined && !info.layers.includes(layer)) {
    throw new Error(`There is no layer "${layer}".`);
  }
  if (
    channels !== undefined &&
    !(Number.isInteger(channels) && channels >= 0)
  ) {
    throw new Error(`There cannot be ${channels} channels.`);
  }
}

function finished(name: string) {
  const photo = photos.value.find((photo) => photo.name === name);
  const state = photo?.state.value;
  if (!photo || state?.name !== 'done') {
    throw new Error(`There is no finished photo named "${name}".`);
  }
  return { photo, result: state.result };
}

/** The line of a photo that was to be looked at again, unless that did not work. */
async function lineAfter(photo: Photo): Promise<ExplainLine> {
  await settled(photo);
  const { value: trouble } = photo.trouble;
  if (trouble) throw new Error(trouble.failure.message);
  return lineOf(photo);
}

/** The line of a photo once it is settled: it may be on the way to that, or another model come in. */
async function lineOf(photo: Photo): Promise<ExplainLine> {
  await settled(photo);
  const line = photos.value.includes(photo) && explainLine(photo);
  if (!line) throw new Error('Something else was asked of it meanwhile.');
  return line;
}

function results(): ExplainLine[] {
  return photos.value.flatMap((photo) => explainLine(photo) ?? []);
}

async function whenReady(): Promise<void> {
  await until(() => network.value.state !== 'starting');
  const { value } = network;
  if (value.state === 'failed') throw new Error(value.failure.message);
}

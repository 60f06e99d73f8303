/** Photos with their heatmaps as files, as the command line writes them. */

import { transfer } from 'comlink';
import type { Heatmap } from '../../../wasm/engine';
import { download } from './download';
import { fitLabel, fitStem } from './file-names';
import { askAbout } from '../photos/errand';
import { borrow, idleHelpers } from '../backend/idle-helpers';
import { labelOf, type Photo } from '../photos/photo';
import type { Outcome, WorkerApi } from '../shared/protocol';
import { colormap, opacity, threshold } from '../settings';

type Png = Uint8Array<ArrayBuffer>;

/** A picture that is yet to be painted: what is changed on the page meanwhile does not change it. */
interface Picture {
  name: string;
  /** Of several that are painted at once helpers paint some. */
  paint: () => Promise<Outcome<Png>>;
}

/**
 * A picture as large as the photo; undefined while there is no map.
 * @param map the photo's, as it is drawn
 */
export function pictureOf(
  photo: Photo,
  map = photo.maps.value.get(photo.target.value),
  heat = opacity.value,
): Picture | undefined {
  const state = photo.state.value;
  if (state.name !== 'done' || !map) return undefined;
  const label = fitLabel(labelOf(state.result, map.class));
  const how = [
    map,
    state.result.crop,
    colormap.value,
    heat,
    threshold.value,
  ] as const;
  return {
    name: `${fitStem(photo.name)}.${label}.png`,
    paint: () => paint(photo, how),
  };
}

/** Hands the user the picture that the page shows. */
export async function savePicture(
  photo: Photo,
  ...shown: [map: Heatmap | undefined, heat: number]
): Promise<void> {
  photo.trouble.value = undefined;
  const picture = pictureOf(photo, ...shown);
  if (!picture) return;
  const painted = await picture.paint();
  if (painted.ok) {
    const png = new Blob([painted.value], { type: 'image/png' });
    download(png, picture.name);
  } else {
    const again = () => savePicture(photo, ...shown);
    photo.trouble.value = { failure: painted.failure, again };
  }
}

/** How many pictures the first worker has to paint. */
let waiting = 0;

async function paint(
  photo: Photo,
  how: Readonly<Parameters<WorkerApi['overlayPng']>>,
): Promise<Outcome<Png>> {
  const [helper] = waiting > 0 ? idleHelpers() : [];
  const png =
    helper &&
    (await borrow(helper, async (worker) => {
      const bytes = await photo.file.arrayBuffer();
      return worker.paint(transfer(bytes, [bytes]), ...how);
    }));
  if (png) return { ok: true, value: png };
  waiting++;
  try {
    return await askAbout(photo, (worker) => worker.overlayPng(...how), {
      needs: 'pixels',
    });
  } finally {
    waiting--;
  }
}

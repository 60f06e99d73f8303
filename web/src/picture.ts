/** Photos with their heatmaps as files, as the command line writes them. */

import { transfer } from 'comlink';
import type { Heatmap, Rect } from '../../wasm/engine';
import { download, fitLabel, fitStem } from './download';
import { askAbout } from './errand';
import { borrow, idleHelpers } from './idle-helpers';
import { labelOf, type Photo } from './photo';
import type { Outcome } from './protocol';
import { colormap, opacity } from './settings';

type Png = Uint8Array<ArrayBuffer>;

/**
 * The picture that the command line would write with the settings of the page, and its name;
 * undefined while there is no map. Of several that are asked for at once helpers paint some.
 */
export async function pictureOf(
  photo: Photo,
): Promise<Outcome<{ name: string; png: Png }> | undefined> {
  const state = photo.state.value;
  const map = photo.maps.value.get(photo.target.value);
  if (state.name !== 'done' || !map) return undefined;
  const outcome = await paint(photo, map, state.result.crop);
  if (!outcome.ok) return outcome;
  const label = fitLabel(labelOf(state.result, map.class));
  const name = `${fitStem(photo.name)}.${label}.png`;
  return { ok: true, value: { name, png: outcome.value } };
}

export async function savePicture(photo: Photo): Promise<void> {
  photo.trouble.value = undefined;
  const picture = await pictureOf(photo);
  if (picture?.ok) {
    const { name, png } = picture.value;
    download(new Blob([png], { type: 'image/png' }), name);
  } else if (picture) {
    const again = () => savePicture(photo);
    photo.trouble.value = { failure: picture.failure, again };
  }
}

/** How many pictures the first worker has to paint. */
let waiting = 0;

async function paint(
  photo: Photo,
  map: Heatmap,
  crop: Rect,
): Promise<Outcome<Png>> {
  const how = [map, crop, colormap.value, opacity.value] as const;
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

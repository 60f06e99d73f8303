/** What is dropped, pasted or chosen: a model takes the place of the present one, photos come onto the page. */

import { LEARNING, modelsLeftOut } from './words/models';
import type { Intake } from './intake/intake';
import { unpackAll } from './intake/unpack';
import { sortOut } from './models/model-files';
import { useFile } from './models/models';
import { say } from './news';
import { addPhotos, changeModel, photos } from './photos/photos';
import { isTeaching } from './teach/lesson';

export async function takeIn(intake: Intake): Promise<void> {
  const isAnew = photos.value.length === 0;
  const { files, refused } = await unpackAll(intake);
  await addPhotos({ files: takeModel(files), refused }, { isAnew });
}

/**
 * Puts the first model among these files, with what goes with it, in the place of the present one.
 * @param ofAnyName whether the first file is one if none is by its name; that will be seen
 * @returns the other files
 */
export function takeModel(files: readonly File[], ofAnyName = false): File[] {
  const { models, others, ...companions } = sortOut(files);
  say(modelsLeftOut(models.map(({ name }) => name)));
  const model = models[0] ?? (ofAnyName ? others[0] : undefined);
  if (model && isTeaching.peek()) say(LEARNING);
  else if (model) void changeModel(() => useFile(model, companions));
  return others;
}

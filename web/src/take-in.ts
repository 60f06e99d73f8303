/** What is dropped, pasted or chosen: a model takes the place of the present one, photos come onto the page. */

import { LEARNING, modelsLeftOut } from './describe';
import type { Intake } from './intake';
import { sortOut, useFile } from './models';
import { say } from './news';
import { addPhotos, changeModel } from './photos';
import { isTeaching } from './teach';

export async function takeIn({ files, refused }: Intake): Promise<void> {
  const { models, others, ...companions } = sortOut(files);
  const [model] = models;
  say(modelsLeftOut(models.map(({ name }) => name)));
  if (model && isTeaching.peek()) say(LEARNING);
  else if (model) void changeModel(() => useFile(model, companions));
  await addPhotos({ files: others, refused });
}

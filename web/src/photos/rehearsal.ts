/**
 * A look at a photo of the page's own, before someone drops one: browsers compile again, and
 * better, what has run for a while, and buffers are made at their first use. Otherwise the first
 * photo takes twice as long as the others, and four times in WebKit.
 */

import { ask, stopLooking } from '../backend/network';
import { presentHow } from './maps';
import { UNWANTED } from '../shared/outcome';
import { makePhoto } from './photo';
import { hold } from './photo-io';
import { photos } from './photos';
import { samples } from './samples';

/** After them there is no more to be gained. */
const TIMES = 2;

/** Looks as often as that is of use, and makes room for everything else. */
export async function rehearse(): Promise<void> {
  const photo = makePhoto(samples()[0]!, { name: 'queued' });
  for (let i = 0; i < TIMES; i++) {
    await ask(async (worker, signal) => {
      if (photos.value.length > 0) return UNWANTED;
      signal.onabort = () => stopLooking(photo.id);
      const held = await hold(worker, photo, undefined, () => {
        void worker.preview();
        return signal.aborted ? UNWANTED : worker.look(presentHow());
      });
      return held.ok ? held.value.asked : held;
    }, 'leisurely');
  }
}

/** Everything that the page has found out, in one file to keep. */

import { signal } from '@preact/signals';
import { inOrder } from '../../../wasm/in-order';
import {
  lackingPictures,
  NO_LONGER_READABLE,
  WITHOUT_MAP,
} from '../words/saving';
import { withoutStop } from '../words/sentence';
import { Archive } from './archive';
import { csv, type TableRow } from './csv';
import { numbered } from './file-names';
import type { ExplainLine } from '../photos/explain-line';
import { answerOf } from '../photos/groups';
import { presentHow } from '../photos/maps';
import { classNoun, presentModel } from '../backend/network';
import { idleHelpers } from '../backend/idle-helpers';
import { say } from '../news';
import { reasonOf } from '../shared/outcome';
import { isSettled, type Photo } from '../photos/photo';
import { explainLine, photos, settled } from '../photos/photos';
import { pictureOf } from './picture';
import type { Failure } from '../shared/protocol';

/** How many photos are in the file, of how many; undefined while nothing is being saved. */
export const saving = signal<{ done: number; total: number } | undefined>(
  undefined,
);

const OF_SEVERAL =
  'The network, or the way that heatmaps are made, was changed while photos were waiting: what was saved is not all by the same one. Save it once more to have it so.';

/**
 * Saves the pictures of all photos on the page, a table of the answers, and the data; of those
 * that are not finished yet, when they are.
 * @param most bytes of pictures in a zip file
 */
export async function saveAll(most?: number): Promise<void> {
  if (saving.value) return;
  try {
    await save(photos.value, most);
  } catch (error) {
    say(`What is on the page could not be saved: ${reasonOf(error)}.`);
  } finally {
    saving.value = undefined;
  }
}

async function save(all: readonly Photo[], most?: number): Promise<void> {
  const archive = new Archive('gradcam', most);
  const table: TableRow[] = [];
  const lines: ExplainLine[] = [];
  const used = new Set<string>();
  const lacking = new Map<string, string[]>();
  const lacks = (name: string, why: string) =>
    lacking.set(why, [...(lacking.get(why) ?? []), name]);
  // As it is now, or once it is settled: what is changed before it has its turn is not half in it.
  const models = new Set<unknown>();
  const ways = new Set<string>();
  const known = new Set<Photo>();
  const left = new Set<File>();
  const atOnce = 1 + idleHelpers().length;
  const total = all.length;
  let done = 0;
  saving.value = { done, total };
  const saveEach = async (some: readonly Photo[]) => {
    for (const photo of some) known.add(photo);
    const takings = some.map(async (photo) => {
      await settled(photo);
      const row = rowOf(photo);
      if (row) {
        models.add(presentModel());
        ways.add(JSON.stringify(presentHow()));
      }
      return {
        photo,
        row,
        line: explainLine(photo),
        picture: row && pictureOf(photo),
      };
    });
    const saves = takings.map((taking) => async () => {
      const taken = await taking;
      return { ...taken, painted: await taken.picture?.paint() };
    });
    for await (const taken of inOrder(saves, atOnce)) {
      const { photo, row, line, picture, painted } = taken;
      if (!row) {
        left.add(photo.file);
        continue;
      }
      if (++done < total) saving.value = { done, total };
      // One that cannot be painted, as of a file that has gone, does not take its data.
      if (!picture || !painted) {
        if (row.error === undefined) lacks(photo.name, WITHOUT_MAP);
      } else if (painted.ok) {
        row.picture = numbered(picture.name, used);
        await archive.add(row.picture, painted.value);
      } else {
        lacks(photo.name, whyUnpainted(painted.failure));
      }
      table.push(row);
      if (line) lines.push(line);
    }
  };
  await saveEach(all);
  // Those that waited, were taken off the page and put back are others now.
  const areBack = () =>
    photos.value.filter((photo) => !known.has(photo) && left.has(photo.file));
  for (let back = areBack(); back.length > 0; back = areBack()) {
    await saveEach(back);
  }
  if (table.length === 0) return;
  const text = new TextEncoder();
  await archive.add(
    'results.csv',
    text.encode(csv(table, classNoun.value.one)),
  );
  const data = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  await archive.add('results.jsonl', text.encode(data));
  archive.end();
  const isOfSeveral = models.size > 1 || ways.size > 1;
  const words = [lackingPictures(lacking), isOfSeveral && OF_SEVERAL];
  if (words.some(Boolean)) say(words.filter(Boolean).join(' '));
}

function whyUnpainted({ code, message }: Failure): string {
  return code === 'unreadable_file'
    ? NO_LONGER_READABLE
    : `which could not be painted: ${withoutStop(message)}`;
}

/** Nothing of a photo that was taken off the page before there was an answer, and a map. */
function rowOf(photo: Photo): TableRow | undefined {
  if (!photos.value.includes(photo) && !isSettled(photo)) return undefined;
  const { value: state } = photo.state;
  const { name, making } = photo;
  const answer = answerOf(photo);
  if (answer === undefined) return undefined;
  return state.name === 'done'
    ? { photo: name, answer, ...state.result, error: making.failure?.message }
    : {
        photo: name,
        answer,
        error: state.name === 'failed' ? state.failure.message : undefined,
      };
}

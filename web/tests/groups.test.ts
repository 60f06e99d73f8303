import { beforeEach, expect, test } from 'vitest';
import type { ModelInfo } from '../../wasm/engine';
import { network } from '../src/backend/network';
import {
  showGroup,
  chosen,
  groups,
  inSight,
  showAll,
} from '../src/photos/groups';
import { makePhoto, type Photo, type PhotoState } from '../src/photos/photo';
import { photos } from '../src/photos/photos';

/** What the network says of a photo that shows one breed. */
const sure = (label: string, probability = 0.9): PhotoState => ({
  name: 'done',
  result: {
    predictions: [{ index: 0, label, probability, logit: 0 }],
    others: null,
    milliseconds: { decode: 0, forward: 0, backward: 0 },
    width: 1,
    height: 1,
    crop: { x: 0, y: 0, width: 1, height: 1 },
    preview: new Blob(),
  },
});
const put = (...states: PhotoState[]) =>
  states.map((state, i) => {
    const photo = makePhoto(new File([], `${i}.jpg`), { name: 'queued' });
    photo.state.value = state;
    return photo;
  });
const counts = () => groups.value.map(({ name, count }) => `${name} ${count}`);

let pug: Photo;
let boxer: Photo;
let all: Photo[];

const ready = (model: object) => {
  network.value = { state: 'ready', model: model as ModelInfo };
};

beforeEach(() => {
  ready({ unsure_below: 0.5 });
  showAll();
  all = put(sure('pug'), sure('boxer'), sure('boxer'), { name: 'running' });
  [pug, boxer] = all as [Photo, Photo];
  photos.value = all;
});

test('those of a group are shown, and those without an answer', () => {
  showGroup('Pug');
  expect(inSight.value).toEqual([pug, all[3]]);
  all[3]!.state.value = sure('maltese');
  expect(inSight.value).toEqual([pug]);
  showAll();
  expect(inSight.value).toEqual(all);
});

test('classes that are called as the page calls what has none are told apart', () => {
  const failure = { code: 'unreadable_file', message: 'gone' } as const;
  photos.value = put(
    sure('failed'),
    sure('failed'),
    { name: 'failed', failure },
    sure('not_sure'),
    sure('pug', 0.1),
  );
  expect(counts()).toEqual([
    'Failed (a class) 2',
    'Not sure (a class) 1',
    'Not sure 1',
    'Failed 1',
  ]);
});

test('what one works on stays in sight, whatever becomes of it', () => {
  all[3]!.state.value = sure('pug');
  showGroup('Pug');
  expect(inSight.value).toEqual([pug, all[3]]);
  pug.state.value = sure('pug', 0.3);
  expect(inSight.value).toEqual([pug, all[3]]);
  all[3]!.state.value = sure('boxer');
  expect(inSight.value).toEqual([pug, all[3]]);
  // So that one can see what is chosen, and end it.
  expect(counts()).toEqual(['Boxer 3', 'Pug 0', 'Not sure 1']);
  showGroup('Boxer');
  expect(inSight.value).toEqual([boxer, all[2], all[3]]);
});

test('what it probably is has its group, as it has its line', () => {
  ready({ unsure_below: 0.8 });
  all[3]!.state.value = sure('maltese', 0.75);
  expect(counts()).toEqual(['Boxer 2', 'Pug 1', 'Maltese 1']);
  all[3]!.state.value = sure('maltese', 0.45);
  expect(counts()).toEqual(['Boxer 2', 'Pug 1', 'Not sure 1']);
});

test('new photos are shown', () => {
  showGroup('Pug');
  photos.value = [...photos.value, ...put({ name: 'queued' })];
  expect(chosen.value).toBeUndefined();
  expect(inSight.value).toHaveLength(5);
});

test('one that is put back is not new', () => {
  photos.value = all = [...all, ...put(sure('pug'))];
  showGroup('Pug');
  expect(inSight.value).toEqual([pug, all[3], all[4]]);
  photos.value = all.slice(1);
  photos.value = all;
  expect(chosen.value).toBe('Pug');
  expect(inSight.value).toEqual([pug, all[3], all[4]]);
});

test('one that is put back into another group is shown', () => {
  photos.value = all = [...all, ...put(sure('pug'))];
  photos.value = all.filter((photo) => photo !== boxer);
  showGroup('Pug');
  photos.value = all;
  expect(chosen.value).toBeUndefined();
  expect(inSight.value).toContain(boxer);
});

test('what another model says is shown', () => {
  showGroup('Pug');
  ready({ unsure_below: 0 });
  expect(chosen.value).toBeUndefined();
  showGroup('Pug');
  // As when it has been stored.
  if (network.value.state === 'ready') ready(network.value.model);
  expect(chosen.value).toBe('Pug');
});

test('nothing is chosen any more when all that was is gone', () => {
  all[3]!.state.value = sure('boxer');
  photos.value = all = [...all, ...put(sure('boxer'))];
  showGroup('Pug');
  photos.value = all.slice(1);
  expect(chosen.value).toBeUndefined();
  showGroup('Boxer');
  photos.value = [];
  expect(chosen.value).toBeUndefined();
});

/** How photos get to the worker, with a stand-in for that. */

import { wrap, type Remote } from 'comlink';
import { expect, test, vi } from 'vitest';
import { hold } from '../src/photos/photo-io';
import { UNWANTED } from '../src/shared/outcome';
import type { HeldInfo, Outcome, WorkerApi } from '../src/shared/protocol';
import { script } from './threads';

const photo = { id: 7, file: new File(['a photo'], 'rex.jpg') };
const info: HeldInfo = {
  width: 2,
  height: 1,
  crop: { x: 0, y: 0, width: 1, height: 1 },
  milliseconds: 3,
};

function workerThat(api: Partial<WorkerApi>): Remote<WorkerApi> {
  return wrap<WorkerApi>(script(api));
}

test('what is asked about a photo does not wait until it is held', async () => {
  let take: (outcome: Outcome<HeldInfo>) => void;
  const worker = workerThat({
    hold: () => new Promise((resolve) => (take = resolve)),
    evidence: async () => {
      take({ ok: true, value: info });
      return UNWANTED;
    },
  });
  const held = await hold(worker, photo, undefined, () =>
    worker.evidence(4, 'block5_conv3'),
  );
  if (!held.ok) throw new Error(held.failure.message);
  expect(held.value.info).toEqual(info);
  expect(await held.value.asked).toEqual(UNWANTED);
});

test('why a photo cannot be held counts, not what was asked about it', async () => {
  const failure = { code: 'corrupt_image', message: 'it ends too early' };
  const worker = workerThat({
    hold: async () => ({ ok: false, failure }),
    evidence: async () => UNWANTED,
  });
  const held = await hold(worker, photo, undefined, () =>
    worker.evidence(4, 'block5_conv3'),
  );
  expect(held).toEqual({ ok: false, failure });
});

test('what is too large for a photo is not read', async () => {
  const film = new File(['a film'], 'rex.mov');
  Object.defineProperty(film, 'size', { value: 3e9 });
  const read = vi.spyOn(film, 'arrayBuffer');
  const held = await hold(
    workerThat({}),
    { id: 8, file: film },
    undefined,
    () => 0,
  );
  expect(held).toMatchObject({ failure: { code: 'image_too_large' } });
  expect(read).not.toHaveBeenCalled();
});

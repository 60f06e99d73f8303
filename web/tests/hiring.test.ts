/** How the page and its first worker learn of helpers that are of no use. */

import { expose, proxy, transfer, wrap } from 'comlink';
import { afterEach, expect, test, vi } from 'vitest';
import { helpers, hire, hireHelpers } from '../src/backend/hiring';
import { idleHelpers } from '../src/backend/idle-helpers';
import { lend, pageApi } from '../src/backend/loans';
import {
  compileEngine,
  fakeWorkers,
  read,
  readerOf,
  script,
  workerScript,
} from './threads';
import type { WorkerApi } from '../src/shared/protocol';

vi.mock('virtual:worker', () => ({ default: '' }));

const scripts: MessagePort[] = [];
afterEach(() => {
  // Else comlink says goodbye once it is garbage, to what then is no worker any more.
  for (const port of scripts.splice(0)) port.close();
  vi.unstubAllGlobals();
});

test('a helper that fails at its start is reported as lost', async () => {
  const lost = vi.fn();
  const fail = () => Promise.reject(new Error('out of memory'));
  fakeWorkers([
    script({ lost, start: async () => {} }),
    script({ serve: fail }),
    script({ serve: async () => {} }),
  ]);
  await hire(3, compileEngine(), false);
  await vi.waitFor(() => expect(lost).toHaveBeenCalled());
  expect(lost.mock.calls).toEqual([[0, 'out of memory']]);
});

test('a helper that is lost before there is a team is not waited for', async () => {
  const port = await workerScript();
  scripts.push(port);
  const worker = wrap<WorkerApi>(port);
  expose(pageApi, port);
  const losses: [number, string][] = [];
  // The news can be here before the engine is, and even before the start.
  const told = worker.lost(0, 'the browser ended it');
  const { port1 } = new MessageChannel(); // nobody serves the other end
  void worker.start(
    await compileEngine(),
    transfer([port1], [port1]),
    false,
    proxy((...loss: [number, string]) => losses.push(loss)),
  );
  await told;
  const model = readerOf(await read('weights/default.safetensors'));
  const loaded = await worker.loadModel(
    model.size,
    lend(model),
    proxy(() => {}),
  );
  expect(loaded.ok).toBe(true);
  await vi.waitFor(() => expect(losses).toEqual([[0, 'the browser ended it']]));
});

test('who asks a helper that is dismissed hears of that', async () => {
  const api = { start: async () => {}, serve: async () => {} };
  const never = () => new Promise<never>(() => {});
  fakeWorkers([script(api), script({ ...api, prepare: never }), script(api)]);
  await hire(2, compileEngine(), false);
  const asked = helpers[0]!.ask<unknown>((worker) =>
    worker.prepare(new ArrayBuffer(), {}, 1, false),
  );
  hireHelpers(1, compileEngine());
  await expect(asked).rejects.toThrow('dismissed');
});

test('a helper that is lost is given nothing else to do', async () => {
  let lose: (index: number, reason: string) => void = () => {};
  let begun = () => {};
  const started = new Promise<void>((resolve) => (begun = resolve));
  const start: WorkerApi['start'] = async (_module, _ports, _low, onLoss) => {
    lose = onLoss;
    begun();
  };
  const helper = { serve: async () => {} };
  fakeWorkers([script({ start }), script(helper), script(helper)]);
  await hire(3, compileEngine(), false);
  const idle = () => idleHelpers().map((helper) => helpers.indexOf(helper));
  expect(idle()).toEqual([0, 1]);
  await started;
  lose(0, 'the browser ended it');
  await vi.waitFor(() => expect(idle()).toEqual([1]));
});

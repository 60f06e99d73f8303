/** The network divided among several engines, here all in one thread. */

import { expose, wrap } from 'comlink';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  Engine,
  EngineError,
  type Explanation,
  type PassProgress,
  type PieceReader,
} from '../../wasm/engine';
import { lend, pageApi } from '../src/backend/loans';
import { Stopped } from '../src/shared/outcome';
import type { Outcome } from '../src/shared/protocol';
import { Helper, makeHelperApi, type HelperApi } from '../src/worker/helper';
import { Member } from '../src/worker/member';
import { Team } from '../src/worker/team';
import { compileEngine, headFile, read, readerOf, tensorAt } from './threads';

let module: WebAssembly.Module;
let weights: Uint8Array<ArrayBuffer>;
let model: PieceReader;
let photo: Uint8Array<ArrayBuffer>;
/** What an engine without helpers says. */
let alone: { logits: number[]; maps: Explanation };

beforeAll(async () => {
  module = await compileEngine();
  weights = await read('weights/default.safetensors');
  model = readerOf(weights);
  // One of which no gradient hangs on the rounding of an activation next to 0.
  photo = await read('web/pictures/landscape.jpg');
  const engine = await Engine.create(module);
  await engine.loadModel(weights);
  engine.decode(photo);
  const { predictions } = engine.classify();
  const classes = predictions.map((_, index) => index);
  alone = { logits: logitsOf(predictions), maps: engine.explain(classes) };
  engine.dispose();
});

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

/** A helper; `spoil` changes what it does. */
async function hire(
  index: number,
  spoil: (api: HelperApi) => void = () => {},
): Promise<Helper> {
  const { port1, port2 } = new MessageChannel();
  open.push(port1, port2);
  const api = await makeHelperApi(module);
  spoil(api);
  expose(api, port1);
  return new Helper(index, wrap<HelperApi>(port2));
}

async function makeTeam(
  members: number,
  spoil: (api: HelperApi, index: number) => void = () => {},
) {
  const losses: [number, string][] = [];
  const helpers = await Promise.all(
    Array.from({ length: members - 1 }, (_, index) =>
      hire(index, (api) => spoil(api, index)),
    ),
  );
  const team = new Team(await Engine.create(module), helpers, (...loss) =>
    losses.push(loss),
  );
  team.allTakePart = true;
  return { team, losses };
}

/** Makes a helper fail at what it is asked to do, at the call of this number. */
function failAt(
  call: number,
  api: HelperApi,
  name: 'forward' | 'pass',
  failure = { code: 'internal', message: 'unreachable executed' },
) {
  const task = api[name] as (...args: unknown[]) => Promise<Outcome<null>>;
  let calls = 0;
  api[name] = (...args: unknown[]) =>
    ++calls === call ? Promise.resolve({ ok: false, failure }) : task(...args);
}

function logitsOf(predictions: { index: number; logit: number }[]): number[] {
  return [...predictions]
    .sort((a, b) => a.index - b.index)
    .map(({ logit }) => logit);
}

function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
) {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
  }
  expect(worst).toBeLessThan(tolerance);
}

async function expectSameAnswer(team: Team) {
  const { classification, explanation } = await team.lookAt([
    ...Array(alone.maps.maps.length).keys(),
  ]);
  expectClose(logitsOf(classification.predictions), alone.logits, 1e-3);
  expect(explanation.maps.length).toBe(alone.maps.maps.length);
  explanation.maps.forEach((map, i) => {
    const expected = alone.maps.maps[i]!;
    expect(map).toMatchObject({ class: i, rows: 14, cols: 14 });
    expect(map.status).toBe(expected.status);
    expectClose(map.values, expected.values, 1e-3);
  });
}

test.each([1, 2, 3, 8])('%i members say what one says', async (members) => {
  const { team, losses } = await makeTeam(members);
  const parts: number[] = [];
  const info = await team.load(model, (part) => parts.push(part));
  expect(info.labels.length).toBe(15);
  expect(parts.at(-1)).toBeGreaterThan(0.5);
  team.engine.decode(photo);
  await expectSameAnswer(team);
  await expectSameAnswer(team);
  const { maps } = await team.explain([3]);
  expectClose(maps[0]!.values, alone.maps.maps[3]!.values, 1e-3);
  expect(losses).toEqual([]);
});

test('a model can be read in pieces by all members', async () => {
  const { team } = await makeTeam(3);
  const bytes: number[] = [];
  await team.load({
    size: weights.length,
    read: async (begin, end) => {
      bytes.push(end - begin);
      return weights.slice(begin, end);
    },
  });
  // Each weight of blocks 4 and 5 and the dense layers was read once, the others by every member.
  const total = bytes.reduce((sum, count) => sum + count, 0);
  expect(total).toBeGreaterThan(weights.length);
  expect(total).toBeLessThan(1.7 * weights.length);
  team.engine.decode(photo);
  await expectSameAnswer(team);
});

test('a helper that crashes is done without, and its part is done again', async () => {
  const { team, losses } = await makeTeam(3, (api, index) => {
    if (index === 1) failAt(2, api, 'forward');
  });
  await team.load(model);
  team.engine.decode(photo);
  await expectSameAnswer(team);
  await expectSameAnswer(team);
  expect(losses).toEqual([[1, 'unreachable executed']]);
  expect(team.members).toBe(2);
});

test('a part of the photo that was chosen is seen after a loss, and until another photo comes', async () => {
  const { team, losses } = await makeTeam(2, (api) =>
    failAt(2, api, 'forward'),
  );
  await team.load(model);
  const { width, height } = team.engine.decode(photo);
  const logits = async () => {
    const { classification } = await team.lookAt(0);
    return logitsOf(classification.predictions);
  };
  const side = Math.min(width, height) / 2;
  team.engine.setCrop({ x: 0, y: 0, width: side, height: side });
  const ofPart = await logits();
  expectClose(await logits(), ofPart, 1e-3); // the helper is lost at this
  expect(losses.length).toBe(1);
  await team.load(model);
  expectClose(await logits(), ofPart, 1e-3);
  team.engine.decode(photo);
  await expectSameAnswer(team);
});

test('as many helpers take part as have enough to do, and idle ones may go', async () => {
  const { team, losses } = await makeTeam(3);
  team.allTakePart = false;
  const { multiply_adds } = await team.load(model);
  expect(multiply_adds).toBeLessThan(3e9); // enough for one
  expect(team.members).toBe(1);
  team.lose(1, 'it was closed');
  expect(losses).toEqual([[1, 'it was closed']]);
  team.engine.decode(photo);
  await expectSameAnswer(team);
  team.allTakePart = true;
  await team.reload();
  expect(team.members).toBe(2);
  await expectSameAnswer(team);
});

test('where ports are slow, members reach each other through the page', async () => {
  const calls: unknown[] = [];
  const { team } = await makeTeam(2, (api) => {
    api.weigh = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { ok: true, value: null };
    };
    api.join = async (_, ends) => {
      calls.push(ends);
      return { ok: true, value: null };
    };
  });
  vi.stubGlobal('addEventListener', () => {});
  await team.load(model);
  vi.unstubAllGlobals();
  expect(calls).toEqual([[-1, null]]);
});

test('a helper that is gone is done without', async () => {
  const { team, losses } = await makeTeam(2, (api) => {
    api.forward = () => new Promise(() => {});
  });
  await team.load(model);
  team.engine.decode(photo);
  const answer = expectSameAnswer(team);
  setTimeout(() => team.lose(0, 'it was closed'), 1000);
  await answer;
  expect(losses).toEqual([[0, 'it was closed']]);
});

test('what is stopped ends, and the next photo is not disturbed', async () => {
  const { team } = await makeTeam(2);
  await team.load(model);
  team.engine.decode(photo);
  const answer = team.lookAt(0);
  let passed = 0;
  const count = setInterval(() => passed++, 1);
  while (passed < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  clearInterval(count);
  team.stop();
  await expect(answer).rejects.toBeInstanceOf(Stopped);
  await expectSameAnswer(team);
});

test('what follows begins when the engine is done with what was before, and ends with it', async () => {
  let left = 0;
  const happened: string[] = [];
  const engine = {
    progress: () => (left > 0 ? 'ready' : 'done'),
    step: () => {
      happened.push('step');
      left--;
    },
    takeMessages: () => [],
  } as unknown as Engine;
  const begin = (steps: number) => () => {
    happened.push(`begin ${steps}`);
    left = steps;
  };
  const member = new Member(engine, [null]);
  await member.together(1, begin(2), begin(1));
  expect(happened).toEqual(['begin 2', 'step', 'step', 'begin 1', 'step']);

  const refuse = () => {
    throw new Error('no such class');
  };
  await expect(member.together(2, begin(1), refuse)).rejects.toThrow(
    'no such class',
  );
  await member.together(3, begin(1));
  expect(left).toBe(0);
});

test('a run is stopped by its number, before it begins, too, and no other one', async () => {
  let left = 0;
  const engine = {
    progress: () => (left > 0 ? 'ready' : 'done'),
    step: () => left--,
    takeMessages: () => [],
  } as unknown as Engine;
  const member = new Member(engine, [null]);
  const begin = vi.fn(() => (left = 3));
  member.stop(1);
  await expect(member.together(1, begin)).rejects.toBeInstanceOf(Stopped);
  expect(begin).not.toHaveBeenCalled();
  const running = member.together(2, begin);
  member.stop(1);
  await running;
  expect(left).toBe(0);
  const stopped = member.together(3, begin);
  member.stop(3);
  await expect(stopped).rejects.toBeInstanceOf(Stopped);
  await member.together(4, begin);
});

test('a run that fails as it begins takes no more messages', async () => {
  const receive = vi.fn();
  const engine = {
    takeMessages: () => {
      throw new RangeError('no room');
    },
    receive,
  } as unknown as Engine;
  const port = {} as MessagePort;
  const member = new Member(engine, [null, port]);
  const running = member.together(1, () => {});
  await expect(running).rejects.toThrow('no room');
  const data = { run: 1, values: Float32Array.of(1) };
  port.onmessage!(new MessageEvent('message', { data }));
  expect(receive).not.toHaveBeenCalled();
});

test('a model that a helper finds to be corrupt is refused', async () => {
  const { team, losses } = await makeTeam(2);
  const broken = weights.slice();
  const { end } = tensorAt(broken, 'fc2.bias'); // the helper has the last ones
  broken.fill(0xff, end - 4, end);
  const error = await team
    .load(readerOf(broken))
    .catch((error: unknown) => error);
  expect(error).toBeInstanceOf(EngineError);
  expect((error as EngineError).code).toBe('corrupt_model');
  expect(losses).toEqual([]);
  await team.load(model);
  team.engine.decode(photo);
  await expectSameAnswer(team);
});

test('a head is at all members, survives the loss of one and goes with its model', async () => {
  const { team, losses } = await makeTeam(3, (api, index) => {
    const failure = { code: 'out_of_memory', message: 'no room' };
    if (index === 1) failAt(3, api, 'forward', failure);
  });
  const { fingerprint, layers } = await team.load(model);
  team.engine.decode(photo);
  const [features] = await team.features([0]);
  const width = layers.at(-1)!.weight[1]!;
  expect(features!.length).toBe(width);
  const weight = Float32Array.from({ length: 3 * width }, (_, i) =>
    Math.sin(i),
  );
  const bias = Float32Array.of(1, 2, 3);
  const expected = Array.from(bias, (sum, c) =>
    features!.reduce((all, x, i) => all + x * weight[c * width + i]!, sum),
  );
  const head = headFile(fingerprint, ['x', 'y', 'z'], weight, bias);

  expect((await team.useHead(head)).labels).toEqual(['x', 'y', 'z']);
  const expectOwn = async () => {
    const { classification } = await team.lookAt([2]);
    expectClose(logitsOf(classification.predictions), expected, 1e-3);
  };
  await expectOwn();
  expect(losses).toEqual([]);
  await expectOwn(); // the helper is lost at this
  expect(losses).toEqual([[1, 'no room']]);
  expect(team.members).toBe(2);

  const restore = team.restorer();
  await expect(team.load(readerOf(weights.slice(9)))).rejects.toThrow();
  expect(team.hasModel).toBe(false);
  await restore();
  expect(team.hasModel).toBe(true);
  await expectOwn();
  // Maps are not of what the layer before said.
  await team.useHead(undefined);
  expect((await team.explain([14])).maps[0]!.class).toBe(14);
  await expectSameAnswer(team);

  await team.useHead(head);
  await team.load(model);
  await team.reload();
  await expectSameAnswer(team);
});

test('of a view that a lesson takes no maps are made', async () => {
  const { team } = await makeTeam(1);
  await team.load(model);
  team.engine.decode(photo);
  await expectSameAnswer(team);
  const [itself, mirrored] = await team.features([0, 1]);
  expect(itself).not.toEqual(mirrored);
  const { maps } = await team.explain([3]);
  expectClose(maps[0]!.values, alone.maps.maps[3]!.values, 1e-3);
});

test('a helper asks the page itself for what that has lent', async () => {
  const { port1, port2 } = new MessageChannel();
  expose(pageApi, port1);
  vi.stubGlobal('addEventListener', port2.addEventListener.bind(port2));
  vi.stubGlobal('postMessage', port2.postMessage.bind(port2));
  port2.start();
  let isGone = false;
  const lent = vi.fn(async (begin: number, end: number) => {
    if (isGone) throw new Error('it has gone');
    return weights.slice(begin, end);
  });
  const read = vi.fn(async (begin: number, end: number) =>
    weights.slice(begin, end),
  );
  const { team, losses } = await makeTeam(2);
  const loan = lend({ read: lent });
  await team.load({ size: weights.length, read, loan });
  expect(lent).toHaveBeenCalled();
  team.engine.decode(photo);
  const { classification } = await team.lookAt(0);
  expectClose(logitsOf(classification.predictions), alone.logits, 1e-3);
  isGone = true;
  await expect(
    team.load({ size: weights.length, read, loan }),
  ).rejects.toMatchObject({
    code: 'unreadable_file',
    message: expect.stringMatching(/cannot be read/),
  });
  expect(losses).toEqual([]);
  port1.close();
  vi.unstubAllGlobals();
});

test('a file that cannot be read costs no helper', async () => {
  const { team, losses } = await makeTeam(2);
  const gone = new EngineError('unreadable_file', 'it has gone');
  const source = {
    size: weights.length,
    read: async (begin: number, end: number) => {
      if (begin > weights.length / 2) throw gone;
      return weights.slice(begin, end);
    },
  };
  await expect(team.load(source)).rejects.toBe(gone);
  expect(losses).toEqual([]);
});

test.each([1, 3])(
  '%d that take less memory give the same answer',
  async (members) => {
    const { team } = await makeTeam(members);
    await team.load(model);
    const usual = team.engine.heapBytes;
    const { team: small } = await makeTeam(members);
    small.lowMemory = true;
    await small.load(model);
    // A third of the model fits in what an engine begins with, either way.
    if (members === 1) expect(small.engine.heapBytes).toBeLessThan(usual);
    else expect(small.engine.heapBytes).toBeLessThanOrEqual(usual);
    small.engine.decode(photo);
    await expectSameAnswer(small);
    // Back to the usual way, and the same model on top.
    small.lowMemory = false;
    await small.reload();
    await expectSameAnswer(small);
  },
);

test('a model that does not come in leaves room for the one before it', async () => {
  const { team } = await makeTeam(1);
  team.lowMemory = true;
  await team.load(model);
  const restore = team.restorer();
  const broken = weights.slice(0, weights.length - 4);
  await expect(team.load(readerOf(broken))).rejects.toThrow();
  await restore();
  team.engine.decode(photo);
  await expectSameAnswer(team);
});

/** An engine with all the weights, which has classified the photo. */
async function engineAlone(): Promise<Engine> {
  const engine = await Engine.create(module);
  await engine.loadModel(weights);
  engine.decode(photo);
  engine.classify();
  return engine;
}

test.each([2, 3])('%i members make maps by every method', async (members) => {
  const { team } = await makeTeam(members);
  await team.load(model);
  team.engine.decode(photo);
  await expectSameAnswer(team);
  const { methods } = team.engine.about();
  const engine = await engineAlone();
  // Occlusion takes passes like Score-CAM, but many.
  const quick = methods.filter(({ name }) => name !== 'occlusion');
  const hows = [
    ...quick.map(({ name }) => ({ method: name, channels: 2 })),
    { method: 'layercam', layer: 'block5_pool' },
    { method: 'gradcam++', layer: 'block4_conv3' },
    { method: 'gradcam', layer: 'block2_conv2' },
  ];
  for (const how of hows) {
    const { maps } = await team.explain([2], how);
    engine.classify();
    const expected = engine.explain([2], how).maps[0]!;
    expect(maps[0]!.status).toBe(expected.status);
    expect(maps[0]!.maximum / expected.maximum).toBeCloseTo(1, 3);
    expectClose(maps[0]!.values, expected.values, 1e-3);
    expect(team.members).toBe(members);
  }
});

test('the evidence of a map adds up', async () => {
  const { team } = await makeTeam(2);
  await team.load(model);
  team.engine.decode(photo);
  await expectSameAnswer(team);
  for (const layer of ['block5_conv3', 'block2_conv2']) {
    const { maps } = await team.explain([2], { layer });
    const [map] = maps;
    const evidence = await team.evidence(2, layer);
    const { channels, others, alphas, rows, cols } = evidence;
    expect(team.members).toBe(2);
    expect([rows, cols]).toEqual([map!.rows, map!.cols]);
    expect(channels.map(({ share }) => Math.sign(share))).toEqual([
      1, 1, 1, -1, -1,
    ]);
    const sum = others.values.map((value, cell) =>
      channels.reduce((sum, { channel, alpha, values }) => {
        expect(alphas[channel]).toBe(alpha);
        return sum + alpha * values[cell]!;
      }, value),
    );
    expectClose(evidence.sum, sum, 1e-5);
    const most = Math.max(...sum);
    expect(most / map!.maximum).toBeCloseTo(1, 3);
    const warm = sum.map((value) => Math.max(0, value) / most);
    expectClose(map!.values, warm, 1e-3);
  }
});

/** Notes what it is told, and stops the team when it has been told as much as it wants. */
function reporter(team: Team, enough = Infinity) {
  const told: PassProgress[] = [];
  const report = (progress: PassProgress) => {
    told.push(progress);
    if (told.length === enough) team.stop();
  };
  return { told, report };
}

test('a slow map says how far it is, and can be stopped', async () => {
  const { team } = await makeTeam(2);
  await team.load(model);
  team.engine.decode(photo);
  const how = { method: 'scorecam', channels: 5 };
  const { explanation } = await team.lookAt(
    team.costOf(how).inPasses ? 0 : [3],
    how,
  );
  expect(explanation.maps).toEqual([]);
  const { told, report } = reporter(team);
  const { maps } = await team.explain([3], how, report);
  expect(told).toEqual([0, 1, 2, 3, 4].map((done) => ({ done, passes: 5 })));
  expect(maps[0]).toMatchObject({ class: 3, rows: 14, cols: 14 });

  const stopping = reporter(team, 2);
  await expect(team.explain([3], how, stopping.report)).rejects.toThrow(
    Stopped,
  );
  expect(stopping.told.length).toBe(2);
  const again = await team.explain([3], how);
  expect(again.maps).toEqual(maps);
  expect(team.costOf({ method: 'layercam' }).inPasses).toBe(false);
  expect(team.costOf({ method: 'ablationcam' }).inPasses).toBe(false);
  expect(
    team.costOf({ method: 'ablationcam', layer: 'block5_conv2' }).inPasses,
  ).toBe(true);
});

test('a helper that is lost amid passes costs no map', async () => {
  const { team, losses } = await makeTeam(3, (api, index) => {
    if (index === 0) failAt(2, api, 'pass');
  });
  await team.load(model);
  team.engine.decode(photo);
  await expectSameAnswer(team);
  const how = { method: 'scorecam', channels: 3 };
  const { maps } = await team.explain([3], how);
  expect(losses).toEqual([[0, 'unreachable executed']]);
  expect(team.members).toBe(2);
  const [expected] = (await engineAlone()).explain([3], how).maps;
  expectClose(maps[0]!.values, expected!.values, 1e-3);
  await expectSameAnswer(team);
});

test('a map is measured, beside one that says nothing', async () => {
  const { team } = await makeTeam(2);
  await team.load(model);
  team.engine.decode(photo);
  const { classification, explanation } = await team.lookAt(1);
  const { told, report } = reporter(team);
  const found = await team.measure(explanation.maps[0]!, report);
  expect(told.length).toBe(25);
  const [best] = classification.predictions;
  expect(found.probability).toBeCloseTo(best!.probability, 4);
  const { map, random_order, centre } = found;
  for (const { curve } of [map, random_order, centre]) {
    expect(curve.length).toBe(9);
    // All begin with nothing.
    expect(curve[0]).toBe(map.curve[0]);
    expect(curve.at(-1)).toBe(found.probability);
  }
  expect(map.curve).not.toEqual(random_order.curve);
  expect(centre.curve).not.toEqual(random_order.curve);
  expect(found.covered_area).toBeGreaterThan(0);
  expect(found.covered_area).toBeLessThan(1);
  expect(found.covered).not.toBe(found.covered_centre);
  // The engine's own code tells the same of a second map.
  const second = await team.measure(explanation.maps[0]!);
  expect(second).toEqual(found);

  const broken = { ...explanation.maps[0]!, values: new Float32Array(196) };
  broken.values.fill(NaN);
  await expect(team.measure(broken)).rejects.toThrow(/finite/);
  const stopping = reporter(team, 3);
  await expect(
    team.measure(explanation.maps[0]!, stopping.report),
  ).rejects.toThrow(Stopped);
});

describe('of a file that lasts, read by one that takes less memory,', () => {
  /** The default model with a count of the bytes read, and a way to spoil it. */
  async function makeFrugal(members = 1) {
    const { team } = await makeTeam(members);
    team.lowMemory = true;
    const file = { bytes: 0, isGone: false, onRead: () => {} };
    await team.load({
      size: weights.length,
      isLasting: true,
      read: async (begin, end) => {
        if (file.isGone) throw new EngineError('unreadable_file', 'gone');
        file.bytes += end - begin;
        file.onRead();
        return weights.slice(begin, end);
      },
    });
    file.bytes = 0;
    team.engine.decode(photo);
    return { team, file };
  }

  test('fc1 stays in the file', async () => {
    const { team, file } = await makeFrugal();
    await expectSameAnswer(team);
    const fc1 = file.bytes;
    expect(fc1).toBeGreaterThan(0);
    expect(fc1).toBeLessThan(weights.length);
    await team.explain([3]);
    expect(file.bytes).toBe(fc1); // these maps take only its sums
    const how = { method: 'hirescam' };
    const { team: usual } = await makeTeam(1);
    await usual.load(model);
    usual.engine.decode(photo);
    const expected = await usual.explain([3], how);
    const actual = await team.explain([3], how);
    expect(file.bytes).toBe(2 * fc1);
    expectClose(actual.maps[0]!.values, expected.maps[0]!.values, 1e-3);
  });

  test('a photo fails when the file is gone, and no other one', async () => {
    const { team, file } = await makeFrugal();
    file.isGone = true;
    await expect(team.lookAt(0)).rejects.toThrow('gone');
    file.isGone = false;
    await expectSameAnswer(team);
  });

  test('what is stopped ends amid reading', async () => {
    const { team, file } = await makeFrugal();
    file.onRead = () => team.stop();
    await expect(team.lookAt(0)).rejects.toBeInstanceOf(Stopped);
    file.onRead = () => {};
    await expectSameAnswer(team);
  });

  test('members that are several keep their shares of fc1', async () => {
    const { team, file } = await makeFrugal(2);
    await expectSameAnswer(team);
    expect(file.bytes).toBe(0);
  });
});

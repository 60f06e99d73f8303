/** The engine's class over the real engine, with the model of the page. */

import { beforeAll, describe, expect, test, vi } from 'vitest';
import {
  Engine,
  EngineError,
  MAX_MEMBERS,
  USUAL_CHANNELS,
  USUAL_LAYER,
  USUAL_METHOD,
  type Pixels,
} from '../../wasm/engine';
import { compileEngine, otherModel, read } from './threads';

let module: WebAssembly.Module;
let weights: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  module = await compileEngine();
  weights = await read('weights/default.safetensors');
});

const EMPTY = {
  class: 0,
  status: 'empty' as const,
  maximum: 0,
  box: null,
  rows: 1,
  cols: 1,
};

/** An orange disc on blue, so that there is something to see. */
function picture(width: number, height: number): Pixels {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inside = Math.hypot(x - width / 3, y - height / 2) < height / 4;
      data.set(
        inside ? [230, 120, 20, 255] : [40, 80, 160, 255],
        (y * width + x) * 4,
      );
    }
  }
  return { width, height, data };
}

function errorOf(act: () => unknown): EngineError {
  try {
    act();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('an engine with a model', () => {
  let engine: Engine;
  const shares: number[] = [];

  beforeAll(async () => {
    engine = await Engine.create(module);
    await engine.loadModel(weights, (share) => shares.push(share));
  });

  test('tells what it is', () => {
    const { simd, colormaps, methods, layers, receptive_fields, ...rest } =
      engine.about();
    expect(rest.usual).toEqual({
      method: USUAL_METHOD,
      layer: USUAL_LAYER,
      channels: USUAL_CHANNELS,
    });
    expect(rest.max_members).toBe(MAX_MEMBERS);
    expect(simd).toBe('simd128');
    expect(colormaps).toContain('turbo');
    expect(methods.map(({ name }) => name)).toContain('gradcam');
    expect(receptive_fields.length).toBe(layers.length);
    expect(receptive_fields[layers.indexOf('block5_conv3')]).toEqual({
      size: 196,
      stride: 16,
    });
  });

  test('reported the progress of loading', () => {
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });

  test('warms up without forgetting what it has classified', () => {
    engine.setPixels(picture(64, 64));
    const { predictions } = engine.classify();
    engine.warmUp();
    expect(engine.predictions().predictions).toEqual(predictions);
  });

  test('classifies, explains and draws', () => {
    const photo = engine.setPixels(picture(320, 240));
    expect(photo).toMatchObject({ width: 320, height: 240 });
    expect(photo.crop.width).toBeGreaterThan(0);

    const { predictions, others } = engine.classify();
    const total = predictions.reduce((sum, p) => sum + p.probability, 0);
    expect(others?.label).toBe('another breed');
    expect(total + others!.probability).toBeCloseTo(1, 5);

    const classes = predictions.map(({ index }) => index);
    const { maps } = engine.explain(classes);
    expect(maps.map((map) => map.class)).toEqual(classes);
    for (const { rows, cols, values, status } of maps) {
      expect(values.length).toBe(rows * cols);
      expect(Math.max(...values)).toBe(status === 'ok' ? 1 : 0);
    }

    const heat = engine.heatRgba(maps[0]!, 'turbo', 64, 48);
    expect(heat.data.length).toBe(64 * 48 * 4);

    const png = engine.overlayPng(maps[0]!, photo.crop, 'turbo', 0.5);
    expect([...png.subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
    // The engine reads what it wrote.
    expect(engine.decode(png)).toMatchObject({ format: 'png', width: 320 });
  });

  test('sees the part of a photo that it is shown', () => {
    const original = picture(320, 240);
    const { crop: usual } = engine.setPixels(original);
    const whole = engine.classify().predictions;
    const part = { x: 40, y: 30, width: 160, height: 160 };
    expect(engine.setCrop(part)).toEqual(part);
    expect(errorOf(() => engine.explain([0])).code).toBe('invalid_argument');
    const ofPart = engine.classify().predictions;
    expect(ofPart).not.toEqual(whole);

    for (const wrong of [
      { ...part, x: 170 },
      { ...part, y: -1 },
      { ...part, width: 0 },
      { ...part, height: NaN },
    ]) {
      expect(errorOf(() => engine.setCrop(wrong)).message).toContain('inside');
    }
    // It is as it was.
    expect(engine.classify().predictions).toEqual(ofPart);
    const [map] = engine.explain([ofPart[0]!.index]).maps;
    const closer = engine.closer(map!, part);
    expect(closer.width).toBe(closer.height);
    expect(closer.width).toBeLessThanOrEqual(160);
    expect(closer.x).toBeGreaterThanOrEqual(40);
    const nowhere = { rows: 1, cols: 2, values: Float32Array.of(0, 0) };
    expect(engine.closer(nowhere, part)).toEqual(part);

    // A picture has the map where it was made, whatever the network is shown by now.
    const saved = engine.overlayPng(map!, part, 'turbo', 0.5);
    engine.setCrop();
    expect(engine.overlayPng(map!, part, 'turbo', 0.5)).toEqual(saved);
    expect(engine.overlayPng(map!, usual, 'turbo', 0.5)).not.toEqual(saved);

    expect(engine.setCrop()).toEqual(usual);
    expect(engine.classify().predictions).toEqual(whole);
    engine.setCrop(part);
    expect(engine.setPixels(original).crop).toEqual(usual);
    expect(engine.classify().predictions).toEqual(whole);
  });

  test('gives previews that keep the shape and small photos as they are', () => {
    const original = picture(300, 100);
    engine.setPixels(original);
    expect(engine.preview(150)).toMatchObject({ width: 150, height: 50 });
    const whole = engine.preview(1000);
    const same = (value: number, i: number) => value === original.data[i];
    expect(whole.data.length).toBe(original.data.length);
    expect(whole.data.every(same)).toBe(true);
  });

  test('what it returned survives later calls', () => {
    engine.setPixels(picture(64, 64));
    engine.classify();
    const [first] = engine.explain([0]).maps;
    const before = first!.values.slice();
    engine.setPixels(picture(900, 700));
    engine.classify();
    engine.explain([1, 2, 3]);
    expect(first!.values).toEqual(before);
  });

  test('tells what a file is by its beginning', () => {
    const text = (text: string) => new TextEncoder().encode(text);
    const jpeg = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0);
    expect(engine.sniff(jpeg)).toEqual({ format: 'jpeg', refusal: null });
    for (const start of [
      text('%PDF-1.7'),
      text('a text'),
      text(''),
      text('\0'),
    ]) {
      const { format, refusal } = engine.sniff(start);
      expect(format).toBe(start.length === 8 ? 'pdf' : '');
      const { code, message } = errorOf(() => engine.decode(start));
      expect(refusal).toEqual({ code, message });
    }
  });

  test('refuses what is no picture, and goes on', () => {
    const nothing = errorOf(() => engine.decode(new Uint8Array()));
    expect(nothing.message).not.toBe('');
    const text = errorOf(() =>
      engine.decode(new TextEncoder().encode('not a picture at all')),
    );
    expect(text.code).not.toBe('internal');
    expect(engine.setPixels(picture(8, 8)).width).toBe(8);
  });

  test('refuses a colormap and a class that do not exist', () => {
    const heatmap = { rows: 1, cols: 1, values: Float32Array.of(1) };
    const colormap = errorOf(() => engine.heatRgba(heatmap, 'none', 8, 8));
    expect(colormap.code).toBe('invalid_argument');
    const size = errorOf(() => engine.heatRgba(heatmap, 'turbo', 0, 8));
    expect(size.message).toContain('0 x 8 pixels');
    engine.setPixels(picture(8, 8));
    engine.classify();
    expect(errorOf(() => engine.explain([-1])).code).toBe('invalid_argument');
  });

  test('answers a method or a layer that does not exist with those that do', () => {
    engine.setPixels(picture(8, 8));
    engine.classify();
    const { methods, layers } = engine.about();
    const byMethod = errorOf(() => engine.explain([0], { method: 'guess' }));
    for (const { name } of methods) expect(byMethod.message).toContain(name);
    const byLayer = errorOf(() => engine.explain([0], { layer: 'fc1' }));
    for (const layer of layers) expect(byLayer.message).toContain(layer);
  });

  test('what takes many passes ends with the photo it belongs to', () => {
    engine.setPixels(picture(320, 240));
    engine.classify();
    const run = () => {
      while (engine.progress() === 'ready') engine.step();
    };
    engine.beginExplain([0], { method: 'occlusion' });
    run();
    expect(engine.passesLeft()).toEqual({ passes: 196, from: null });
    engine.beginPass(null);
    run();
    expect(engine.passesLeft()).toEqual({ passes: 195, from: null });
    expect(errorOf(() => engine.maps()).message).toContain('passes');
    engine.setPixels(picture(320, 240));
    expect(errorOf(() => engine.passesLeft()).code).toBe('invalid_argument');
    expect(errorOf(() => engine.beginPass(null)).message).toContain('passes');
    const map = { ...EMPTY, values: new Float32Array(1) };
    const unclassified = errorOf(() => engine.measure(map));
    expect(unclassified.message).toContain('classified');
  });

  test('explains what was classified though nobody asked for the answer', () => {
    engine.setPixels(picture(64, 64));
    engine.beginForward();
    while (engine.progress() === 'ready') engine.step();
    expect(engine.explain([1]).maps).toHaveLength(1);
  });

  test('after passes the photo has to be classified again', () => {
    engine.setPixels(picture(320, 240));
    engine.classify();
    const how = { method: 'scorecam', channels: 2 };
    const { maps } = engine.explain([1], how);
    expect(maps[0]).toMatchObject({ class: 1, rows: 14, cols: 14 });
    expect(errorOf(() => engine.explain([1])).message).toContain('classified');
    engine.classify();
    expect(engine.explain([1], how).maps).toEqual(maps);
  });

  test('refuses arrays that do not fit their sizes', () => {
    const values = new Float32Array(3);
    const heatmap = { rows: 2, cols: 2, values };
    expect(errorOf(() => engine.heatRgba(heatmap, 'turbo', 8, 8)).code).toBe(
      'invalid_argument',
    );
    const pixels = { width: 2, height: 2, data: new Uint8ClampedArray(3) };
    expect(errorOf(() => engine.setPixels(pixels)).code).toBe(
      'invalid_argument',
    );
  });

  test('answers for the photo as it is now, or not at all', () => {
    const none = 'no photo has been classified';
    const heatmap = () => {
      engine.setPixels(picture(64, 64));
      engine.classify();
      return engine.explain([0]).maps[0]!;
    };
    for (const change of [
      () => engine.explain([0], { method: 'scorecam', channels: 2 }),
      () => engine.measure(heatmap()),
      () => engine.setCrop({ x: 8, y: 8, width: 32, height: 32 }),
      () => engine.setPixels(picture(32, 64)),
    ]) {
      heatmap();
      change();
      expect(() => engine.predictions()).toThrow(none);
      expect(() => engine.features()).toThrow(none);
    }
  });

  test('takes no other number for a class', () => {
    engine.setPixels(picture(64, 64));
    engine.classify();
    for (const index of [NaN, 1.5, -1, 2 ** 32, Infinity]) {
      expect(() => engine.explain([0, index])).toThrow(
        `a class is a whole number from 0 on, not ${index}`,
      );
    }
    const how = { method: 'scorecam', channels: -1 };
    expect(() => engine.explain([0], how)).toThrow('how many channels');
    expect(engine.explain([0]).maps).toHaveLength(1);
  });

  test('of two models that are loaded at once it has the one that began last', async () => {
    const other = await Engine.create(module);
    const early = other.loadModel(weights).catch((error) => error);
    const { labels } = await other.loadModel(otherModel(weights));
    expect(await early).toMatchObject({ code: 'cancelled' });
    other.setPixels(picture(64, 64));
    const { predictions } = other.classify();
    expect(predictions.map(({ label }) => label).sort()).toEqual(
      [...labels].sort(),
    );
  });

  test('keeps its model when another one is broken', async () => {
    for (const bytes of [
      new Uint8Array(),
      weights.subarray(0, 100),
      weights.subarray(0, weights.length - 1),
      new TextEncoder().encode('<html>not found</html>'),
    ]) {
      const error = await engine.loadModel(bytes).catch((error) => error);
      expect(error).toBeInstanceOf(EngineError);
      expect(error.code).toBe('corrupt_model');
    }
    engine.setPixels(picture(64, 64));
    expect(engine.classify().predictions.length).toBeGreaterThan(1);
  });
});

test('says so where the browser has no memory for an engine', async () => {
  const instantiate = vi.spyOn(WebAssembly, 'instantiate');
  instantiate.mockRejectedValueOnce(new RangeError('Out of memory'));
  expect(await Engine.create(module).catch((error) => error)).toMatchObject({
    code: 'out_of_memory',
    message: 'there is not enough memory for an engine',
  });
  instantiate.mockRestore();
});

test('what is taught is a last layer that can be put on its model', async () => {
  const engine = await Engine.create(module);
  const own = await engine.loadModel(weights);
  const width = own.layers.at(-1)!.weight[1]!;
  // Four photos of one view each, of two classes that one feature tells apart.
  const features = new Float32Array(4 * width);
  [5, -5, 6, -6].forEach((value, i) => (features[i * width] = value));
  const labels = [0, 1, 0, 1];
  for (let lesson = 0; lesson < 2; lesson++) {
    const { steps, trainings, groups } = engine.beginTeaching(
      features,
      labels,
      1,
    );
    expect([trainings, groups]).toEqual([5, 4]);
    const losses: number[] = [];
    for (let done = false; !done;) {
      expect(errorOf(() => engine.finishTeaching(['a', 'b'])).message).toMatch(
        /to its end/,
      );
      const progress = engine.teach(60);
      losses.push(...progress.losses);
      ({ done } = progress);
      if (done) expect(progress).toMatchObject({ left_out: 4, mistakes: [] });
    }
    // Each is told once.
    expect(losses.length).toBe(steps);
    expect(losses[0]).toBeCloseTo(Math.log(2), 5);
    expect(losses.at(-1)).toBeLessThan(0.1);
  }
  const head = engine.finishTeaching(['a', 'b']);
  engine.setPixels(picture(64, 64));
  engine.classify();
  const taught = engine.useHead(head);
  expect(taught).toMatchObject({
    labels: ['a', 'b'],
    license: own.license,
    fingerprint: own.fingerprint,
  });
  // All were recognised: it may be as sure as can be.
  expect(taught.temperature).toBeLessThan(0.5);
  expect(errorOf(() => engine.explain([0])).message).toContain('classified');
  const answer = engine.classify();
  expect(answer.predictions.length).toBe(2);
  expect(answer.others).toBe(null);
  expect(engine.useHead().labels).toEqual(own.labels);
  expect(engine.useHead()).toEqual(own);
});

test('a model is converted piece by piece, and answers alike', async () => {
  const engine = await Engine.create(module);
  const own = await engine.loadModel(weights);
  engine.setPixels(picture(200, 300));
  const before = engine.classify().predictions;
  const parts: Uint8Array[] = [];
  const shares: number[] = [];
  let isWriting = false;
  await engine.convertModel(
    weights,
    'f32',
    async (bytes) => {
      expect(isWriting).toBe(false); // one after the other
      isWriting = true;
      await new Promise((resolve) => setTimeout(resolve));
      parts.push(bytes);
      isWriting = false;
    },
    (share) => shares.push(share),
  );
  expect(isWriting).toBe(false);
  expect(shares.at(-1)).toBe(1);
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
  const converted = Uint8Array.from(Buffer.concat(parts));
  expect(converted.length).toBeGreaterThan(1.9 * weights.length);
  const info = await engine.loadModel(converted);
  expect(info).toMatchObject({
    labels: own.labels,
    preprocess: own.preprocess,
    temperature: own.temperature,
    unsure_below: own.unsure_below,
    others: own.others,
    license: own.license,
  });
  engine.setPixels(picture(200, 300));
  engine.classify().predictions.forEach(({ index, probability }, i) => {
    expect(index).toBe(before[i]!.index);
    expect(probability).toBeCloseTo(before[i]!.probability, 3);
  });
});

test('a model reads the same from a blob as from bytes', async () => {
  const answer = async (source: Blob | Uint8Array) => {
    const engine = await Engine.create(module);
    const info = await engine.loadModel(source);
    engine.setPixels(picture(200, 300));
    const { predictions } = engine.classify();
    engine.dispose();
    return { info, predictions };
  };
  expect(await answer(new Blob([weights]))).toEqual(await answer(weights));
});

test('small tensors that lie together in a file are read at once', async () => {
  const reads: number[] = [];
  const read = async (begin: number, end: number) => {
    reads.push(end - begin);
    return weights.slice(begin, end);
  };
  const engine = await Engine.create(module);
  const { layers } = await engine.loadModel({ size: weights.length, read });
  // Each layer has a weight and a bias, at least.
  expect(reads.length).toBeLessThan(1.2 * layers.length);
  // What tells the header's length comes with the header again.
  expect(reads.reduce((sum, bytes) => sum + bytes)).toBe(8 + weights.length);
});

test('the memory of an engine does not grow from photo to photo', async () => {
  const engine = await Engine.create(module);
  await engine.loadModel(weights, undefined, {
    member: 0,
    members: 1,
    lowMemory: true,
  });
  const lookAtEachSize = () => {
    for (let i = 0; i < 5 * 7; i++) {
      engine.setPixels(picture(200 + (i % 7), 300 - (i % 5)));
      const { predictions } = engine.classify();
      engine.explain(predictions.map(({ index }) => index));
    }
    return engine.heapBytes;
  };
  const heap = lookAtEachSize();
  expect(lookAtEachSize()).toBe(heap);
});

test('an engine without a model prepares photos for one that has it', async () => {
  const [engine, other] = [
    await Engine.create(module),
    await Engine.create(module),
  ];
  const { preprocess } = await engine.loadModel(weights);
  const views = [0, 1];
  const look = () =>
    views.map((view) => {
      engine.beginForward({}, view);
      while (engine.progress() === 'ready') engine.step();
      return engine.predictions().predictions;
    });
  const original = picture(320, 240);
  const { crop } = engine.setPixels(original);
  const usual = look();

  expect(errorOf(() => other.prepare(preprocess)).message).toMatch(/no photo/);
  const whole = { x: 0, y: 0, width: 320, height: 240 };
  expect(other.setPixels(original).crop).toEqual(whole);
  const prepared = other.prepare(preprocess, views.length);
  expect(prepared.crop).toEqual(crop);
  engine.setPixels(picture(64, 64));
  engine.setPrepared(prepared);
  expect(look()).toEqual(usual);
  // The maps, too, need no more of the photo.
  expect(engine.explain([0], { method: 'scorecam' }).maps).toHaveLength(1);

  for (const lacking of [
    () => engine.beginForward({}, 2),
    () => engine.preview(100),
    () => engine.setCrop(),
  ]) {
    expect(errorOf(lacking).message).toMatch(/no photo/);
  }
  engine.setPixels(original);
  expect(look()).toEqual(usual);

  for (const count of [0, 1, prepared.views.length - 1]) {
    const views = prepared.views.slice(0, count);
    expect(errorOf(() => engine.setPrepared({ views })).message).toMatch(
      /a view has 150528 numbers/,
    );
  }
  const wrong = { ...preprocess, size: 0 };
  expect(errorOf(() => other.prepare(wrong)).message).toMatch(/size/);
  expect(errorOf(() => other.prepare(preprocess, 7)).message).toMatch(/view/);
  expect(errorOf(() => other.setPrepared(prepared)).message).toMatch(/model/);
});

test('an engine without a model colours heatmaps, and classifies nothing', async () => {
  const engine = await Engine.create(module);
  const heatmap = { rows: 1, cols: 2, values: Float32Array.of(0, 1) };
  const { data } = engine.heatRgba(heatmap, 'turbo', 2, 1);
  expect(data[3]).toBe(0);
  expect(data[7]).toBe(255);
  const warm = { rows: 1, cols: 2, values: Float32Array.of(0.3, 1) };
  const alphas = (threshold: number) => {
    const { data } = engine.heatRgba(warm, 'turbo', 2, 1, threshold);
    return [data[3], data[7]];
  };
  expect(alphas(0.25)).toEqual([153, 255]);
  expect(alphas(0.35)).toEqual([0, 255]);
  engine.setPixels(picture(8, 8));
  expect(errorOf(() => engine.classify()).message).toMatch(/no model/);
});

test('an ONNX file may have its weights in another one', async () => {
  const path = 'tests/fixtures/models/pytorch_beside.onnx';
  const file = await read(path);
  const weights = await read(`${path}.data`);
  const both = new Blob([file, weights]);
  const engine = await Engine.create(module);
  const parts: Uint8Array[] = [];
  const convert = (source: Blob, beside?: number) =>
    engine.convertModel(
      source,
      'f16',
      async (bytes) => void parts.push(bytes),
      () => {},
      { labels: 'a\nb\n', foreign: { name: 'dogs.onnx', beside } },
    );
  await convert(both, weights.length);
  const info = await engine.loadModel(Buffer.concat(parts));
  expect(info).toMatchObject({ labels: ['a', 'b'], source: 'dogs.onnx' });
  await expect(convert(new Blob([file]))).rejects.toThrow(
    /another file, "pytorch_beside.onnx.data"/,
  );
  await expect(
    convert(both.slice(0, both.size - 1), weights.length - 1),
  ).rejects.toThrow(/that file has/);
});

test.each([
  'keras.h5',
  'keras.keras',
  'pytorch.pth',
  'pytorch_legacy.pth',
  'pytorch.onnx',
])('%s is imported piece by piece', async (name) => {
  const file = await read(`tests/fixtures/models/${name}`);
  const engine = await Engine.create(module);
  const parts: Uint8Array[] = [];
  const shares: number[] = [];
  const into = async (bytes: Uint8Array) => void parts.push(bytes);
  await engine.convertModel(
    new Blob([file]),
    'int8',
    into,
    (share) => shares.push(share),
    { labels: 'a\nb\n', foreign: { name, values: 'unit' } },
  );
  expect(shares.at(-1)).toBe(1);
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
  const info = await engine.loadModel(Buffer.concat(parts));
  expect(info).toMatchObject({
    labels: ['a', 'b'],
    source: name,
    preprocess: { size: 64, channels: 'RGB', mean: [0, 0, 0] },
  });
  engine.setPixels(picture(64, 64));
  expect(engine.classify().predictions.length).toBe(2);

  const refused = (labels: string, bytes = file) =>
    engine
      .convertModel(bytes, 'f32', into, () => {}, {
        labels,
        foreign: { name },
      })
      .then(
        () => '',
        (error: EngineError) => error.message,
      );
  expect(await refused('a\nb\nc\n')).toMatch(/3 labels.*2 classes/);
  expect(await refused('a\n\nb')).toMatch(/line 2 is empty/);
  expect(await refused('', file.slice(0, 2000))).toMatch(/cut short|damaged/);
  expect(await refused('', file.slice(9))).toMatch(/no file of Keras/);
});

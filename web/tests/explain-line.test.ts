import { expect, test } from 'vitest';
import { explainedLine } from '../src/photos/explain-line';

test("an explained photo is the command line's JSON, and no more", () => {
  const result = {
    width: 300,
    height: 200,
    crop: { x: 62.5, y: 12.5, width: 175, height: 175 },
    preview: new Blob(),
    predictions: [
      { label: 'pug', index: 1, probability: 0.75, logit: 2 },
      { label: 'beagle', index: 0, probability: 0.25, logit: 1 },
    ],
    others: { label: 'another breed', probability: 0.05 },
    milliseconds: { decode: 3, forward: 40, backward: 1 },
  };
  const values = Float32Array.of(0, 0.1, 1 / 3, 1);
  const heatmap = {
    class: 0,
    status: 'ok' as const,
    maximum: 9,
    box: { x: 1, y: 0, width: 1, height: 2 },
    rows: 2,
    cols: 2,
  };
  const line = explainedLine(
    'a.jpg',
    result,
    { ...heatmap, values },
    { method: 'hirescam', layer: 'block4_conv3' },
    0.8,
  );
  expect(line).toEqual({
    photo: 'a.jpg',
    width: 300,
    height: 200,
    top: result.predictions,
    others: result.others,
    certainty: 'unsure',
    class: 'beagle',
    method: 'hirescam',
    layer: 'block4_conv3',
    crop: result.crop,
    box: { x: 150, y: 12.5, width: 87.5, height: 175 },
    heatmap: {
      rows: 2,
      cols: 2,
      status: 'ok',
      maximum: 9,
      values: expect.anything(),
    },
    milliseconds: result.milliseconds,
  });
  expect(JSON.stringify(line.heatmap.values)).toBe(
    '[0,0.100000001,0.333333343,1]',
  );
  expect(Float32Array.from(line.heatmap.values)).toEqual(values);
});

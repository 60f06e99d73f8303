import { expect, test } from 'vitest';
import type { Box } from '../../wasm/engine';
import { cellsInWords, cellsOf, underCells } from '../src/photos/cells';

test('how finely a layer shows where, at any size of input', () => {
  const info = {
    layers: ['block4_conv3', 'block5_conv3'],
    receptive_fields: [
      { size: 92, stride: 8 },
      { size: 196, stride: 16 },
    ],
  };
  const words = (layer: string, size: number) =>
    cellsInWords(cellsOf(layer, info, { preprocess: { size } })!).replaceAll(
      '\u00a0',
      ' ',
    );
  expect(words('block5_conv3', 224)).toBe(
    '14 × 14 cells; each sees up to 196 × 196 of the 224 × 224 pixels',
  );
  expect(words('block4_conv3', 96)).toBe(
    '12 × 12 cells; each sees up to 92 × 92 of the 96 × 96 pixels',
  );
  expect(words('block5_conv3', 96)).toBe(
    '6 × 6 cells; each sees up to all 96 × 96 pixels',
  );
  expect(cellsOf('fc1', info, { preprocess: { size: 224 } })).toBeUndefined();
});

test('a cell and what it sees lie around the same middle, within the input', () => {
  const cells = { count: 14, size: 16, sees: 196, input: 224 };
  const pixels = ({ x, y, width, height }: Box) =>
    [x, y, width, height].map((share) => Math.round(224 * share));
  const { cell, field } = underCells(cells, { x: 0.5, y: 0.999 });
  expect(pixels(cell)).toEqual([112, 208, 16, 16]);
  expect(pixels(field)).toEqual([22, 118, 196, 106]);
});

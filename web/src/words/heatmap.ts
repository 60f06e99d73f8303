/** What a heatmap shows, in words, and two beside each other. */

import type { Heatmap, HeatValues } from '../../../wasm/engine';
import { breedInText, capitalised } from './names';
import { percent } from './numbers';

/** All that there is to say of a map that is one. */
export const DECORATION = 'a decoration, not where it looked';

/** Where the heatmap is strongest, as the rest of a sentence. */
export function where(map: HeatValues & Pick<Heatmap, 'status'>): string {
  if (map.status === 'empty') return 'no evidence here';
  if (map.status === 'non_finite') return 'no answer, the numbers overflowed';
  const { rows, cols } = map;
  const heat = Array.from(spread(map));
  const peak = heat.reduce(
    (best, each, i) => (each > heat[best]! ? i : best),
    0,
  );
  const vertical = third(Math.floor(peak / cols), rows);
  const horizontal = third(peak % cols, cols);
  const place =
    vertical === 1 && horizontal === 1
      ? 'in the centre'
      : vertical === 1
        ? `on the ${['left', '', 'right'][horizontal]}`
        : horizontal === 1
          ? `at the ${['top', '', 'bottom'][vertical]}`
          : `in the ${['upper', '', 'lower'][vertical]} ${['left', '', 'right'][horizontal]}`;
  return `strongest ${place}`;
}

/** A method's caption around the name of a class, which may be no part of it. */
export function captionParts(caption: string): [string, string?] {
  const [before = '', after] = capitalised(caption).split('{}');
  return [before, after];
}

/** A method's caption for a class. */
export function captionFor(caption: string, label: string): string {
  const [before, after] = captionParts(caption);
  return after === undefined ? before : before + breedInText(label) + after;
}

/**
 * What a screen reader says in the place of the heatmap.
 * @param caption for the class, by the method
 * @param isDecoration whether that method shows no evidence
 */
export function heatmapLabel(
  caption: string,
  map: Heatmap,
  isDecoration = false,
): string {
  if (isDecoration) return `${caption}: ${DECORATION}.`;
  const start = `${caption}: ${where(map)}`;
  return map.status === 'ok'
    ? `${start}, clearly on ${percent(extent(map))} of what it saw.`
    : `${start}.`;
}

/** Of what is warm (at least half of the strongest) in either map, the share that is so in both. */
export function overlap(a: HeatValues, b: HeatValues): number {
  const side = Math.max(a.rows, a.cols, b.rows, b.cols);
  const isWarm = ({ rows, cols, values }: HeatValues, y: number, x: number) => {
    const row = Math.floor(((y + 0.5) / side) * rows);
    const col = Math.floor(((x + 0.5) / side) * cols);
    return values[row * cols + col]! >= 0.5;
  };
  let both = 0;
  let either = 0;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [inA, inB] = [isWarm(a, y, x), isWarm(b, y, x)];
      if (inA && inB) both++;
      if (inA || inB) either++;
    }
  }
  return either === 0 ? 0 : both / either;
}

/** How strong two maps of the same making are beside each other, of their maxima before scaling. */
export function strengths(first: number, second: number): string {
  const factor = Math.max(first, second) / Math.min(first, second);
  const times = factor.toFixed(factor < 9.95 ? 1 : 0);
  if (times === '1.0') return 'At their hottest, both are as strong.';
  const [more, less] =
    first > second ? ['first', 'second'] : ['second', 'first'];
  return `At its hottest, the ${more} is ${times} times as strong as the ${less}.`;
}

/** How much weaker a map is than that of the most probable class, where that is much. */
export function weakness(
  map: Heatmap,
  best: Heatmap | undefined,
  bestLabel: string,
  isDrawnSo = false,
): string | undefined {
  if (map.status !== 'ok' || best?.status !== 'ok') return undefined;
  const times = best.maximum / map.maximum;
  if (!(times >= 2)) return undefined;
  const looks = isDrawnSo ? '' : ', though the colours look the same';
  return `This map is ${times.toFixed(0)} times weaker than the one for ${breedInText(bestLabel)}${looks}.`;
}

/** The share of what it saw that holds at least half of the strongest evidence. */
function extent({ values }: Pick<Heatmap, 'values'>): number {
  const half = values.reduce((most, value) => Math.max(most, value), 0) / 2;
  return values.filter((value) => value >= half).length / values.length;
}

/**
 * Around each cell, up to a fifth of the map away, how hot it is, the nearer the more: greatest in
 * the middle of what is hot, where the hottest cell may be at its edge.
 */
function spread(map: HeatValues): ArrayLike<number> {
  return summedAround(map, summedAround(map, map.values));
}

/** For each cell the sum of those up to a tenth of the map away. */
function summedAround(
  { rows, cols }: HeatValues,
  values: ArrayLike<number>,
): Float64Array {
  const width = cols + 1;
  const sums = new Float64Array(width * (rows + 1)); // of all cells above and to the left
  for (let y = 0, i = 0; y < rows; y++) {
    let row = 0;
    for (let x = 0; x < cols; x++) {
      row += values[i++]!;
      sums[(y + 1) * width + x + 1] = sums[y * width + x + 1]! + row;
    }
  }
  const result = new Float64Array(rows * cols);
  for (let y = 0, i = 0; y < rows; y++) {
    const [top, bottom] = around(y, rows);
    for (let x = 0; x < cols; x++) {
      const [left, right] = around(x, cols);
      const upper = sums[top * width + right]! - sums[top * width + left]!;
      const lower =
        sums[bottom * width + right]! - sums[bottom * width + left]!;
      result[i++] = lower - upper;
    }
  }
  return result;
}

function around(cell: number, cells: number): [begin: number, end: number] {
  const reach = Math.round(cells / 10);
  return [Math.max(0, cell - reach), Math.min(cells, cell + reach + 1)];
}

function third(cell: number, cells: number): 0 | 1 | 2 {
  const place = (cell + 0.5) / cells;
  return place < 1 / 3 ? 0 : place < 2 / 3 ? 1 : 2;
}

/** How finely maps show where: the cells of a layer, in pixels of what the network is shown. */

import type { Box, EngineInfo, ModelInfo } from '../../../wasm/engine';
import { painter, presentModel } from '../backend/network';

interface Cells {
  /** In a row of the map, and in a column. */
  count: number;
  /** A side of one. */
  size: number;
  /** A side of the square that one sees. */
  sees: number;
  /** A side of all that the network is shown. */
  input: number;
}

/** Of a layer of the model at work; nothing while there is none. */
export function cellsAt(layer: string): Cells | undefined {
  const info = painter.value?.info;
  const model = presentModel();
  return info && model && cellsOf(layer, info, model);
}

export function cellsOf(
  layer: string,
  info: Pick<EngineInfo, 'layers' | 'receptive_fields'>,
  { preprocess }: Pick<ModelInfo, 'preprocess'>,
): Cells | undefined {
  const field = info.receptive_fields[info.layers.indexOf(layer)];
  const input = Number(preprocess.size);
  return (
    field && {
      count: Math.floor(input / field.stride),
      size: field.stride,
      sees: field.size,
      input,
    }
  );
}

/** The cell at a place of what the network is shown, both from 0 to 1, and what it sees of that. */
export function underCells(
  { count, size, sees, input }: Cells,
  { x, y }: Pick<Box, 'x' | 'y'>,
): { cell: Box; field: Box } {
  const around = (side: number): Box => {
    const along = (at: number) => {
      const middle = (Math.floor(at * count) + 0.5) * size;
      const begin = Math.max(0, middle - side / 2);
      return { begin, length: Math.min(input, middle + side / 2) - begin };
    };
    const [across, down] = [along(x), along(y)];
    return {
      x: across.begin / input,
      y: down.begin / input,
      width: across.length / input,
      height: down.length / input,
    };
  };
  return { cell: around(size), field: around(sees) };
}

/** "14 × 14 cells; each sees up to 196 × 196 of the 224 × 224 pixels". */
export function cellsInWords({ count, sees, input }: Cells): string {
  const seen =
    sees < input
      ? `${square(sees)} of the ${square(input)} pixels`
      : `all ${square(input)} pixels`;
  return `${square(count)} cells; each sees up to ${seen}`;
}

/** 14 as "14 × 14", in one line. */
export function square(side: number): string {
  return `${side}\u00a0×\u00a0${side}`;
}

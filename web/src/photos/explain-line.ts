/** One photo as the one line that `gradcam explain --json` prints for it. */

import type {
  Box,
  ExplainOptions,
  Heatmap,
  Others,
  Prediction,
} from '../../../wasm/engine';
import { certainty, type Certainty } from '../words/answer';
import type { PhotoResult } from './photo';
import type { Failure } from '../shared/protocol';

interface ExplainedLine {
  photo: string;
  width: number;
  height: number;
  top: Prediction[];
  others: Others | null;
  certainty: Certainty;
  class: string;
  method: string;
  layer: string;
  crop: Box;
  /** Around what is warm, in pixels of the photo; null without heat. */
  box: Box | null;
  heatmap: {
    rows: number;
    cols: number;
    status: Heatmap['status'];
    /** Before it was scaled to 1. */
    maximum: number;
    values: number[];
  };
  milliseconds: { decode: number; forward: number; backward: number };
}

interface FailedLine {
  photo: string;
  error: Failure;
}

export type ExplainLine = ExplainedLine | FailedLine;

export function explainedLine(
  photo: string,
  { width, height, crop, predictions, others, milliseconds }: PhotoResult,
  map: Heatmap,
  { method, layer }: Required<Pick<ExplainOptions, 'method' | 'layer'>>,
  unsureBelow: number,
): ExplainedLine {
  const target = predictions.find(({ index }) => index === map.class);
  return {
    photo,
    width,
    height,
    top: predictions,
    others,
    certainty: certainty(predictions, others, unsureBelow),
    class: target?.label ?? String(map.class),
    method,
    layer,
    crop,
    box: boxOf(map, crop),
    heatmap: {
      rows: map.rows,
      cols: map.cols,
      status: map.status,
      maximum: shortest(map.maximum),
      values: Array.from(map.values, shortest),
    },
    milliseconds,
  };
}

/** Where a map is warm, in the photo in which the crop lies. */
function boxOf({ box, rows, cols }: Heatmap, crop: Box): Box | null {
  if (!box) return null;
  const width = crop.width / cols;
  const height = crop.height / rows;
  return {
    x: crop.x + width * box.x,
    y: crop.y + height * box.y,
    width: width * box.width,
    height: height * box.height,
  };
}

/** Nine digits are enough to give every float32 back. */
function shortest(value: number): number {
  return Number(value.toPrecision(9));
}

/**
 * Moving the square of a photo that the network is shown, and changing its size. All pure; what
 * they give is in whole pixels, and in the photo.
 */

import type { Box } from '../../../wasm/engine';

export interface Size {
  width: number;
  height: number;
}

export const CORNERS = ['nw', 'ne', 'sw', 'se'] as const;
export type Corner = (typeof CORNERS)[number];

/** A square of fewer pixels shows nothing. */
const SMALLEST = 32;

export function isInside(crop: Box, photo: Size): boolean {
  const { x, y, width, height } = crop;
  return (
    x >= 0 &&
    y >= 0 &&
    width > 0 &&
    height > 0 &&
    x + width <= photo.width &&
    y + height <= photo.height
  );
}

export function moved(crop: Box, dx: number, dy: number, photo: Size): Box {
  return {
    ...crop,
    x: between(0, crop.x + dx, photo.width - crop.width),
    y: between(0, crop.y + dy, photo.height - crop.height),
  };
}

/** The square in the middle between two. */
export function halfway(one: Box, other: Box, photo: Size): Box {
  const mean = (a: number, b: number) => Math.round((a + b) / 2);
  const [x, y] = [mean(one.x, other.x), mean(one.y, other.y)];
  const side = mean(one.width, other.width);
  return moved({ x, y, width: side, height: side }, 0, 0, photo);
}

/** With one corner dragged, while the opposite one stays where it is. */
export function resized(
  crop: Box,
  corner: Corner,
  dx: number,
  dy: number,
  photo: Size,
): Box {
  const isRight = corner.endsWith('e');
  const isLower = corner.startsWith('s');
  const x = isRight ? crop.x : crop.x + crop.width;
  const y = isLower ? crop.y : crop.y + crop.height;
  const grown = ((isRight ? dx : -dx) + (isLower ? dy : -dy)) / 2;
  const side = sideOf(
    crop.width + grown,
    Math.min(isRight ? photo.width - x : x, isLower ? photo.height - y : y),
  );
  return {
    x: isRight ? x : x - side,
    y: isLower ? y : y - side,
    width: side,
    height: side,
  };
}

/** With sides so many times as long, about the same middle. */
export function scaled(crop: Box, factor: number, photo: Size): Box {
  const side = sideOf(crop.width * factor, Math.min(photo.width, photo.height));
  const square = { x: crop.x, y: crop.y, width: side, height: side };
  return moved(
    square,
    (crop.width - side) / 2,
    (crop.height - side) / 2,
    photo,
  );
}

function sideOf(wanted: number, most: number): number {
  return between(Math.min(SMALLEST, most), wanted, most);
}

function between(least: number, value: number, most: number): number {
  return Math.min(most, Math.max(least, Math.round(value)));
}

/** Places on a photo as shares of its sides, for styles. */

import type { Box } from '../../../wasm/engine';

export const share = (part: number, whole: number) =>
  `${(100 * part) / whole}%`;

/** The place of a part of a photo, in the box that the photo fills. */
export function placeOf({ x, y, ...size }: Box, width: number, height: number) {
  return {
    left: share(x, width),
    top: share(y, height),
    width: share(size.width, width),
    height: share(size.height, height),
  };
}

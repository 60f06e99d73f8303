/** Parts of photos. */

import type { Box } from '../../../wasm/engine';

/** Whether both are the same part, or neither is one. */
export function isSameBox(a: Box | undefined, b: Box | undefined): boolean {
  return (
    a?.x === b?.x &&
    a?.y === b?.y &&
    a?.width === b?.width &&
    a?.height === b?.height
  );
}

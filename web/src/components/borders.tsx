import { cellsAt } from '../photos/cells';

/** What the border of the heat of a map at a layer is not. */
export function Borders({ layer }: { layer: string }) {
  const cells = cellsAt(layer);
  // Where a cell is a pixel it may well be.
  if (!cells || cells.size === 1) return null;
  const { size, sees, input } = cells;
  return (
    <>
      The edge of the heat is not the edge of an ear: a cell of the map is{' '}
      {size} of {input} pixels wide, and sees up to {Math.min(sees, input)}.
    </>
  );
}

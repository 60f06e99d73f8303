import { useLayoutEffect, useRef } from 'preact/hooks';

/** Red, green and blue of what speaks for a class, and against it, on light pages and dark ones. */
export const FOR = [235, 105, 15];
export const AGAINST = [40, 120, 255];

/** A map of numbers above and below zero, cell by cell, on a picture; the strongest hides it most. */
export function SignedCanvas(props: {
  rows: number;
  cols: number;
  values: Float32Array;
}) {
  const { rows, cols, values } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const image = new ImageData(cols, rows);
    const most = values.reduce(
      (most, value) => Math.max(most, Math.abs(value)),
      Number.MIN_VALUE,
    );
    values.forEach((value, i) => {
      image.data.set(value < 0 ? AGAINST : FOR, 4 * i);
      image.data[4 * i + 3] = (255 * Math.abs(value)) / most;
    });
    canvas.current!.getContext('2d')!.putImageData(image, 0, 0);
  }, [rows, cols, values]);
  return (
    <canvas
      ref={canvas}
      class="cells"
      width={cols}
      height={rows}
      aria-hidden="true"
    />
  );
}

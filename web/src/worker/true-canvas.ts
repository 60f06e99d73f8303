/** Browsers that guard against fingerprinting give noise for what is read from a canvas. */

const SIDE = 16;
/** Of 255, on average: some change a few of the lowest bits, which does no harm. */
const MOST_NOISE = 4;

let isTrue: boolean | undefined;

/** Whether pixels come back from a canvas as they were put there. */
export function isCanvasTrue(): boolean {
  isTrue ??= noiseOfCanvas() <= MOST_NOISE;
  return isTrue;
}

function noiseOfCanvas(): number {
  const drawn = new ImageData(SIDE, SIDE);
  // Pictures of one colour come back as they are even there.
  drawn.data.forEach((_, i, data) => {
    data[i] = i % 4 === 3 ? 255 : (i * 37) % 256;
  });
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.putImageData(drawn, 0, 0);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const errors = data.map((value, i) => Math.abs(value - drawn.data[i]!));
  return errors.reduce((sum, error) => sum + error, 0) / errors.length;
}

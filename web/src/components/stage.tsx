import { useSignal, type Signal } from '@preact/signals';
import type { Heatmap, Rect } from '../../../wasm/engine';
import { heatmapLabel } from '../describe';
import type { PhotoResult } from '../photo';
import { opacity } from '../settings';
import { HeatCanvas } from './heat-canvas';
import { useObjectUrl } from './object-url';

/** Pixels of the heatmap's longer side: it is smooth, the browser may enlarge it. */
const HEAT_SIDE = 256;

/** The photo, the square that the network saw, and the heat over it. */
export function Stage(props: {
  result: PhotoResult;
  map: Heatmap | undefined;
  label: string;
  /** Shows the photo without the heat. */
  bare: Signal<boolean>;
}) {
  const { result, map, label, bare } = props;
  const held = useSignal(false);
  const pointed = useSignal<Cell | undefined>(undefined);
  const { width, height, crop, preview } = result;
  const url = useObjectUrl(preview);
  const whole = crop.width >= width && crop.height >= height;
  const scale = HEAT_SIDE / Math.max(crop.width, crop.height);
  const hold = (down: boolean) => () => {
    held.value = down;
  };
  return (
    <figure
      class="stage"
      title="Hold to see the photo alone"
      style={{ '--photo-width': width, '--photo-height': height }}
      onPointerDown={hold(true)}
      onPointerUp={hold(false)}
      onPointerCancel={hold(false)}
      onPointerLeave={hold(false)}
    >
      <div class="picture">
        <img class="unseen" src={url} alt="" draggable={false} />
        <img
          src={url}
          alt=""
          draggable={false}
          style={{ clipPath: insetTo(crop, width, height) }}
        />
        <div
          class="seen"
          data-whole={whole}
          style={cropStyle(crop, width, height)}
        >
          <div
            style={{ opacity: bare.value || held.value ? 0 : opacity.value }}
            onPointerMove={(event) => {
              pointed.value = map && cellUnder(event, map);
            }}
            onPointerLeave={() => {
              pointed.value = undefined;
            }}
          >
            {map && (
              <HeatCanvas
                heatmap={map}
                width={Math.max(1, Math.round(crop.width * scale))}
                height={Math.max(1, Math.round(crop.height * scale))}
                label={heatmapLabel(label, map)}
              />
            )}
          </div>
          {pointed.value && (
            <output
              class="cell"
              aria-hidden="true"
              style={{
                left: share(pointed.value.x, 1),
                top: share(pointed.value.y, 1),
              }}
            >
              {pointed.value.heat.toFixed(2)}
            </output>
          )}
          <p>
            {whole
              ? 'the network saw the whole photo'
              : 'the network saw this square'}
          </p>
        </div>
      </div>
    </figure>
  );
}

/** A cell of the heatmap: where in the square, from 0 to 1, and its number. */
interface Cell {
  x: number;
  y: number;
  heat: number;
}

function cellUnder(
  { clientX, clientY, currentTarget }: PointerEvent,
  { rows, cols, values }: Heatmap,
): Cell {
  const box = (currentTarget as Element).getBoundingClientRect();
  const x = clamped((clientX - box.left) / box.width);
  const y = clamped((clientY - box.top) / box.height);
  const row = Math.min(rows - 1, Math.floor(y * rows));
  const col = Math.min(cols - 1, Math.floor(x * cols));
  return { x, y, heat: values[row * cols + col]! };
}

const clamped = (value: number) => Math.min(1, Math.max(0, value));

const share = (part: number, whole: number) => `${(100 * part) / whole}%`;

function cropStyle({ x, y, ...size }: Rect, width: number, height: number) {
  return {
    left: share(x, width),
    top: share(y, height),
    width: share(size.width, width),
    height: share(size.height, height),
  };
}

/** Cuts everything but the crop away. */
function insetTo(crop: Rect, width: number, height: number): string {
  const right = width - crop.x - crop.width;
  const bottom = height - crop.y - crop.height;
  return `inset(${share(crop.y, height)} ${share(right, width)} ${share(bottom, height)} ${share(crop.x, width)})`;
}

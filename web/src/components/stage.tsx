import { useSignal, type Signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Box, Heatmap } from '../../../wasm/engine';
import { methodOf } from '../backend/network';
import { cellsAt, underCells } from '../photos/cells';
import type { Photo, PhotoResult } from '../photos/photo';
import { layer } from '../settings';
import { captionFor, heatmapLabel } from '../words/heatmap';
import { CropFrame } from './closer';
import { HeatOnCrop } from './heat-canvas';
import { useObjectUrl } from './use-object-url';
import { placeOf, share } from './place';

/** From this ratio of its sides on a photo leaves room beside or below for what is said of it. */
const SLIM = 2;

/** The photo, the square that the network saw, and the heat over it. */
export function Stage(props: {
  photo: Photo;
  result: PhotoResult;
  map: Heatmap | undefined;
  label: string;
  /** The map's. */
  method: string;
  /** Shows the photo without the heat. */
  bare: Signal<boolean>;
}) {
  const { photo, result, map, label, method, bare } = props;
  const caption = captionFor(methodOf(method)?.caption ?? '{}', label);
  const seen = useRef<HTMLDivElement>(null);
  const held = useSignal(false);
  const isLoaded = useSignal(false);
  const pointed = useSignal<Point | undefined>(undefined);
  const { width, height, crop, preview } = result;
  const url = useObjectUrl(preview);
  const whole = crop.width >= width && crop.height >= height;
  const isChosen = photo.crop.value !== undefined;
  const isSlim = Math.max(width / height, height / width) >= SLIM;
  const words = (isChosen || !whole) && (
    <p
      class="caption"
      // Where the frame leaves more room.
      data-high={isChosen && crop.y > height - crop.height - crop.y}
      data-right={isChosen && crop.x < width - crop.width - crop.x}
    >
      {isChosen && (
        <span class="to-do">
          drag the square that the network sees, or its corners
        </span>
      )}
      <span class={isChosen ? 'on-paper' : undefined}>
        the network saw this square
      </span>
    </p>
  );
  const release = () => {
    held.value = false;
  };
  const uncover = () => {
    isLoaded.value = true;
  };
  return (
    <figure
      class="stage"
      title="Hold to see the photo alone"
      data-tall={height >= SLIM * width}
      style={{ '--photo-width': width, '--photo-height': height }}
      onPointerDown={({ button }) => {
        held.value = button === 0; // the menu of another one may hide what follows
      }}
      onPointerUp={release}
      onPointerCancel={release}
      onPointerLeave={release}
    >
      <div
        class="picture"
        onPointerMove={(event) => {
          const isHeld = event.buttons > 0;
          pointed.value =
            isHeld || !map ? undefined : pointUnder(event, seen.current!);
        }}
        onPointerLeave={() => {
          pointed.value = undefined;
        }}
      >
        <img class="unseen" src={url} alt="" draggable={false} />
        <img
          src={url}
          alt=""
          decoding="sync"
          draggable={false}
          onLoad={uncover}
          onError={uncover}
          style={{ clipPath: insetTo(crop, width, height) }}
        />
        <div
          ref={seen}
          class="seen"
          data-outlined={!whole && !isChosen}
          style={placeOf(crop, width, height)}
        >
          <div
            class="laid"
            style={{
              opacity: bare.value || held.value ? 0 : undefined,
              // On nothing heat would glare.
              visibility: isLoaded.value ? undefined : 'hidden',
            }}
          >
            {map && (
              <HeatOnCrop
                heatmap={map}
                crop={crop}
                label={heatmapLabel(
                  caption,
                  map,
                  methodOf(method)?.is_decoration,
                )}
              />
            )}
          </div>
          {map && pointed.value && (
            <Field map={map} method={method} at={pointed.value} />
          )}
          {map && pointed.value && (
            <output
              class="cell"
              aria-hidden="true"
              style={{
                left: share(pointed.value.x, 1),
                top: share(pointed.value.y, 1),
              }}
            >
              {heatAt(map, pointed.value).toFixed(2)}
            </output>
          )}
          {!isChosen && !isSlim && words}
        </div>
        {isChosen && <CropFrame photo={photo} result={result} />}
        {isChosen && !isSlim && words}
      </div>
      {isSlim && words}
    </figure>
  );
}

/** The cell at a place of a map, and what it saw of the photo; nothing of a map without a layer. */
function Field(props: { map: Heatmap; method: string; at: Point }) {
  const { map, method, at } = props;
  const cells = methodOf(method)?.has_layer ? cellsAt(layer.value) : undefined;
  if (cells?.count !== map.rows) return null;
  const { cell, field } = underCells(cells, at);
  return (
    <>
      <div class="field-of-cell" style={placeOf(cell, 1, 1)} />
      <div class="field-of-cell" style={placeOf(field, 1, 1)} />
    </>
  );
}

/** Where in what the network saw, from 0 to 1. */
interface Point {
  x: number;
  y: number;
}

function pointUnder(
  { clientX, clientY }: PointerEvent,
  seen: Element,
): Point | undefined {
  const box = seen.getBoundingClientRect();
  const x = (clientX - box.left) / box.width;
  const y = (clientY - box.top) / box.height;
  const isInside = x >= 0 && x < 1 && y >= 0 && y < 1;
  return isInside ? { x, y } : undefined;
}

/** The heat of the cell there. */
function heatAt({ rows, cols, values }: Heatmap, { x, y }: Point): number {
  return values[Math.floor(y * rows) * cols + Math.floor(x * cols)]!;
}

/** Cuts everything but the crop away. */
function insetTo(crop: Box, width: number, height: number): string {
  const right = width - crop.x - crop.width;
  const bottom = height - crop.y - crop.height;
  return `inset(${share(crop.y, height)} ${share(right, width)} ${share(bottom, height)} ${share(crop.x, width)})`;
}

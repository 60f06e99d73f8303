import { useRef } from 'preact/hooks';
import type { Box, Heatmap } from '../../../wasm/engine';
import { aim, isAiming, lookCloser } from '../photos/closer';
import { CORNERS, moved, resized, scaled, type Corner } from '../photos/crop';
import type { Photo, PhotoResult } from '../photos/photo';
import { nameInText } from '../words/name-in-text';
import { Icon } from './icon';
import { placeOf } from './place';

/**
 * Shows the network only what it looked at, or everything again.
 * @param props.isWise whether it would help
 */
export function CloserButton(props: {
  photo: Photo;
  map: Heatmap | undefined;
  isWise: boolean;
}) {
  const { photo, map, isWise } = props;
  const isChosen = photo.crop.value !== undefined;
  // Of what is disabled the focus is taken away, and its own click may do that here.
  const isOff = !isChosen && (!map || isAiming(photo));
  return (
    <button
      data-closer
      class={isWise && !isChosen ? 'button primary' : 'button'}
      type="button"
      title={
        isChosen
          ? 'Show the network all that it usually sees'
          : 'Show the network only the part of the photo that it looked at'
      }
      aria-disabled={isOff}
      onClick={() => {
        if (isOff) return;
        void (isChosen ? aim(photo, undefined) : lookCloser(photo));
      }}
    >
      <Icon name={isChosen ? 'wider' : 'closer'} />
      {isChosen ? 'See it all' : 'Look closer'}
    </button>
  );
}

/** Of its side, what a key moves the frame by; and what it makes it longer or shorter by. */
const STEP = 0.1;

/** The square that someone has chosen to show the network: to be moved, and made larger or smaller. */
export function CropFrame(props: { photo: Photo; result: PhotoResult }) {
  const { photo, result } = props;
  const crop = photo.crop.value!;
  /** The pointer that drags it, and where it leads; a second finger does nothing. */
  const drag = useRef<
    { pointer: number; lead: (to: PointerEvent) => Box } | undefined
  >(undefined);
  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    event.stopPropagation(); // to hold the photo is something else
    if (drag.current) return;
    const frame = event.currentTarget as HTMLElement;
    frame.setPointerCapture(event.pointerId);
    const { clientX, clientY } = event;
    const scale = result.width / frame.parentElement!.clientWidth;
    const { corner } = (event.target as HTMLElement).dataset;
    const lead = (to: PointerEvent) => {
      const dx = (to.clientX - clientX) * scale;
      const dy = (to.clientY - clientY) * scale;
      return corner
        ? resized(crop, corner as Corner, dx, dy, result)
        : moved(crop, dx, dy, result);
    };
    drag.current = { pointer: event.pointerId, lead };
  };
  const onPointerMove = (event: PointerEvent) => {
    const { pointer, lead } = drag.current ?? {};
    if (lead && pointer === event.pointerId) void aim(photo, lead(event));
  };
  const letGo = ({ pointerId }: PointerEvent) => {
    if (drag.current?.pointer === pointerId) drag.current = undefined;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = STEP * crop.width;
    const next = {
      ArrowLeft: () => moved(crop, -step, 0, result),
      ArrowRight: () => moved(crop, step, 0, result),
      ArrowUp: () => moved(crop, 0, -step, result),
      ArrowDown: () => moved(crop, 0, step, result),
      '+': () => scaled(crop, 1 + STEP, result),
      '=': () => scaled(crop, 1 + STEP, result), // the same key without shift
      '-': () => scaled(crop, 1 - STEP, result),
      Escape: () => undefined,
    }[event.key];
    if (!next || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (event.key === 'Escape') leaveFrame(event.currentTarget as Element);
    void aim(photo, next());
  };
  return (
    <div
      class="crop-frame"
      role="application"
      tabIndex={0}
      aria-label={`The part of ${nameInText(photo.name)} that the network sees: arrow keys move it, plus and minus change its size, Escape shows everything`}
      style={placeOf(crop, result.width, result.height)}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={letGo}
      onPointerCancel={letGo}
      onKeyDown={onKeyDown}
    >
      {CORNERS.map((corner) => (
        <span key={corner} data-corner={corner} />
      ))}
    </div>
  );
}

/** Takes the focus to what brought the frame, before that goes. */
function leaveFrame(frame: Element): void {
  const card = frame.closest('article');
  card?.querySelector<HTMLElement>('[data-closer]')?.focus();
}

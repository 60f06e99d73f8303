import { useLayoutEffect, useRef } from 'preact/hooks';
import { canEnlarge, enlarge, shrink, turn } from '../enlarge';
import { shown } from '../groups';
import type { Photo } from '../photo';
import { Icon } from './icon';

/** Brings a photo to the whole screen, and back; there, to its neighbours. */
export function EnlargeButtons(props: { photo: Photo; isEnlarged: boolean }) {
  const { photo, isEnlarged } = props;
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    // The control that led here is hidden with the photo before.
    if (isEnlarged) button.current!.focus();
  }, [isEnlarged]);
  if (!canEnlarge()) return null;
  return (
    <>
      {isEnlarged && <Neighbours photo={photo} />}
      <button
        ref={button}
        class="icon-button"
        type="button"
        title={isEnlarged ? 'Back to the page' : 'Show it on the whole screen'}
        aria-label={
          isEnlarged
            ? 'Back to the page'
            : `Show ${photo.name} on the whole screen`
        }
        onClick={({ currentTarget }) =>
          isEnlarged
            ? shrink()
            : void enlarge(photo, currentTarget.closest('.photos')!)
        }
      >
        <Icon name={isEnlarged ? 'shrink' : 'enlarge'} />
      </button>
    </>
  );
}

function Neighbours({ photo }: { photo: Photo }) {
  const { value: all } = shown;
  if (all.length === 1) return null;
  const place = all.indexOf(photo);
  return (
    <>
      <span class="place">
        {place + 1} of {all.length}
      </span>
      <button
        class="icon-button"
        type="button"
        title="The photo before (left arrow key)"
        aria-label="The photo before"
        aria-disabled={place === 0}
        onClick={() => turn(-1)}
      >
        <Icon name="before" />
      </button>
      <button
        class="icon-button"
        type="button"
        title="The next photo (right arrow key)"
        aria-label="The next photo"
        aria-disabled={place === all.length - 1}
        onClick={() => turn(1)}
      >
        <Icon name="next" />
      </button>
    </>
  );
}

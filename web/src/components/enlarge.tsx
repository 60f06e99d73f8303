import type { Ref } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { cameBy, enlarge, enlarged, shrink, turn } from '../photos/enlarge';
import { inSight } from '../photos/groups';
import type { Photo } from '../photos/photo';
import { nameInText } from '../words/name-in-text';
import { LegendWithThreshold, Opacity } from './heat-scale';
import { Icon } from './icon';

/** Brings a photo to the whole screen, and back; there, to its neighbours. */
export function EnlargeButtons(props: { photo: Photo; isEnlarged: boolean }) {
  const { photo, isEnlarged } = props;
  const button = useRef<HTMLButtonElement>(null);
  const before = useRef<HTMLButtonElement>(null);
  const next = useRef<HTMLButtonElement>(null);
  const wasEnlarged = useRef(false);
  useLayoutEffect(() => {
    // The control that led here is hidden with the photo before.
    const control = { before, next }[cameBy!] ?? button;
    if (isEnlarged) control.current!.focus();
    else if (wasEnlarged.current && !enlarged.peek()) button.current!.focus();
    wasEnlarged.current = isEnlarged;
  }, [isEnlarged]);
  return (
    <>
      {isEnlarged && (
        <>
          <div class="scales">
            <Opacity />
            <LegendWithThreshold />
          </div>
          <Neighbours photo={photo} before={before} next={next} />
        </>
      )}
      <button
        ref={button}
        class="icon-button"
        type="button"
        data-control="enlarge"
        title={isEnlarged ? 'Back to the page' : 'Show it on the whole screen'}
        aria-label={
          isEnlarged
            ? 'Back to the page'
            : `Show ${nameInText(photo.name)} on the whole screen`
        }
        onClick={() => (isEnlarged ? shrink() : void enlarge(photo))}
      >
        <Icon name={isEnlarged ? 'shrink' : 'enlarge'} />
      </button>
    </>
  );
}

function Neighbours(props: {
  photo: Photo;
  before: Ref<HTMLButtonElement>;
  next: Ref<HTMLButtonElement>;
}) {
  const { photo, before, next } = props;
  const { value: all } = inSight;
  if (all.length === 1) return null;
  const place = all.indexOf(photo);
  return (
    <>
      <span class="place">
        {place + 1} of {all.length}
      </span>
      <button
        ref={before}
        class="icon-button"
        type="button"
        title="The photo before (left arrow key)"
        aria-label="The photo before"
        aria-disabled={place === 0}
        onClick={() => turn(-1, 'before')}
      >
        <Icon name="before" />
      </button>
      <button
        ref={next}
        class="icon-button"
        type="button"
        title="The next photo (right arrow key)"
        aria-label="The next photo"
        aria-disabled={place === all.length - 1}
        onClick={() => turn(1, 'next')}
      >
        <Icon name="next" />
      </button>
    </>
  );
}

import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { isSnapshot } from '../camera';
import { enlarged, followScreen, shrink, turnTo } from '../photos/enlarge';
import type { Photo } from '../photos/photo';
import { opacity } from '../settings';
import { PhotoCard } from './photo-card';
import { isAnyUnfolded } from './use-unfolded';

/** All photos; further ones are scrolled or turned to, so that one sees them arrive. */
export function PhotoGrid({ photos }: { photos: readonly Photo[] }) {
  const grid = useRef<HTMLDivElement>(null);
  const newestSeen = useRef(Infinity);
  useEffect(() => {
    const added = photos.findIndex(({ id }) => id > newestSeen.current);
    // Who keeps a picture of the camera stays there.
    if (photos[added] && !isSnapshot(photos[added].file)) {
      grid.current!.children[added]!.scrollIntoView({ block: 'nearest' });
      turnTo(photos[added]);
    }
    // Not all may be shown.
    const seen = Number.isFinite(newestSeen.current) ? newestSeen.current : 0;
    newestSeen.current = Math.max(seen, ...photos.map(({ id }) => id));
  }, [photos]);
  useEffect(followScreen, []);
  // Read where it is used, it would draw all cards anew.
  useSignalEffect(() => {
    grid.current!.style.setProperty('--heat', String(opacity.value));
  });
  const { value: large } = enlarged;
  const wasLarge = useRef(large);
  useEffect(() => {
    if (large && !photos.includes(large)) {
      shrink();
    } else if (!large && wasLarge.current) {
      const place = photos.indexOf(wasLarge.current);
      grid.current!.children[place]?.scrollIntoView({ block: 'nearest' });
    }
    wasLarge.current = large;
  }, [large, photos]);
  return (
    <div
      ref={grid}
      class="photos"
      data-count={photos.length}
      data-alone={large !== undefined}
      data-unfolded={isAnyUnfolded.value}
      style={{ '--heat': opacity.peek() }}
    >
      {photos.map((photo) => (
        <PhotoCard key={photo.id} photo={photo} />
      ))}
    </div>
  );
}

import { useEffect, useRef } from 'preact/hooks';
import type { Photo } from '../photo';
import { PhotoCard } from './photo-card';

/** All photos; further ones are scrolled to, so that one sees them arrive. */
export function PhotoGrid({ photos }: { photos: readonly Photo[] }) {
  const grid = useRef<HTMLDivElement>(null);
  const newestSeen = useRef(Infinity);
  useEffect(() => {
    const added = photos.findIndex(({ id }) => id > newestSeen.current);
    grid.current!.children[added]?.scrollIntoView({ block: 'nearest' });
    newestSeen.current = Math.max(...photos.map(({ id }) => id));
  }, [photos]);
  return (
    <div ref={grid} class="photos" data-count={photos.length}>
      {photos.map((photo) => (
        <PhotoCard key={photo.id} photo={photo} />
      ))}
    </div>
  );
}

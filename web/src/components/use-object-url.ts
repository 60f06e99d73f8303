import { useLayoutEffect, useMemo } from 'preact/hooks';

/** A URL for the blob, given back when the component leaves, if only before it was painted. */
export function useObjectUrl(blob: Blob): string {
  const url = useMemo(() => URL.createObjectURL(blob), [blob]);
  useLayoutEffect(() => () => URL.revokeObjectURL(url), [url]);
  return url;
}

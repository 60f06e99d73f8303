import { useLayoutEffect, useMemo } from 'preact/hooks';

/** A URL for the blob, given back when the component leaves, even if it was never painted. */
export function useObjectUrl(blob: Blob): string {
  const url = useMemo(() => URL.createObjectURL(blob), [blob]);
  useLayoutEffect(() => () => URL.revokeObjectURL(url), [url]);
  return url;
}

import { useEffect, useMemo } from 'preact/hooks';

/** A URL for the blob, given back when the component leaves. */
export function useObjectUrl(blob: Blob): string {
  const url = useMemo(() => URL.createObjectURL(blob), [blob]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return url;
}

/** Numbers and dates, as they are written. */

const NARROW_SPACE = '\u202f';

/** 0.934 as "93 %"; never "0 %" or "100 %" for what is not. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100);
  if (rounded === 0 && share > 0) return `<1${NARROW_SPACE}%`;
  if (rounded === 100 && share < 1) return `>99${NARROW_SPACE}%`;
  return `${rounded}${NARROW_SPACE}%`;
}

/** A probability; what is computed with 24 bits is never certain. */
export function chance(probability: number): string {
  return percent(Math.min(Math.max(probability, 1e-9), 1 - 1e-9));
}

/** 553433881 bytes as "553 MB", 9140 as "9 kB". */
export function megabytes(bytes: number): string {
  if (bytes < 1e5) return `${Math.ceil(bytes / 1e3)}${NARROW_SPACE}kB`;
  const value = bytes / 1e6;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${NARROW_SPACE}MB`;
}

/** Milliseconds since 1970 as "29 Nov 2026, 22:58", where one is. */
export function dateInText(date: number): string {
  const options = { dateStyle: 'medium', timeStyle: 'short' } as const;
  return new Intl.DateTimeFormat('en-GB', options).format(date);
}

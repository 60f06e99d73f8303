/** @param {number[]} values at least one */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2
      ? sorted[middle]
      : (sorted[middle - 1] + sorted[middle]) / 2;
  return { min: sorted[0], median, max: sorted.at(-1), runs: sorted.length };
}

/** The largest difference, relative to the largest expected value unless all are zero. */
export function relativeError(values, expected) {
  if (values.length !== expected.length) return Infinity;
  const largest = Math.max(...expected.map(Math.abs)) || 1;
  const differences = values.map((value, index) =>
    Math.abs(value - expected[index]),
  );
  // Not Math.max alone: NaN must not pass.
  return differences.every(Number.isFinite)
    ? Math.max(...differences) / largest
    : Infinity;
}

/** A heatmap scaled to a maximum of 1. */
export function normalised(map) {
  const largest = Math.max(...map);
  return largest > 0 ? map.map((value) => value / largest) : map;
}

/** How much of the heat is seen, and what its colours say. */

import { MOST_THRESHOLD, opacity, threshold, USUAL_OPACITY } from '../settings';
import { percent } from '../words/numbers';
import { HeatCanvas } from './heat-canvas';

/** A heatmap of one row from nothing to everything. */
const RAMP = {
  rows: 1,
  cols: 32,
  values: Float32Array.from({ length: 32 }, (_, i) => i / 31),
};

/** The slider of the heat, on all photos alike. */
export function Opacity() {
  return (
    <label class="field opacity">
      <span>Heat</span>
      <input
        type="range"
        min="0"
        max="1"
        step="0.01"
        value={opacity.value}
        aria-label="Opacity of the heatmap"
        aria-valuetext={percent(opacity.value)}
        onInput={({ currentTarget }) => {
          opacity.value = currentTarget.valueAsNumber;
        }}
      />
    </label>
  );
}

/** What the colours say. */
export function Legend() {
  return (
    <p class="legend">
      <span>less</span>
      <Ramp />
      <span>more</span>
    </p>
  );
}

/** The same, with a mark on it, below which no heat is shown on any photo. */
export function LegendWithThreshold() {
  return (
    <p class="legend">
      <span>less</span>
      <span class="ramp">
        <Ramp />
        <input
          type="range"
          min="0"
          max={MOST_THRESHOLD}
          step="0.05"
          value={threshold.value}
          title="Drag it to see only what was warmest"
          aria-label="Least heat that is shown"
          aria-valuetext={
            threshold.value === 0
              ? 'all of it'
              : `${percent(threshold.value)} of the warmest`
          }
          onInput={({ currentTarget }) => {
            threshold.value = currentTarget.valueAsNumber;
            // Else nothing would be seen of that.
            if (opacity.value === 0) opacity.value = USUAL_OPACITY;
          }}
        />
      </span>
      <span>more</span>
    </p>
  );
}

function Ramp() {
  return <HeatCanvas heatmap={RAMP} width={256} height={1} isCut />;
}

/** How much of the heat is seen, and what its colours say. */

import { percent } from '../describe';
import { opacity } from '../settings';
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

export function Legend() {
  return (
    <p class="legend">
      <span>less</span>
      <HeatCanvas heatmap={RAMP} width={256} height={1} />
      <span>more</span>
    </p>
  );
}

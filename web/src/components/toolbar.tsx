import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { USUAL_CHANNELS, USUAL_LAYER } from '../../../wasm/engine';
import { classNoun, methodOf, painter } from '../backend/network';
import { cellsAt, cellsInWords } from '../photos/cells';
import { clearAll, counts, remakeMaps } from '../photos/photos';
import { saveAll, saving } from '../saving/save-all';
import { channels, colormap, layer, method } from '../settings';
import { CameraButton } from './camera';
import { Legend, LegendWithThreshold, Opacity } from './heat-scale';
import { Icon } from './icon';
import { MethodOptions } from './method-options';
import { PhotoPicker } from './photo-input';
import { tellHeight } from './tell-height';

/** What holds for all photos. */
export function Toolbar() {
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    const toolbar = section.current!;
    return tellHeight('--toolbar', toolbar, () => coveredBy(toolbar));
  }, []);
  return (
    <section ref={section} class="toolbar" aria-label="Photos and heatmaps">
      <PhotoPicker class="button primary">
        <Icon name="plus" />
        Add photos
      </PhotoPicker>
      <CameraButton class="button">
        <Icon name="camera" />
        <span>Camera</span>
      </CameraButton>
      <Opacity />
      <label class="field colours">
        <span>Colours</span>
        <select
          value={colormap.value}
          aria-label="Colours of the heatmap"
          onChange={({ currentTarget }) => {
            colormap.value = currentTarget.value;
          }}
        >
          {(painter.value?.info.colormaps ?? [colormap.value]).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <LegendWithThreshold />
      <HowPicker />
      {counts.value.total > 0 && (
        <div class="at-end">
          <SaveAll />
          <button class="button quiet" type="button" onClick={clearAll}>
            <Icon name="cross" />
            Clear all
          </button>
        </div>
      )}
    </section>
  );
}

/** What the toolbar says of the heatmaps, where there is nothing to click on. */
export function OnPaper() {
  const chosen = methodOf(method.value);
  return (
    <div class="on-paper">
      <p>
        Heatmaps by {chosen?.title}
        {chosen?.has_layer && ` at ${layer.value}`}
      </p>
      <Legend />
    </div>
  );
}

/** Hands over the pictures and data of all photos, which may take a while. */
function SaveAll() {
  if (counts.value.done + counts.value.failed === 0) return null;
  const { value } = saving;
  return (
    <button
      class="button quiet"
      type="button"
      aria-disabled={!!value}
      title={`The pictures, a table of the ${classNoun.value.many} and the data of all photos, in one zip file`}
      onClick={() => void saveAll()}
    >
      <Icon name="save" />
      {value ? `Saving ${value.done + 1} of ${value.total}` : 'Save all'}
    </button>
  );
}

/** How much of the screen's top it covers. */
function coveredBy(toolbar: HTMLElement): number {
  const { position, top } = getComputedStyle(toolbar);
  return position === 'sticky' ? toolbar.offsetHeight + parseFloat(top) : 0;
}

const HOW_PICKER_ID = 'how-picker';

/** By which method, and at which layer, heatmaps are made. */
function HowPicker() {
  const isOpen = useSignal(false);
  const chosen = methodOf(method.value);
  const isUsual = !chosen?.has_layer || layer.value === USUAL_LAYER;
  const text = `Method: ${chosen?.title}${isUsual ? '' : ` at ${layer.value}`}`;
  if (!painter.value) return null;
  return (
    <>
      {/* No <details>: what it unfolds is below the toolbar's line, and it stays in its place there. */}
      <button
        class="how-button"
        type="button"
        title={text}
        aria-expanded={isOpen.value}
        aria-controls={HOW_PICKER_ID}
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        <span>{text}</span>
      </button>
      <HowFields isOpen={isOpen.value} />
    </>
  );
}

function HowFields({ isOpen }: { isOpen: boolean }) {
  const { info } = painter.value!;
  const chosen = methodOf(method.value);
  /** Where the slider is, while it is dragged. */
  const pointed = useSignal<string | undefined>(undefined);
  const pointedAt = pointed.value ?? layer.value;
  const cells = cellsAt(pointedAt);
  const resolution = cells && cellsInWords(cells);
  const isSlowHere =
    chosen?.in_passes.includes(layer.value) &&
    chosen.in_passes.length < info.layers.length;
  return (
    <div id={HOW_PICKER_ID} class="how-picker" hidden={!isOpen}>
      <label class="field">
        <span>Method</span>
        <select
          value={method.value}
          aria-label="Method of the heatmap"
          onChange={({ currentTarget }) =>
            void remakeMaps({ method: currentTarget.value })
          }
        >
          <MethodOptions methods={info.methods} />
        </select>
      </label>
      {chosen?.has_layer && (
        <label class="field">
          <span>Layer</span>
          <input
            type="range"
            min="0"
            max={info.layers.length - 1}
            step="1"
            value={info.layers.indexOf(pointedAt)}
            aria-label="Layer of the heatmap"
            aria-valuetext={[pointedAt, resolution].filter(Boolean).join(', ')}
            onInput={({ currentTarget }) => {
              const at = info.layers[currentTarget.valueAsNumber];
              pointed.value = at === layer.value ? undefined : at;
            }}
            onChange={({ currentTarget }) => {
              pointed.value = undefined;
              void remakeMaps({
                layer: info.layers[currentTarget.valueAsNumber]!,
              });
            }}
          />
          <output>{pointedAt}</output>
        </label>
      )}
      {chosen?.tries_channels && (
        <label class="field">
          <input
            type="checkbox"
            checked={channels.value === 0}
            onChange={({ currentTarget }) =>
              void remakeMaps({
                channels: currentTarget.checked ? 0 : USUAL_CHANNELS,
              })
            }
          />
          <span>All channels, not the {USUAL_CHANNELS} strongest</span>
        </label>
      )}
      {chosen?.has_layer && resolution && <p>{resolution}</p>}
      {chosen && (
        <p>
          {chosen.about}
          {isSlowHere &&
            ' Slow at this layer: asks the network again and again.'}
        </p>
      )}
    </div>
  );
}

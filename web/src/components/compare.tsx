import type { Signal } from '@preact/signals';
import type { Heatmap } from '../../../wasm/engine';
import { painter } from '../backend';
import { breed, overlap, percent, where } from '../describe';
import { compare, stopComparing } from '../maps';
import { labelOf, type Photo, type PhotoResult } from '../photo';
import { method } from '../settings';
import { Icon } from './icon';
import { MethodOptions } from './method-options';
import { Pending } from './pending';
import { Stage } from './stage';

/** Two maps of one photo side by side: the one of the settings, and one of any breed and method. */
export function Comparison(props: {
  photo: Photo;
  result: PhotoResult;
  map: Heatmap | undefined;
  bare: Signal<boolean>;
}) {
  const { photo, result, map, bare } = props;
  const rival = photo.rival.value!;
  const methods = painter.value?.info.methods ?? [];
  const title = methods.find(({ name }) => name === method.value)?.title;
  const label = labelOf(result, photo.target.value);
  return (
    <div class="comparison">
      <div>
        <Stage
          photo={photo}
          result={result}
          map={map}
          label={label}
          bare={bare}
        />
        <p class="made">
          <strong>{breed(label)}</strong>
          <span>by {title}</span>
        </p>
      </div>
      <div>
        <Stage
          photo={photo}
          result={result}
          map={rival.map}
          label={labelOf(result, rival.target)}
          bare={bare}
        />
        <p class="made">
          <select
            value={rival.target}
            aria-label="Breed of the second map"
            onChange={({ currentTarget }) =>
              void compare(photo, Number(currentTarget.value), rival.method)
            }
          >
            {result.predictions.map(({ index, label }) => (
              <option key={index} value={index}>
                {breed(label)}
              </option>
            ))}
          </select>
          <select
            value={rival.method}
            aria-label="Method of the second map"
            onChange={({ currentTarget }) =>
              void compare(photo, rival.target, currentTarget.value)
            }
          >
            <MethodOptions methods={methods} />
          </select>
        </p>
      </div>
      <p class="agreement">
        {rival.map ? (
          agreement(map, rival.map)
        ) : photo.makingRival.state.value === 'idle' ? (
          'Looking…'
        ) : (
          <Pending
            errand={photo.makingRival}
            name="the second map"
            again={() => void compare(photo, rival.target, rival.method)}
          />
        )}
      </p>
    </div>
  );
}

/** Puts a second map beside the first, or takes it away. */
export function CompareButton(props: { photo: Photo; result: PhotoResult }) {
  const { photo, result } = props;
  const isComparing = photo.rival.value !== undefined;
  const other = result.predictions.find(
    ({ index }) => index !== photo.target.value,
  );
  return (
    <button
      class="button"
      type="button"
      aria-pressed={isComparing}
      onClick={() => {
        if (isComparing) return stopComparing(photo);
        const target = other?.index ?? photo.target.value;
        void compare(photo, target, method.value);
      }}
    >
      <Icon name="compare" />
      Compare
    </button>
  );
}

function agreement(first: Heatmap | undefined, second: Heatmap): string {
  if (!first) return 'Looking…';
  if (second.status !== 'ok') return `The second map: ${where(second)}.`;
  if (first.status !== 'ok') return `The first map: ${where(first)}.`;
  const common = overlap(first, second);
  return common === 0
    ? 'Nothing that is warm in one is warm in the other.'
    : `Of what is warm in either, ${percent(common)} is warm in both.`;
}

import type { Signal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { Heatmap } from '../../../wasm/engine';
import { classNoun, methodOf, painter } from '../backend/network';
import { compare, stopComparing } from '../photos/maps';
import { labelOf, type Photo, type PhotoResult } from '../photos/photo';
import { layer, method } from '../settings';
import { overlap, strengths, where } from '../words/heatmap';
import { breed, capitalised } from '../words/names';
import { percent } from '../words/numbers';
import { Choice } from './choice';
import { Icon } from './icon';
import { MethodOptions } from './method-options';
import { Pending } from './pending';
import { useSpoken } from './spoken';
import { Stage } from './stage';

/** Two maps of one photo side by side: the one of the settings, and one of any breed and method. */
export function Comparison(props: {
  photo: Photo;
  result: PhotoResult;
  map: Heatmap | undefined;
  /** The map as it is drawn. */
  drawn: Heatmap | undefined;
  isSameScale: Signal<boolean>;
  bare: Signal<boolean>;
}) {
  const { photo, result, map, drawn, isSameScale, bare } = props;
  const rival = photo.rival.value!;
  const methods = painter.value?.info.methods ?? [];
  const second = methodOf(rival.method);
  // Else the toolbar says so, of both.
  const isOnlyAtLayer = second?.has_layer && !methodOf(method.value)?.has_layer;
  const label = labelOf(result, photo.target.value);
  const maxima = comparableMaxima(photo, map);
  const isComparable = maxima !== undefined;
  const text = useSpoken(rival.map !== undefined);
  const secondDrawn = useScaled(
    rival.map,
    isSameScale.value ? maxima : undefined,
  );
  return (
    <div class="comparison">
      <div>
        <Stage
          photo={photo}
          result={result}
          map={drawn}
          label={label}
          method={method.value}
          bare={bare}
        />
        <p class="made">
          <strong>{breed(label)}</strong>
          <span>by {methodOf(method.value)?.title}</span>
        </p>
      </div>
      <div>
        <Stage
          photo={photo}
          result={result}
          map={secondDrawn}
          label={labelOf(result, rival.target)}
          method={rival.method}
          bare={bare}
        />
        <p class="made">
          <Choice
            value={rival.target}
            text={breed(labelOf(result, rival.target))}
            label={`${capitalised(classNoun.value.one)} of the second map`}
            choose={(target) =>
              void compare(photo, Number(target), rival.method)
            }
          >
            {result.predictions.map(({ index, label }) => (
              <option key={index} value={index}>
                {breed(label)}
              </option>
            ))}
          </Choice>
          <Choice
            value={rival.method}
            text={`by ${second?.title ?? rival.method}${isOnlyAtLayer ? ` at ${layer.value}` : ''}`}
            label="Method of the second map"
            choose={(method) => void compare(photo, rival.target, method)}
          >
            <MethodOptions methods={methods} />
          </Choice>
        </p>
      </div>
      <p ref={text} class="agreement">
        {rival.map ? (
          agreement(map, rival.map, isComparable, photo.making.isUnderWay)
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
      {isComparable && (
        <label
          class="same-scale"
          title="Draw both maps in the colours of the stronger one; otherwise each is as hot as can be at its hottest"
        >
          <input
            type="checkbox"
            checked={isSameScale.value}
            onChange={({ currentTarget }) => {
              isSameScale.value = currentTarget.checked;
            }}
          />
          <span>Same scale for both</span>
        </label>
      )}
    </div>
  );
}

/** The maxima of the two maps beside each other, if their heat means the same. */
export function comparableMaxima(
  { rival: { value: rival } }: Photo,
  map: Heatmap | undefined,
): [number, number] | undefined {
  const isComparable =
    rival?.method === method.value &&
    methodOf(method.value)?.is_comparable === true &&
    map?.status === 'ok' &&
    rival.map?.status === 'ok';
  return isComparable ? [map.maximum, rival.map!.maximum] : undefined;
}

/** The map as it is drawn where not its own maximum but the greatest of these is as hot as can be. */
export function useScaled(
  map: Heatmap | undefined,
  maxima: readonly number[] | undefined,
): Heatmap | undefined {
  const most = maxima && Math.max(...maxima);
  return useMemo(() => {
    if (!map || most === undefined) return map;
    const values = map.values.map((heat) => (heat * map.maximum) / most);
    return { ...map, values };
  }, [map, most]);
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

function agreement(
  first: Heatmap | undefined,
  second: Heatmap,
  isComparable: boolean,
  isMaking: boolean,
): string {
  if (!first) return isMaking ? 'Looking…' : 'There is no first map yet.';
  if (second.status !== 'ok') return `The second map: ${where(second)}.`;
  if (first.status !== 'ok') return `The first map: ${where(first)}.`;
  const common = overlap(first, second);
  const place =
    common === 0
      ? 'Nothing that is warm in one is warm in the other.'
      : `Of what is warm in either, ${percent(common)} is warm in both.`;
  return isComparable
    ? `${place} ${strengths(first.maximum, second.maximum)}`
    : place;
}

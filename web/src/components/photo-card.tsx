import {
  useComputed,
  useSignal,
  useSignalEffect,
  type ReadonlySignal,
  type Signal,
} from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Heatmap } from '../../../wasm/engine';
import { classNoun, methodOf, unsureBelow } from '../backend/network';
import { isSnapshot } from '../camera';
import { enlarged } from '../photos/enlarge';
import { hasGroups } from '../photos/groups';
import { retarget } from '../photos/maps';
import {
  labelOf,
  type Photo,
  type PhotoResult,
  titleIdOf,
} from '../photos/photo';
import { FAULTS_OF_CONTENTS } from '../photos/photo-io';
import { takeOff, tryAgain } from '../photos/photos';
import { saveCameraPicture } from '../saving/camera-picture';
import { savePicture } from '../saving/picture';
import { saveData } from '../saving/save-data';
import { method, opacity, threshold, USUAL_OPACITY } from '../settings';
import {
  certainty,
  CLOSEST,
  doubt,
  isOnlyClosest,
  verdict,
} from '../words/answer';
import { captionParts, DECORATION, weakness, where } from '../words/heatmap';
import { nameInText } from '../words/name-in-text';
import { breedInText } from '../words/names';
import { sentence } from '../words/sentence';
import { BreedTable } from './breed-table';
import { CloserButton } from './closer';
import {
  comparableMaxima,
  CompareButton,
  Comparison,
  useScaled,
} from './compare';
import { EnlargeButtons } from './enlarge';
import { HowMade } from './how-made';
import { Icon } from './icon';
import { PlaceContext, usePlace, type Place } from './screen-place';
import { Pending } from './pending';
import { useSpoken } from './spoken';
import { Stage } from './stage';
import { Trouble } from './trouble';
import { TrustPanel } from './trust';
import { useTurn } from './use-turn';

export function PhotoCard({ photo }: { photo: Photo }) {
  const titleId = titleIdOf(photo);
  const name = nameInText(photo.name);
  const isAlone = useComputed(() => enlarged.value === photo);
  const isEnlarged = isAlone.value;
  const card = useRef<HTMLElement>(null);
  const place = usePlace(card, isAlone);
  const state = photo.state.value;
  return (
    <article
      ref={card}
      class="card"
      data-photo={photo.name}
      data-state={state.name}
      data-enlarged={isEnlarged}
      aria-labelledby={titleId}
      aria-busy={state.name === 'queued' || state.name === 'running'}
    >
      <header class="card-header">
        <h2 id={titleId} title={name}>
          {name}
        </h2>
        {(isEnlarged || state.name === 'done') && (
          <EnlargeButtons photo={photo} isEnlarged={isEnlarged} />
        )}
        {/* There it would look as if it led back. */}
        {!isEnlarged && (
          <button
            class="icon-button"
            type="button"
            data-control="remove"
            aria-label={`Remove ${name}`}
            onClick={() => takeOff(photo)}
          >
            <Icon name="cross" />
          </button>
        )}
      </header>
      {state.name === 'done' ? (
        <Finding photo={photo} result={state.result} place={place} />
      ) : state.name === 'failed' ? (
        // Of many nobody wants to hear each: the page's header says how many.
        <p
          class="failure"
          role="alert"
          aria-live={hasGroups.value ? 'off' : undefined}
        >
          <Icon name="warning" />
          <span>{sentence(state.failure.message)}</span>
          {photo.isFile && !FAULTS_OF_CONTENTS.has(state.failure.code) && (
            <button
              class="button"
              type="button"
              aria-label={`Try again: ${name}`}
              onClick={() => void tryAgain(photo)}
            >
              Try again
            </button>
          )}
        </p>
      ) : (
        <p class="waiting">
          {state.name === 'queued' ? 'Waiting its turn' : 'Looking…'}
        </p>
      )}
    </article>
  );
}

/** All that there is to say of a photo, when it has its turn. */
function Finding(props: {
  photo: Photo;
  result: PhotoResult;
  place: ReadonlySignal<Place>;
}) {
  const { photo, result, place } = props;
  const isOnScreen = useComputed(() => place.value === 'on screen');
  if (!useTurn(isOnScreen.value)) return <div class="to-come" />;
  return (
    <PlaceContext.Provider value={place}>
      <Answer photo={photo} result={result} />
      <HowMade photo={photo} result={result} />
      <TrustPanel photo={photo} result={result} />
    </PlaceContext.Provider>
  );
}

function Answer({ photo, result }: { photo: Photo; result: PhotoResult }) {
  const bare = useBare();
  const isHot = useComputed(() => !bare.value && opacity.value > 0);
  const target = photo.target.value;
  const label = labelOf(result, target);
  const map = photo.maps.value.get(target);
  const { predictions, others } = result;
  const { value: trouble } = photo.trouble;
  const best = predictions[0]!;
  const why = doubt(result.crop, classNoun.value.one);
  const isSameScale = useSignal(false);
  const maxima = isSameScale.value ? comparableMaxima(photo, map) : undefined;
  const drawn = useScaled(map, maxima);
  // Below the table, so that no row moves while it is clicked.
  const beside =
    map &&
    methodOf(method.value)?.is_comparable &&
    weakness(
      map,
      photo.maps.value.get(best.index),
      best.label,
      maxima !== undefined,
    );
  return (
    <div class="answer" data-compared={photo.rival.value !== undefined}>
      {photo.rival.value ? (
        <Comparison
          photo={photo}
          result={result}
          map={map}
          drawn={drawn}
          isSameScale={isSameScale}
          bare={bare}
        />
      ) : (
        <Stage
          photo={photo}
          result={result}
          map={map}
          label={label}
          method={method.value}
          bare={bare}
        />
      )}
      <div class="words">
        <p class="verdict" aria-live="polite">
          {verdict(predictions, others, unsureBelow.value)}
        </p>
        <Where photo={photo} result={result} map={map} label={label} />
        <BreedTable photo={photo} predictions={predictions} others={others} />
        {why && <p class="beside">{why}</p>}
        {beside && <p class="beside">{beside}</p>}
        <div class="actions">
          <button
            class="button"
            type="button"
            aria-pressed={isHot.value}
            onClick={() => {
              bare.value = isHot.value;
              if (opacity.value === 0) opacity.value = USUAL_OPACITY;
            }}
          >
            <Icon name="eye" />
            Heat
          </button>
          <CloserButton
            photo={photo}
            map={map}
            isWise={
              certainty(predictions, others, unsureBelow.value) === 'unsure'
            }
          />
          <CompareButton photo={photo} result={result} />
          <button
            class="button"
            type="button"
            aria-label={`Save picture of ${nameInText(photo.name)}`}
            aria-disabled={!map}
            onClick={() =>
              map && savePicture(photo, drawn, bare.value ? 0 : opacity.value)
            }
          >
            <Icon name="save" />
            Picture
          </button>
          <button
            class="button"
            type="button"
            aria-label={`Save data of ${nameInText(photo.name)}`}
            aria-disabled={!map}
            onClick={() => map && saveData(photo)}
          >
            <Icon name="save" />
            Data
          </button>
          {isSnapshot(photo.file) && (
            <button
              class="button"
              type="button"
              aria-label={`Save photo ${nameInText(photo.name)}`}
              title="As the camera took it, without the heat"
              onClick={() => saveCameraPicture(photo.file)}
            >
              <Icon name="save" />
              Photo
            </button>
          )}
        </div>
        {trouble && (
          <Trouble
            failure={trouble.failure}
            again={() => void trouble.again()}
          />
        )}
      </div>
    </div>
  );
}

/** Whether the photo is shown without its heat: until someone moves a slider, which would do nothing. */
function useBare(): Signal<boolean> {
  const bare = useSignal(false);
  useSignalEffect(() => {
    void opacity.value;
    void threshold.value;
    bare.value = false;
  });
  return bare;
}

/** The map in words; a decoration has no more to say than that it is one. */
function Where(props: {
  photo: Photo;
  result: PhotoResult;
  map: Heatmap | undefined;
  label: string;
}) {
  const { photo, result, map, label } = props;
  const breed = <strong>{breedInText(label)}</strong>;
  const text = useSpoken(map !== undefined);
  if (!map) {
    return (
      <p ref={text} class="where">
        {photo.making.state.value === 'stopped' || photo.making.failure ? (
          <>There is no map for {breed} yet.</>
        ) : (
          <>Looking for {breed}…</>
        )}{' '}
        <Pending
          errand={photo.making}
          name="the map"
          again={() => void retarget(photo, photo.target.value)}
        />
      </p>
    );
  }
  const chosen = methodOf(method.value);
  const [before, after] = captionParts(chosen?.caption ?? '{}');
  const { predictions, others } = result;
  return (
    <p ref={text} class="where">
      {before}
      {after !== undefined && breed}
      {after}
      {isOnlyClosest(map.class, predictions, others) && `, ${CLOSEST}`}:{' '}
      {chosen?.is_decoration ? DECORATION : where(map)}.
    </p>
  );
}

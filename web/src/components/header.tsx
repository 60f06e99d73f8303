import { useRef } from 'preact/hooks';
import { modelShare, network, presentModel, ready } from '../backend/network';
import { isFresh } from '../camera';
import { unpacked } from '../intake/unpack';
import { hasHead } from '../models/at-work';
import { dropHead } from '../models/models';
import {
  changeModel,
  counts,
  progressText,
  resumeMaps,
  stopMaps,
  stopped,
  unmade,
} from '../photos/photos';
import { isTeaching } from '../teach/lesson';
import { shortList } from '../words/names';
import { percent } from '../words/numbers';
import { progressAnnounced } from '../words/progress';

export function Header() {
  const { total, done, failed } = counts.value;
  const share = total === 0 ? 1 : (done + failed) / total;
  const arriving = arrival();
  const lacking = unmade.value.length;
  const missing = stopped.value.length;
  // One that was clicked on tells of itself; the last one of several does not.
  const areSeveral = useRef(false);
  if (lacking + missing !== 1) areSeveral.current = lacking + missing > 1;
  const isMaking = share === 1 && areSeveral.current && lacking > 0;
  const isStopped = share === 1 && areSeveral.current && lacking === 0;
  const text =
    arriving !== undefined
      ? `${arriving.what}, ${percent(arriving.share)}`
      : isMaking
        ? `Making maps, ${done - lacking} of ${done} done`
        : isStopped
          ? `Stopped, ${missing === 1 ? 'a map is' : `${missing} maps are`} missing`
          : progressText.value || networkText();
  // The welcome of the empty page has a heading of its own.
  const Brand = isFresh.value ? 'p' : 'h1';
  return (
    <header class="header">
      <Brand class="brand">
        <span class="brand-mark" aria-hidden="true" />
        gradcam
      </Brand>
      {hasHead.value && (
        <p class="taught">
          Knows only {shortList(presentModel()?.labels ?? [])}{' '}
          <button
            class="link-button"
            type="button"
            disabled={isTeaching.value}
            onClick={() => void changeModel(dropHead)}
          >
            Back to what it knew
          </button>
        </p>
      )}
      <div class="status">
        <p>{text}</p>
        {arriving !== undefined ? (
          <progress value={arriving.share} aria-label={arriving.what} />
        ) : (
          share < 1 && <progress value={share} aria-label="Photos done" />
        )}
        {isMaking && (
          <progress value={1 - lacking / done} aria-label="Maps made" />
        )}
        {(isMaking || isStopped) && (
          <button
            class="button"
            type="button"
            onClick={isMaking ? stopMaps : resumeMaps}
          >
            {isMaking ? 'Stop' : 'Go on'}
          </button>
        )}
      </div>
      {/* Numbers that change all the time are no news. */}
      <p class="visually-hidden" role="status">
        {arriving !== undefined
          ? `${arriving.what}…`
          : isMaking
            ? 'Making maps…'
            : isStopped
              ? text
              : progressAnnounced(total, done + failed, failed) ||
                networkText()}
      </p>
    </header>
  );
}

function networkText(): string {
  switch (network.value.state) {
    case 'starting':
      return 'Getting ready…';
    case 'ready':
      return 'Ready';
    case 'failed':
      return 'Not available';
  }
}

/** What is on its way in, if something is, and how much of it is there. */
function arrival(): { what: string; share: number } | undefined {
  // One that was kept is asked for before the network has started.
  const loaded = ready() && modelShare.value;
  if (loaded !== undefined) return { what: 'Loading a model', share: loaded };
  const { value: share } = unpacked;
  return share === undefined ? undefined : { what: 'Unpacking', share };
}

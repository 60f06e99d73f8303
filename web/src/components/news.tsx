import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { modelChange } from '../backend/network';
import { lastResort } from '../focus';
import { whatStays } from '../models/at-work';
import { keeping, notKeptAtWork } from '../models/kept';
import { aside, notice, type Notice } from '../news';
import { enlarged } from '../photos/enlarge';
import { notKept, notLoaded } from '../words/models';
import { Icon } from './icon';
import { tellHeight } from './tell-height';
import { isTextField } from './text-field';

/** What one should hear of wherever one is: why a model did not come in, what was left out. */
export function News() {
  const change = modelChange.value;
  const fault = notKeptAtWork.value;
  const news = useRef<HTMLDivElement>(null);
  useEffect(() => tellHeight('--news', news.current!), []);
  useEffect(acceptUndo, []);
  return (
    <div ref={news} class="news">
      {change && 'failure' in change && (
        <div class="page-alert" role="alert">
          <Line dismiss={() => (modelChange.value = undefined)}>
            {notLoaded(change)} {whatStays(change.failure)}
          </Line>
        </div>
      )}
      {/* Always there: what comes together with its region is not announced everywhere. */}
      <div role="status">
        {fault && (
          <div class="page-notice">
            <Line dismiss={() => (keeping.value = undefined)}>
              {notKept(fault)}
            </Line>
          </div>
        )}
        {[notice, aside].map(
          (said, i) =>
            said.value && (
              <div key={i} class="page-notice">
                <Line
                  dismiss={() => (said.value = undefined)}
                  offer={said.value.offer}
                >
                  {said.value.text}
                </Line>
              </div>
            ),
        )}
      </div>
    </div>
  );
}

/** Ctrl+Z does what is offered, from wherever one is; returns how to stop. */
function acceptUndo(): () => void {
  const onKeyDown = (event: KeyboardEvent) => {
    const { key, code, ctrlKey, metaKey, shiftKey, altKey, target } = event;
    // Where keys have other letters than Latin ones, the one in its place.
    const isZ = /^[a-z]$/i.test(key) ? /z/i.test(key) : code === 'KeyZ';
    const isUndo = isZ && ctrlKey !== metaKey && !shiftKey && !altKey;
    const offer = notice.value?.offer;
    if (!isUndo || !offer || isTextField(target)) return;
    event.preventDefault();
    takeUp(offer);
  };
  document.addEventListener('keydown', onKeyDown);
  return () => document.removeEventListener('keydown', onKeyDown);
}

/** Does what is offered, and leads to what came back. */
function takeUp(offer: NonNullable<Notice['offer']>): void {
  notice.value = undefined;
  const id = offer.take();
  if (!id) return;
  requestAnimationFrame(() => {
    const element = document.getElementById(id);
    const whole = element?.closest('.card') ?? element;
    const control = 'summary, [data-control=remove], input[type=file]';
    if (enlarged.peek()) lastResort().focus();
    else whole?.querySelector<HTMLElement>(control)?.focus();
  });
}

function Line(props: {
  dismiss: () => void;
  offer?: Notice['offer'];
  children: ComponentChildren;
}) {
  const { dismiss, offer, children } = props;
  return (
    <>
      <p>{children}</p>
      {offer && (
        <button
          class="button"
          type="button"
          aria-keyshortcuts="Control+Z"
          title="Ctrl+Z"
          onClick={() => takeUp(offer)}
        >
          {offer.label}
        </button>
      )}
      <button
        class="icon-button"
        type="button"
        aria-label="Dismiss"
        onClick={dismiss}
      >
        <Icon name="cross" />
      </button>
    </>
  );
}

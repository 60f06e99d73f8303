import type { ComponentChildren } from 'preact';
import { modelChange, network } from '../backend';
import { withoutStop } from '../describe';
import { keeping } from '../models';
import { notice, type Notice } from '../news';
import { Icon } from './icon';

/** What one should hear of wherever one is: why a model did not come in, what was left out. */
export function News() {
  const change = modelChange.value;
  const state = keeping.value;
  return (
    <div class="news">
      {change && 'failure' in change && (
        <div class="page-alert" role="alert">
          <Line dismiss={() => (modelChange.value = undefined)}>
            {change.file ?? 'Another model'} could not be loaded:{' '}
            {withoutStop(change.failure.message)}. At work is {modelAtWork()}.
          </Line>
        </div>
      )}
      {/* Always there: what comes together with its region is not announced everywhere. */}
      <div role="status">
        {state && 'notKept' in state && (
          <div class="page-notice">
            <Line dismiss={() => (keeping.value = undefined)}>
              The model works for this visit, but could not be kept for the
              next: {state.notKept}.
            </Line>
          </div>
        )}
        {notice.value && (
          <div class="page-notice">
            <Line
              dismiss={() => (notice.value = undefined)}
              offer={notice.value.offer}
            >
              {notice.value.text}
            </Line>
          </div>
        )}
      </div>
    </div>
  );
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
          onClick={() => {
            dismiss();
            offer.take();
          }}
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

function modelAtWork(): string {
  const { value } = network;
  const file = value.state === 'ready' ? value.file : undefined;
  return file ?? 'the model in this page';
}

import { useRef } from 'preact/hooks';
import type { Errand } from '../photos/errand';
import { Trouble } from './trouble';

/** How far an errand is, and a way to end it or to begin again; nothing if there is none. */
export function Pending(props: {
  errand: Errand;
  /** What is made, as in "Stop making NAME". */
  name: string;
  again: () => void;
}) {
  const { errand, name, again } = props;
  const { value: state } = errand.state;
  // What may be there in a moment needs no button yet; but one that is there stays, for its focus.
  const hasButton = useRef(false);
  if (state !== 'waiting') hasButton.current = state !== 'idle';
  if (state === 'idle') return null;
  if (typeof state === 'object' && 'failure' in state) {
    return <Trouble failure={state.failure} again={again} />;
  }
  const isStopped = state === 'stopped';
  const passes = typeof state === 'object' ? state : undefined;
  return (
    <span class="pending">
      {isStopped ? (
        'Stopped.'
      ) : (
        <progress
          value={passes && passes.done / passes.passes}
          aria-label={`Making ${name}`}
        />
      )}
      {passes && (
        <span>
          {passes.done} of {passes.passes}
        </span>
      )}
      {hasButton.current && (
        <button
          class="button"
          type="button"
          aria-label={isStopped ? undefined : `Stop making ${name}`}
          onClick={() => (isStopped ? again() : errand.stop())}
        >
          {isStopped ? 'Go on' : 'Stop'}
        </button>
      )}
    </span>
  );
}

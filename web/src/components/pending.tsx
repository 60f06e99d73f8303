import type { Errand } from '../errand';
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
  if (state === 'idle') return null;
  if (typeof state === 'object' && 'failure' in state) {
    return <Trouble failure={state.failure} again={again} />;
  }
  if (state === 'stopped') {
    return (
      <span class="pending">
        Stopped.
        <button class="button" type="button" onClick={again}>
          Go on
        </button>
      </span>
    );
  }
  const share = state === 'waiting' ? undefined : state.done / state.passes;
  return (
    <span class="pending">
      <progress value={share} aria-label={`Making ${name}`} />
      {state !== 'waiting' && (
        <>
          <span>
            {state.done} of {state.passes}
          </span>
          <button
            class="button"
            type="button"
            aria-label={`Stop making ${name}`}
            onClick={() => errand.stop()}
          >
            Stop
          </button>
        </>
      )}
    </span>
  );
}

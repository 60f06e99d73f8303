import type { Failure } from '../shared/protocol';
import { sentence } from '../words/sentence';
import { Icon } from './icon';

/** Why something did not work that leaves what is there as it is, and a way to try it again. */
export function Trouble(props: { failure: Failure; again: () => void }) {
  return (
    <span class="trouble" role="alert">
      <Icon name="warning" />
      <span>{sentence(props.failure.message)}</span>
      <button class="button" type="button" onClick={props.again}>
        Try again
      </button>
    </span>
  );
}

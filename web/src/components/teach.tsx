import { modelShare, ready } from '../backend/network';
import { hasHead } from '../models/at-work';
import { kept, keptAs } from '../models/kept';
import { dropHead } from '../models/models';
import { changeModel } from '../photos/photos';
import {
  addBox,
  boxes,
  filesInBoxes,
  presentObstacle,
  remarks,
  savePhotos,
} from '../teach/boxes';
import { savingBoxes } from '../saving/save-boxes';
import {
  isOfBoxes,
  isTeaching,
  lastTaught,
  lesson,
  saveHead,
  teach,
  type Lesson,
  type Trained,
} from '../teach/lesson';
import { leftOutVerdict } from '../words/models';
import { nameInText } from '../words/name-in-text';
import { BoxCard, FolderInput } from './boxes';
import { Icon } from './icon';

const OBSTACLE_ID = 'teach-obstacle';

/** Where the network learns other classes from a few photos. */
export function Teach() {
  const { value } = lesson;
  const busy = isTeaching.value;
  const reason = presentObstacle();
  const isLoading = modelShare.value !== undefined;
  const isOff = busy || isLoading || reason !== undefined || !ready();
  return (
    <details class="about teach">
      <summary>Teach it</summary>
      <p class="teach-lead">
        Put photos into named boxes, such as your dog and the neighbour’s. The
        network’s last layer learns to tell them apart, here, in seconds.
      </p>
      {value.state === 'idle' && kept.value.some(({ head }) => head) && (
        <p class="teach-lead">
          What it was taught before is kept in this browser: under{' '}
          <i>How it works</i>, <i>Use another model</i>.
        </p>
      )}
      <div class="boxes">
        {boxes.value.map((box) => (
          <BoxCard key={box.id} box={box} disabled={busy} />
        ))}
      </div>
      <FolderInput disabled={busy} />
      <div class="model-ways">
        <button class="button" type="button" disabled={busy} onClick={addBox}>
          <Icon name="plus" />
          Another box
        </button>
        <SavePhotos />
        <button
          class="button primary"
          type="button"
          aria-disabled={isOff}
          aria-describedby={reason && OBSTACLE_ID}
          onClick={() => {
            // Disabled, it would lose the focus whenever it is used.
            if (!isOff) void teach();
          }}
        >
          Train
        </button>
        {hasHead.value && (
          <button
            class="button"
            type="button"
            disabled={busy}
            onClick={() => void changeModel(dropHead)}
          >
            Back to what it knew
          </button>
        )}
        {reason && <p id={OBSTACLE_ID}>{reason}</p>}
      </div>
      <div role="status">
        {remarks.value.map((text) => (
          <p key={text} class="remark">
            {text}
          </p>
        ))}
      </div>
      <Progress value={value} />
      <p class="visually-hidden" role="status">
        {announced(value)}
      </p>
    </details>
  );
}

function Progress({ value }: { value: Lesson }) {
  const { value: last } = lastTaught;
  if (value.state === 'idle') return last ? <Learnt of={last} /> : null;
  if (value.state === 'failed') {
    return (
      <>
        <p class="failure" role="alert">
          {value.reason}
        </p>
        {last && <Learnt of={last} />}
      </>
    );
  }
  if (value.state === 'looking') {
    return (
      <p>
        Looking at photo {value.done + 1} of {value.total}…
      </p>
    );
  }
  const { losses, steps, photos, leftOut } = value;
  return (
    <div class="lesson" data-state={value.state}>
      <Curve losses={losses} steps={steps} />
      <p>
        {value.state === 'taught'
          ? verdictOf(value)
          : losses.length < steps
            ? `Training, step ${losses.length} of ${steps}…`
            : `Testing without each photo: ${leftOut} of ${photos}…`}
      </p>
      {value.state === 'taught' && isKnown(value) && (
        <p>
          The page now knows{' '}
          {new Intl.ListFormat('en').format(value.names.map(nameInText))}, and
          nothing else: drop other photos to try it. <i>Back to what it knew</i>{' '}
          undoes that.
          {!isOfBoxes(value) &&
            ' The boxes have changed since: train again to have it learn that.'}
        </p>
      )}
      {value.state === 'taught' && <Learnt of={value} />}
    </div>
  );
}

function isKnown({ head }: Trained): boolean {
  return head !== undefined && ready()?.head === head;
}

/** What was learnt, to keep. */
function Learnt({ of }: { of: Trained }) {
  const isKept = of.head !== undefined && keptAs(of.head) !== undefined;
  return (
    <div class="model-ways">
      <button class="button" type="button" onClick={() => saveHead(of)}>
        <Icon name="save" />
        Save what it learnt
      </button>
      <p>
        <WhereKept isKnown={isKnown(of)} isKept={isKept} />
      </p>
    </div>
  );
}

/** How what was learnt can be had again. */
function WhereKept(props: { isKnown: boolean; isKept: boolean }) {
  const { isKnown, isKept } = props;
  if (isKept) {
    return (
      <>
        {isKnown ? 'It is' : 'It does not know it any more, but it is'} kept in
        this browser for the next visit: under <i>How it works</i>,{' '}
        <i>Use another model</i>. It leaves this computer only as a file.
      </>
    );
  }
  return isKnown
    ? 'It knows it for this visit; the file can be dropped on the page in the next.'
    : 'It does not know it any more; the file can be dropped on the page, as in the next visit.';
}

function SavePhotos() {
  if (filesInBoxes().length === 0) return null;
  const { value } = savingBoxes;
  return (
    <button
      class="button"
      type="button"
      aria-disabled={!!value}
      title="A zip file with a folder for each box. It can be dropped above again; unpacked, gradcam finetune takes it, too"
      onClick={() => void savePhotos()}
    >
      <Icon name="save" />
      {value ? `Saving ${value.done + 1} of ${value.total}` : 'Save the photos'}
    </button>
  );
}

/** Where a lesson begins and ends, not every step; failures are alerts. */
function announced(value: Lesson): string {
  switch (value.state) {
    case 'idle':
    case 'failed':
      return '';
    case 'looking':
      return 'Looking at the photos…';
    case 'training':
      return 'Training…';
    case 'taught':
      return verdictOf(value);
  }
}

function verdictOf({ mistakes, names, labels }: Trained): string {
  const sizes = names.map(
    (_, label) => [...labels.values()].filter((each) => each === label).length,
  );
  return leftOutVerdict(labels.size - mistakes.size, sizes);
}

/** The loss, step by step. */
function Curve(props: { losses: readonly number[]; steps: number }) {
  const { losses, steps } = props;
  const top = Math.max(...losses, 0.1);
  const points = losses.map(
    (loss, i) => `${(300 * i) / (steps - 1)},${75 - (70 * loss) / top}`,
  );
  const title =
    losses.length > 0
      ? `The loss, step by step: from ${losses[0]!.toFixed(2)} to ${losses.at(-1)!.toFixed(2)}`
      : 'The loss, step by step';
  return (
    <figure class="curve">
      <svg viewBox="0 0 300 80" aria-hidden="true">
        <path d="M0 75.5H300" />
        <polyline points={points.join(' ')} />
      </svg>
      <figcaption>{title}</figcaption>
    </figure>
  );
}

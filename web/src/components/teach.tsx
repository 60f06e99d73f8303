import { useRef } from 'preact/hooks';
import { modelChange, network } from '../backend/network';
import { closeUp, isSeeing } from '../camera';
import { bringsFiles, chosenFiles, chosenFolder, take } from '../intake/intake';
import { dropHead, hasHead, kept, keptAs } from '../models/models';
import { say } from '../news';
import { changeModel } from '../photos/photos';
import {
  addBox,
  boxes,
  isOfBoxes,
  isTeaching,
  lastTaught,
  lesson,
  moveTo,
  moving,
  presentObstacle,
  putIn,
  putInByFolder,
  remarks,
  removeBox,
  saveHead,
  savePhotos,
  takeOut,
  teach,
  type PhotoBox,
  type Lesson,
  type Trained,
} from '../teach';
import { leftOutVerdict } from '../words/models';
import { nameInText } from '../words/name-in-text';
import { Icon } from './icon';
import { useObjectUrl } from './use-object-url';

/** Where the network learns other classes from a few photos. */
export function Teach() {
  const { value } = lesson;
  const busy = isTeaching.value;
  const reason = presentObstacle();
  const change = modelChange.value;
  const isLoading = change !== undefined && 'share' in change;
  const isOff =
    busy ||
    isLoading ||
    reason !== undefined ||
    network.value.state !== 'ready';
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
        {boxes.value.some(({ photos }) => photos.value.length > 0) && (
          <button
            class="button"
            type="button"
            title="A zip file with a folder for each box. It can be dropped above again; unpacked, gradcam finetune takes it, too"
            onClick={() => void savePhotos()}
          >
            <Icon name="save" />
            Save the photos
          </button>
        )}
        <button
          class="button primary"
          type="button"
          aria-disabled={isOff}
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
        {reason && <p>{reason}</p>}
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

/** The way in for photos that lie in a folder for each class. */
function FolderInput({ disabled }: { disabled: boolean }) {
  const folder = useRef<HTMLInputElement>(null);
  const zip = useRef<HTMLInputElement>(null);
  return (
    <div
      class="box-input of-folders"
      data-drop
      onDragOver={(event) => {
        if (bringsFiles(event.dataTransfer)) event.preventDefault();
      }}
      onDrop={async (event) => {
        if (!event.dataTransfer || !bringsFiles(event.dataTransfer)) return;
        event.preventDefault();
        if (disabled) say(BUSY);
        else await putInByFolder(await take(event.dataTransfer));
      }}
    >
      <p>
        Photos in folders? Drop them here, or a zip file of them: each folder
        becomes a box
      </p>
      <input
        ref={folder}
        hidden
        type="file"
        // Which preact's types do not know.
        {...{ webkitdirectory: true }}
        onChange={({ currentTarget }) =>
          void putInByFolder(chosenFolder(currentTarget))
        }
      />
      <input
        ref={zip}
        hidden
        type="file"
        accept=".zip,application/zip"
        onChange={({ currentTarget }) =>
          void putInByFolder({ files: chosenFiles(currentTarget), refused: [] })
        }
      />
      <div class="model-ways">
        <button
          class="button"
          type="button"
          disabled={disabled}
          onClick={() => folder.current!.click()}
        >
          Choose a folder
        </button>
        <button
          class="button"
          type="button"
          disabled={disabled}
          onClick={() => zip.current!.click()}
        >
          Choose a zip file
        </button>
      </div>
    </div>
  );
}

const BUSY = 'It is learning. Drop the photos once it is done.';

function BoxCard({ box, disabled }: { box: PhotoBox; disabled: boolean }) {
  const name = nameInText(box.name.value);
  /** What a photo was taken for, as long as it is in the box that it was tested with. */
  const mistakeOf = (file: File) => {
    if (!('mistakes' in lesson.value)) return undefined;
    const { mistakes, labels, names } = lesson.value;
    const isHere = names[labels.get(file)!] === box.name.value.trim();
    return isHere ? mistakes.get(file) : undefined;
  };
  return (
    <fieldset
      class="box"
      data-drop
      disabled={disabled}
      onDragOver={(event) => {
        if (moving.peek() || bringsFiles(event.dataTransfer)) {
          event.preventDefault();
        }
      }}
      onDrop={async (event) => {
        const isOwn = moving.peek() && !bringsFiles(event.dataTransfer);
        if (isOwn) {
          event.preventDefault();
          event.stopPropagation();
          moveTo(box);
          return;
        }
        if (!bringsFiles(event.dataTransfer)) return; // its name takes text
        event.preventDefault();
        if (disabled) say(BUSY);
        if (!event.dataTransfer || disabled) return;
        const { files, refused } = await take(event.dataTransfer);
        await putIn(box, files, refused);
      }}
    >
      <legend class="visually-hidden">{name}</legend>
      <div class="box-head">
        <input
          type="text"
          aria-label="Name of the box"
          value={box.name.value}
          onInput={({ currentTarget }) => {
            box.name.value = currentTarget.value;
          }}
        />
        {boxes.value.length > 2 && (
          <button
            class="icon-button"
            type="button"
            aria-label={`Remove the box ${name}`}
            onClick={() => removeBox(box)}
          >
            <Icon name="cross" />
          </button>
        )}
      </div>
      <ul class="box-photos">
        {box.photos.value.map((file) => (
          <li
            key={file}
            draggable={boxes.value.length > 1 && !disabled}
            onDragStart={({ dataTransfer }) => {
              moving.value = file;
              dataTransfer!.effectAllowed = 'move';
              dataTransfer!.setData('text/plain', file.name); // for Firefox
            }}
            onDragEnd={() => (moving.value = undefined)}
          >
            <Thumbnail file={file} />
            {mistakeOf(file) !== undefined && (
              <span class="mistake">
                taken for {nameInText(mistakeOf(file)!)}
              </span>
            )}
            <button
              type="button"
              aria-label={`Take ${nameInText(file.name)} out`}
              onClick={() => takeOut(box, file)}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      {isSeeing.value && (
        <button
          class="button"
          type="button"
          title="Move it from one to the next: pictures that are alike teach little, and testing with them flatters"
          onClick={async () => putIn(box, [await closeUp()])}
        >
          <Icon name="camera" />
          Put in what the camera shows
        </button>
      )}
      <label class="box-input">
        Drop photos here, or choose them
        <input
          class="visually-hidden"
          type="file"
          accept="image/*"
          multiple
          data-box={box.name.value}
          aria-label={`Photos for ${name}`}
          onChange={({ currentTarget }) =>
            void putIn(box, chosenFiles(currentTarget))
          }
        />
      </label>
    </fieldset>
  );
}

function Thumbnail({ file }: { file: File }) {
  const url = useObjectUrl(file);
  const name = nameInText(file.name);
  return <img src={url} alt={name} title={name} draggable={false} />;
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
  const { value } = network;
  return value.state === 'ready' && head !== undefined && value.head === head;
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

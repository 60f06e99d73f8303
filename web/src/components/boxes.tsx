import { useRef } from 'preact/hooks';
import { closeUp, isSeeing } from '../camera';
import { bringsFiles, chosenFiles, chosenFolder, take } from '../intake/intake';
import { unpacked } from '../intake/unpack';
import { say } from '../news';
import {
  boxes,
  boxIdOf,
  moveTo,
  moving,
  putIn,
  putInByFolder,
  putInPicture,
  removeBox,
  takeOut,
  type PhotoBox,
} from '../teach/boxes';
import { lesson } from '../teach/lesson';
import { nameInText } from '../words/name-in-text';
import { percent } from '../words/numbers';
import { Icon } from './icon';
import { useObjectUrl } from './use-object-url';

const BUSY = 'It is learning. Drop the photos once it is done.';

/** The way in for photos that lie in a folder for each class. */
export function FolderInput({ disabled }: { disabled: boolean }) {
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
        {unpacked.value === undefined
          ? 'Photos in folders? Drop them here, or a zip file of them: each folder becomes a box'
          : `Unpacking, ${percent(unpacked.value)}`}
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

/** A box, into which photos are put, and out of which they are taken. */
export function BoxCard({
  box,
  disabled,
}: {
  box: PhotoBox;
  disabled: boolean;
}) {
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
      id={boxIdOf(box)}
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
            data-control="remove"
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
          onClick={() => void putInPicture(box, closeUp())}
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

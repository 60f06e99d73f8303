import { useRef } from 'preact/hooks';
import { modelChange, modelShare, ready } from '../backend/network';
import { chosenFiles } from '../intake/intake';
import { isOwnAtWork, keptAtWork, whatStays } from '../models/at-work';
import {
  baseOf,
  forget,
  keeping,
  kept,
  keptHead,
  notKeptAtWork,
  saveKept,
} from '../models/kept';
import { pixelValues, precision, useKept, useOwnModel } from '../models/models';
import type { KeptModel } from '../models/model-store';
import { changeModel } from '../photos/photos';
import { takeModel } from '../take-in';
import { isTeaching } from '../teach/lesson';
import { LEARNING, notKept } from '../words/models';
import { nameInText } from '../words/name-in-text';
import { nameOfHead, shortList } from '../words/names';
import { dateInText, megabytes, percent } from '../words/numbers';
import { sentence } from '../words/sentence';

/** Lets another weights file take the place of the model in the page. */
export function ModelPicker() {
  const input = useRef<HTMLInputElement>(null);
  const change = modelChange.value;
  const share = modelShare.value;
  const loading = share !== undefined;
  const disabled = loading || isTeaching.value || !ready();
  // With aria-disabled they keep the focus when they are used.
  const use = (change: () => Promise<boolean>) => {
    if (!disabled) void changeModel(change);
  };
  return (
    <section class="model-picker" aria-label="Other models">
      <input
        ref={input}
        id="model-input"
        hidden
        type="file"
        multiple
        accept=".safetensors,.h5,.hdf5,.keras,.pth,.pt,.bin,.ckpt,.tar,.onnx,.data,.onnx_data,.txt,.json"
        onChange={({ currentTarget }) =>
          takeModel(chosenFiles(currentTarget), true)
        }
      />
      <div class="model-ways">
        <button
          class="button"
          type="button"
          aria-disabled={disabled}
          onClick={() => !disabled && input.current!.click()}
        >
          Use another model…
        </button>
        <label class="field">
          <span>Weights</span>
          <select
            value={precision.value}
            aria-label="How the weights of the new model are stored"
            onChange={({ currentTarget }) => {
              precision.value = currentTarget.value as typeof precision.value;
            }}
          >
            <option value="as it is">as in the file</option>
            <option value="f16">float16, 2 bytes a weight</option>
            <option value="int8">int8, 1 byte a weight</option>
            <option value="int4">int4, half a byte a weight</option>
          </select>
        </label>
        <label class="field">
          <span>Trained on pixels</span>
          <select
            value={pixelValues.value}
            aria-label="Pixels that a model of Keras, PyTorch or ONNX was trained on"
            onChange={({ currentTarget }) => {
              pixelValues.value =
                currentTarget.value as typeof pixelValues.value;
            }}
          >
            <option value="usual">as usual for the file</option>
            <option value="keras">by Keras’s preprocess_input</option>
            <option value="unit">from 0 to 1 (rescale=1/255)</option>
            <option value="torchvision">by torchvision’s normalize</option>
          </select>
        </label>
        {!isOwnAtWork.value && (
          <button
            class="button"
            type="button"
            aria-disabled={disabled}
            onClick={() => use(useOwnModel)}
          >
            Back to the model in this page
          </button>
        )}
      </div>
      {loading && <progress value={share} aria-label="Model loaded" />}
      <p>
        {loading
          ? `Loading, ${percent(share)}`
          : isTeaching.value
            ? LEARNING
            : 'A VGG16 with any number of classes: a .safetensors file, or one of Keras (.h5, .keras), PyTorch (.pth) or ONNX (.onnx, and the .data file that it may have); together with it, where it does not name its classes, a text file that does, a line each. What is imported or named becomes float16. Or a head file for the present model, the one in this page or one that is kept. All can be dropped on the page, too.'}
      </p>
      {change && 'failure' in change && (
        <p class="failure">
          {sentence(change.failure.message)} {whatStays(change.failure)}
        </p>
      )}
      <Kept disabled={disabled} loading={loading} use={use} />
    </section>
  );
}

/** Whether models can be changed now, and how. */
interface Changing {
  disabled: boolean;
  loading: boolean;
  use: (change: () => Promise<boolean>) => void;
}

function Kept(props: Changing) {
  const state = keeping.value;
  const fault = notKeptAtWork.value;
  return (
    <>
      {state && 'share' in state && (
        <p>Keeping it in this browser, {percent(state.share)}</p>
      )}
      {fault && <p>{notKept(fault)}</p>}
      {kept.value.length > 0 && (
        <div class="kept">
          <p id="kept">Kept in this browser, on this computer alone:</p>
          <ul aria-labelledby="kept">
            {kept.value.map((each) => (
              <KeptFile key={each.id} file={each} {...props} />
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

function KeptFile({
  file,
  disabled,
  loading,
  use,
}: { file: KeptModel } & Changing) {
  const { id, precision, size, date, head } = file;
  const name = nameOf(file);
  const when = date === undefined ? undefined : dateInText(date);
  const what = head ? `taught to ${baseOf(head)}` : precision;
  const isLoaded = id === keptAtWork.value;
  const isInUse = isLoaded || id === keptHead.value?.id;
  // Which one it is, in a few words.
  const which = `${name}, ${head ? when : precision}`;
  return (
    <li data-kept={file.name}>
      <span>
        {[name, what, megabytes(size), when].filter(Boolean).join(', ')}
      </span>
      {/* It stays, for its focus. */}
      <button
        class="link-button"
        type="button"
        aria-disabled={disabled || isInUse}
        aria-label={`${isInUse ? 'In use:' : 'Use'} ${which}`}
        onClick={() => isInUse || use(() => useKept(file))}
      >
        {isInUse ? 'In use' : 'Use'}
      </button>
      {head && (
        <button
          class="link-button"
          type="button"
          aria-label={`Save as a file: ${which}`}
          onClick={() => void saveKept(file)}
        >
          Save as a file
        </button>
      )}
      {isLoaded ? (
        <span>Change to another model to forget it.</span>
      ) : (
        <button
          class="link-button"
          type="button"
          disabled={loading}
          aria-label={`Forget ${which}`}
          onClick={() => void forget(file)}
        >
          Forget
        </button>
      )}
    </li>
  );
}

/** What a file is called; of a head whose name does not tell, with what it knows. */
function nameOf({ name, head }: KeptModel): string {
  const says = head && nameOfHead(head.labels) !== name;
  return nameInText(name) + (says ? ` (${shortList(head.labels)})` : '');
}

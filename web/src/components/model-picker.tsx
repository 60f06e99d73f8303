import { useRef } from 'preact/hooks';
import { modelChange, network } from '../backend/network';
import { chosenFiles } from '../intake/intake';
import {
  forget,
  keeping,
  kept,
  keptAtWork,
  pixelValues,
  precision,
  useKept,
  useOwnModel,
  whatStays,
} from '../models/models';
import type { KeptModel } from '../models/model-store';
import { changeModel } from '../photos/photos';
import { takeModel } from '../intake/take-in';
import { isTeaching } from '../teach';
import { LEARNING } from '../words/models';
import { nameInText } from '../words/name-in-text';
import { megabytes, percent } from '../words/numbers';
import { sentence } from '../words/sentence';

/** Lets another weights file take the place of the model in the page. */
export function ModelPicker() {
  const input = useRef<HTMLInputElement>(null);
  const { value } = network;
  const change = modelChange.value;
  const loading = change !== undefined && 'share' in change;
  const disabled = loading || isTeaching.value || value.state !== 'ready';
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
        {value.state === 'ready' && value.file && (
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
      {loading && <progress value={change.share} aria-label="Model loaded" />}
      <p>
        {loading
          ? `Loading, ${percent(change.share)}`
          : isTeaching.value
            ? LEARNING
            : 'A VGG16 with any number of classes: a .safetensors file, or one of Keras (.h5, .keras), PyTorch (.pth) or ONNX (.onnx, and the .data file that it may have); together with it, where it does not name its classes, a text file that does, a line each. What is imported or named becomes float16. Or a head file for the present model. All can be dropped on the page, too.'}
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

function Kept(props: {
  disabled: boolean;
  loading: boolean;
  use: (change: () => Promise<boolean>) => void;
}) {
  const { disabled, loading, use } = props;
  const state = keeping.value;
  const isInUse = ({ id }: KeptModel) => id === keptAtWork.value;
  return (
    <>
      {state && (
        <p>
          {'share' in state
            ? `Keeping it in this browser, ${percent(state.share)}`
            : `It works for this visit, but could not be kept for the next: ${state.notKept}.`}
        </p>
      )}
      {kept.value.length > 0 && (
        <ul class="kept" aria-label="Models kept in this browser">
          {kept.value.map((model) => (
            <li key={model.id} data-kept={model.name}>
              <span>
                {nameInText(model.name)}, {model.precision},{' '}
                {megabytes(model.size)}
              </span>
              {/* It stays, for its focus. */}
              <button
                class="link-button"
                type="button"
                aria-disabled={disabled || isInUse(model)}
                aria-label={`${isInUse(model) ? 'In use:' : 'Use'} ${nameInText(model.name)}, ${model.precision}`}
                onClick={() => isInUse(model) || use(() => useKept(model))}
              >
                {isInUse(model) ? 'In use' : 'Use'}
              </button>
              {isInUse(model) ? (
                <span>Change to another model to forget it.</span>
              ) : (
                <button
                  class="link-button"
                  type="button"
                  disabled={loading}
                  aria-label={`Forget ${nameInText(model.name)}, ${model.precision}`}
                  onClick={() => void forget(model)}
                >
                  Forget
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

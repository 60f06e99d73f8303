import { modelChange, network } from '../backend';
import { percent, sentence } from '../describe';
import { changeModel } from '../photos';

/** Lets another weights file take the place of the model in the page. */
export function ModelPicker() {
  const change = modelChange.value;
  const loading = change !== undefined && 'share' in change;
  return (
    <div class="model-picker">
      <button
        class="button"
        type="button"
        disabled={loading || network.value.state !== 'ready'}
        onClick={pick}
      >
        Use another model…
      </button>
      <p role="status">
        {loading
          ? `Loading, ${percent(change.share)}`
          : 'A VGG16 as a .safetensors file, with any number of classes.'}
      </p>
      {change && 'failure' in change && (
        <p class="failure" role="alert">
          {sentence(change.failure.message)} The model before stays in use.
        </p>
      )}
    </div>
  );
}

function pick(): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = '.safetensors';
  input.onchange = () => {
    const file = input.files?.[0];
    if (file) void changeModel(file);
  };
  input.click();
}

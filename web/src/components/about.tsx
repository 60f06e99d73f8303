import { useSignal } from '@preact/signals';
import notices from 'virtual:notices';
import {
  USUAL_LAYER,
  type EngineInfo,
  type ModelInfo,
} from '../../../wasm/engine';
import {
  classNoun,
  painter,
  presentModel,
  ready,
  setLowMemory,
} from '../backend/network';
import { reasonOf } from '../shared/outcome';
import { workers } from '../backend/hiring';
import { listKept, MODELS_ID } from '../models/kept';
import type { PhotoResult } from '../photos/photo';
import { states } from '../photos/photos';
import { lowMemory } from '../settings';
import { nameInText } from '../words/name-in-text';
import { breed, capitalised } from '../words/names';
import { sentence } from '../words/sentence';
import { Borders } from './borders';
import { Layers } from './layers';
import { ModelPicker } from './model-picker';

const LICENSE = 'Apache License 2.0';

/** How it works, what is at work, and under which terms. */
export function About() {
  const model = presentModel();
  return (
    <details
      class="about"
      onToggle={({ currentTarget }) => {
        // By now other tabs may have kept or forgotten some.
        if (currentTarget.open) void listKept();
      }}
    >
      <summary>How it works</summary>
      <ol class="steps">
        <li>
          <h3>Look</h3>
          <p>
            The photo is brought to a small square, of 224 by 224 pixels in the
            model of this page. Thirteen layers of small filters turn it into
            maps of edges, then textures, then parts such as ears and muzzles;
            three further layers weigh those into one score a breed.
          </p>
        </li>
        <li>
          <h3>Ask back</h3>
          <p>
            For the breed in question the page computes how much its score would
            rise if each of the last maps were a little stronger. That gradient,
            averaged over a map, is the importance of the map.
          </p>
        </li>
        <li>
          <h3>Show</h3>
          <p>
            The maps are added up by importance, and what speaks for the breed
            is kept. That is the heatmap: warm where the evidence was. The
            method is called Grad-CAM. <Borders layer={USUAL_LAYER} />{' '}
            <i>Look closer</i> shows the network what is warm alone; small dogs
            are known much better that way.
          </p>
        </li>
      </ol>
      <details>
        <summary>What is at work</summary>
        <Facts />
        {model && <Layers model={model} />}
        <MemorySwitch />
      </details>
      <details id={MODELS_ID}>
        <summary>Use another model</summary>
        <ModelPicker />
      </details>
      <details class="notices">
        <summary>Licences and notices</summary>
        <p>
          gradcam.cpp is free software under the {LICENSE}. This page contains
          the works below.
        </p>
        <pre tabIndex={0}>{notices}</pre>
      </details>
    </details>
  );
}

const SIMD: Record<EngineInfo['simd'], string> = {
  none: 'without SIMD, which this browser lacks on this computer',
  simd128: 'with SIMD (simd128)',
  relaxed: 'with relaxed SIMD',
};

function Facts() {
  const atWork = ready();
  const engine = painter.value?.info;
  const last = states.value.findLast(({ name }) => name === 'done');
  return (
    <dl class="facts">
      {atWork && <ModelFacts model={atWork.model} file={atWork.file} />}
      {engine && (
        <>
          <dt>Engine</dt>
          <dd>
            gradcam.cpp {engine.version}, WebAssembly {SIMD[engine.simd]},{' '}
            {teamSize()}
          </dd>
        </>
      )}
      {last?.name === 'done' && (
        <>
          <dt>Last photo</dt>
          <dd>{times(last.result.milliseconds)}</dd>
        </>
      )}
    </dl>
  );
}

/** For devices with little memory, and for large models. */
function MemorySwitch() {
  /** What it is on the way to. */
  const wanted = useSignal<boolean | undefined>(undefined);
  const failure = useSignal('');
  const isBusy = wanted.value !== undefined;
  const isOff = !ready() || isBusy;
  const toggle = async (on: boolean) => {
    wanted.value = on;
    failure.value = '';
    try {
      await setLowMemory(on);
    } catch (error) {
      failure.value = sentence(reasonOf(error));
    }
    wanted.value = undefined;
  };
  return (
    <div class="memory">
      <label>
        <input
          type="checkbox"
          checked={wanted.value ?? lowMemory.value}
          aria-disabled={isOff}
          onClick={(event) => {
            // Disabled, it would lose the focus whenever it is used.
            if (isOff) event.preventDefault();
          }}
          onChange={({ currentTarget }) => void toggle(currentTarget.checked)}
        />
        Take less memory and more time: a single worker, which keeps the weights
        as small as the file has them, and leaves most of a large model in its
        file
      </label>
      {failure.value && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
    </div>
  );
}

/** "in up to 2 workers", of which a small network is run by one, and what became of others. */
function teamSize(): string {
  const { count, lost } = workers.value;
  const size = count === 1 ? 'in one worker' : `in up to ${count} workers`;
  return lost.length === 0
    ? size
    : `${size}; ${lost.length} stopped (${lost.join('; ')})`;
}

function ModelFacts({ model, file }: { model: ModelInfo; file?: string }) {
  return (
    <>
      <dt>Model</dt>
      <dd>
        {file ? nameInText(file) : 'the one in this page'}: {model.architecture}
        , {(model.parameters / 1e6).toFixed(1)} million weights
      </dd>
      <dt>Stored as</dt>
      <dd>{precisions(model)}</dd>
      <dt>Sees</dt>
      <dd>{inputOf(model)}</dd>
      <dt>{capitalised(classNoun.value.many)}</dt>
      <dd>
        {/* A thousand of them have to be scrolled. */}
        <div class="long" tabIndex={0} role="group" aria-label="What it knows">
          {model.labels.map(breed).join(', ')}
        </div>
      </dd>
      {model.source && (
        <>
          <dt>Origin</dt>
          <dd>{model.source}</dd>
        </>
      )}
      {model.license && (
        <>
          <dt>Terms</dt>
          <dd>{model.license}</dd>
        </>
      )}
    </>
  );
}

/** "F16 and I8": as the file stores its weights. */
function precisions({ layers }: ModelInfo): string {
  return [...new Set(layers.map(({ dtype }) => dtype))].join(' and ');
}

/** What a photo is made into before the network looks. */
function inputOf({ preprocess }: ModelInfo): string {
  const { size, channels, mean, std } = preprocess;
  const list = (values: unknown) =>
    Array.isArray(values) ? values.join(', ') : '';
  return [
    `${size} by ${size} pixels`,
    typeof channels === 'string' ? channels : '',
    list(mean) && `mean ${list(mean)}`,
    list(std) && `deviation ${list(std)}`,
  ]
    .filter(Boolean)
    .join('; ');
}

function times(milliseconds: PhotoResult['milliseconds']): string {
  const { decode, forward, backward } = milliseconds;
  const ms = (value: number) =>
    `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ms`;
  return `decoding ${ms(decode)}, network ${ms(forward)}, heatmaps ${ms(backward)}`;
}

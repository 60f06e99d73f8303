import { classNoun, presentModel } from '../backend/network';
import { addPhotos } from '../photos/photos';
import { samples } from '../photos/samples';
import { breed } from '../words/names';
import { CameraButton } from './camera';
import { Demo } from './demo';
import { Icon } from './icon';
import { PhotoPicker } from './photo-input';

const LISTED_BREEDS = 30;

/** What a visitor sees first. */
export function Welcome() {
  const { one } = classNoun.value;
  const isOfDogs = one === 'breed';
  return (
    <div class="welcome">
      <div>
        <h1>
          <span>Which {one} is it,</span>{' '}
          <span>and where did the network look?</span>
        </h1>
        <p class="lead">
          Give it a photo{isOfDogs && ' of a dog'}. A neural network in this
          page names the {one}, and a heatmap shows the parts of the photo that
          convinced it.
        </p>
        <PhotoPicker class="drop-zone">
          <span class="drop-zone-title">
            Drop {isOfDogs && 'dog '}photos here
          </span>
          <span class="drop-zone-hint">
            anywhere on the page, or paste them, or
          </span>
          <span class="button primary">Choose photos</span>
        </PhotoPicker>
        <p class="try">
          No photo at hand?
          <button
            class="link-button"
            type="button"
            onClick={() => void addPhotos({ files: samples(), refused: [] })}
          >
            Try two drawn dogs
          </button>
          <CameraButton class="link-button">Use the camera</CameraButton>
        </p>
        <p class="privacy">
          <Icon name="lock" />
          Your photos never leave this computer: the page works without any
          network connection.
        </p>
        <Breeds />
      </div>
      <Demo />
    </div>
  );
}

/** One looks for one's own. */
function byName(labels: readonly string[]): string[] {
  return [...labels].sort((a, b) => breed(a).localeCompare(breed(b), 'en'));
}

function Breeds() {
  const { labels = [], others = '' } = presentModel() ?? {};
  const more = labels.length - LISTED_BREEDS;
  const { many } = classNoun.value;
  return (
    <section class="known" aria-label="What the network knows">
      {labels.length > 0 && (
        <>
          <h2>
            It knows {labels.length} {many}
          </h2>
          <ul>
            {byName(labels)
              .slice(0, LISTED_BREEDS)
              .map((label) => (
                <li key={label}>{breed(label)}</li>
              ))}
            {more > 0 && <li>and {more} more</li>}
          </ul>
          <p>
            {others
              ? `If a photo shows ${others}, it mostly says so, but not always.`
              : `${many === 'breeds' ? 'A dog of any other breed' : 'Anything else'} gets one of these names, too.`}
          </p>
        </>
      )}
    </section>
  );
}

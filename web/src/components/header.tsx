import { network } from '../backend';
import { counts, progressText } from '../photos';

export function Header() {
  const { total, done, failed } = counts.value;
  const share = total === 0 ? 0 : (done + failed) / total;
  // The welcome of the empty page has a heading of its own.
  const Brand = total === 0 ? 'p' : 'h1';
  return (
    <header class="header">
      <Brand class="brand">
        <span class="brand-mark" aria-hidden="true" />
        gradcam
      </Brand>
      <div class="status">
        <p role="status">{progressText.value || networkText()}</p>
        {total > 0 && share < 1 && (
          <progress value={share} aria-label="Photos done" />
        )}
      </div>
    </header>
  );
}

function networkText(): string {
  switch (network.value.state) {
    case 'starting':
      return 'Getting ready…';
    case 'ready':
      return 'Ready';
    case 'failed':
      return 'Not available';
  }
}

import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { INPUT_ID, keepFocus } from '../focus';
import { chosenFiles, NO_FILE, take } from '../intake/intake';
import { say } from '../news';
import { takeIn } from '../take-in';
import { isTextField } from './text-field';

/** The way in for mouse and keyboard; always there, so that it keeps the focus. */
export function PhotoInput() {
  useEffect(() => keepFocus(document.getElementById('app')!), []);
  return (
    <input
      id={INPUT_ID}
      class="visually-hidden"
      type="file"
      multiple
      accept="image/*"
      onChange={({ currentTarget }) =>
        void takeIn({ files: chosenFiles(currentTarget), refused: [] })
      }
    />
  );
}

/** What one clicks to choose photos: the visible side of the input. */
export function PhotoPicker(props: {
  class: string;
  children: ComponentChildren;
}) {
  return (
    <label class={`picker ${props.class}`} for={INPUT_ID}>
      {props.children}
    </label>
  );
}

/** Takes in what is pasted anywhere; returns how to stop. */
export function acceptPaste(): () => void {
  const onPaste = async (event: ClipboardEvent) => {
    const { clipboardData: data, target } = event;
    if (!data || data.types.length === 0) return;
    const hasFiles = data.files.length > 0;
    const hasText = data.types.includes('text/plain');
    // Text of Word or Excel brings a picture of itself.
    if (isTextField(target) && (hasText || !hasFiles)) return;
    event.preventDefault();
    say(hasFiles ? '' : NO_FILE);
    if (hasFiles) await takeIn(await take(data));
  };
  document.addEventListener('paste', onPaste);
  return () => document.removeEventListener('paste', onPaste);
}

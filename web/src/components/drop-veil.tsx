import { useEffect, useState } from 'preact/hooks';
import { bringsFiles, NO_FILE, take } from '../intake/intake';
import { say } from '../news';
import { takeIn } from '../take-in';
import { isTextField } from './text-field';
import { moving } from '../teach/boxes';

/** Lets files be dropped anywhere, and says so while they hover. */
export function DropVeil() {
  const [hovering, setHovering] = useState(false);
  useEffect(() => acceptDrops(setHovering), []);
  return (
    <div class="drop-veil" hidden={!hovering} aria-hidden="true">
      <p>Let go to see where the network looks</p>
    </div>
  );
}

function acceptDrops(setHovering: (hovering: boolean) => void): () => void {
  const onDragOver = (event: DragEvent) => {
    const hasFiles = bringsFiles(event.dataTransfer);
    if (!hasFiles && isTextField(event.target)) return;
    // Without this the browser would leave the page, and all that is on it, for the photo or link.
    event.preventDefault();
    if (!hasFiles) return;
    event.dataTransfer!.dropEffect = 'copy';
    setHovering(!overBox(event));
  };
  const onDragLeave = (event: DragEvent) => {
    // Leaving an element for another one in the page has a relatedTarget.
    if (!event.relatedTarget) setHovering(false);
  };
  const onDrop = async (event: DragEvent) => {
    setHovering(false);
    const hasFiles = bringsFiles(event.dataTransfer);
    if (!hasFiles && isTextField(event.target)) return;
    event.preventDefault();
    if (hasFiles ? overBox(event) : moving.peek()) return;
    say(hasFiles ? '' : NO_FILE);
    if (!hasFiles) return;
    await takeIn(await take(event.dataTransfer!));
  };
  document.addEventListener('dragover', onDragOver);
  document.addEventListener('dragleave', onDragLeave);
  document.addEventListener('drop', onDrop);
  return () => {
    document.removeEventListener('dragover', onDragOver);
    document.removeEventListener('dragleave', onDragLeave);
    document.removeEventListener('drop', onDrop);
  };
}

/** Whether it is over something that takes drops itself. */
function overBox({ target }: DragEvent): boolean {
  return target instanceof Element && target.closest('[data-drop]') !== null;
}

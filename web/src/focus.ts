/**
 * Keeps the focus where one is when the control that has it leaves the page: it goes to what comes
 * next to it. Browsers would take it to the top, from where a keyboard has a long way back.
 */

/** The way in for photos, which is always there. */
export const INPUT_ID = 'photo-input';

const CONTROLS =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), summary, [tabindex="0"]';

/** An element around the control, or that itself, with its neighbours. */
interface Step {
  element: Element;
  parent: Element | null;
  neighbours: (Element | null)[];
}

/** What takes the focus when all that was around is gone: on the whole screen, the way back. */
export function lastResort(): HTMLElement {
  const back = '[data-enlarged="true"] [data-control="enlarge"]';
  return (
    document.querySelector<HTMLElement>(back) ??
    document.getElementById(INPUT_ID)!
  );
}

export function keepFocus(root: Element): () => void {
  /** From the control that has the focus outwards; empty if none has. */
  let path: Step[] = [];
  const onFocusIn = ({ target }: FocusEvent) => {
    path = pathOf(target as Element, root);
  };
  const onFocusOut = ({ target }: FocusEvent) => {
    // Some browsers tell so of what is removed as well, just before it is.
    queueMicrotask(() => {
      const left = target as Element;
      if (left.isConnected && path[0]?.element === left) path = [];
    });
  };
  const observer = new MutationObserver(() => {
    const [control] = path;
    if (!control || control.element.isConnected) return;
    const heir = heirOf(path);
    path = [];
    if (document.activeElement !== document.body) return;
    if (heir) heir.focus();
    else lastResort().focus({ preventScroll: true });
  });
  root.addEventListener('focusin', onFocusIn as EventListener);
  root.addEventListener('focusout', onFocusOut as EventListener);
  observer.observe(root, { childList: true, subtree: true });
  return () => {
    root.removeEventListener('focusin', onFocusIn as EventListener);
    root.removeEventListener('focusout', onFocusOut as EventListener);
    observer.disconnect();
  };
}

function pathOf(control: Element, root: Element): Step[] {
  const path: Step[] = [];
  for (
    let element: Element | null = control;
    element && element !== root;
    element = element.parentElement
  ) {
    path.push({
      element,
      parent: element.parentElement,
      neighbours: [element.nextElementSibling, element.previousElementSibling],
    });
  }
  return path;
}

/**
 * The control next to what is gone: after it or else before it, with the same `data-control` if
 * there is one, so that one can go on; none if a whole view is gone.
 */
function heirOf(path: readonly Step[]): HTMLElement | undefined {
  const { control } = (path[0]!.element as HTMLElement).dataset;
  for (const { parent, neighbours } of path) {
    if (!parent?.isConnected) continue;
    if (parent.tagName === 'MAIN') return undefined;
    for (const neighbour of neighbours) {
      if (!neighbour?.isConnected) continue;
      const all = controlsOf(neighbour);
      const isSame = ({ dataset }: HTMLElement) => dataset.control === control;
      const heir = (control && all.find(isSame)) || all[0];
      if (heir) return heir;
    }
  }
  return undefined;
}

function controlsOf(element: Element): HTMLElement[] {
  const all = [element, ...element.querySelectorAll<HTMLElement>(CONTROLS)];
  return all.filter(
    (each): each is HTMLElement =>
      each.matches(CONTROLS) &&
      each.getClientRects().length > 0 &&
      getComputedStyle(each).visibility === 'visible',
  );
}

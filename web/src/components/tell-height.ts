/** Keeps a variable of the styles at the height that an element covers; returns how to stop. */
export function tellHeight(
  variable: `--${string}`,
  element: HTMLElement,
  covered = () => element.offsetHeight,
): () => void {
  const { style } = document.documentElement;
  const observer = new ResizeObserver(() => {
    style.setProperty(variable, `${covered()}px`);
  });
  observer.observe(element);
  return () => {
    observer.disconnect();
    style.removeProperty(variable);
  };
}

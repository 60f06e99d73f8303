/** Whether text that is dropped or pasted there is for it. */
export function isTextField(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.closest('input:is([type="text"], [type="search"]), textarea') !==
      null
  );
}

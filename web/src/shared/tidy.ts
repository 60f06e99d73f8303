import { release } from '../../../wasm/pieces';

/** V8 collects garbage once there is more than this of what lies outside its heap. */
const REASON_TO_COLLECT = 96 << 20;

/**
 * Has Chromium look for what nobody needs, in a few milliseconds: by itself it does so late, and the
 * texts of this page and what it made of a photo are many megabytes. Asking for a buffer is a reason,
 * although its memory is never used. Other browsers might write zeros to it; they do not tell how
 * much memory their device has, which is what they are told apart by.
 */
export function tidy(): void {
  if (!('deviceMemory' in navigator)) return;
  try {
    release(new Uint8Array(REASON_TO_COLLECT));
  } catch {
    // There are not as many addresses left; then it will have reasons enough.
  }
}

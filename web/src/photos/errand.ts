/** How the worker is asked about a photo that it has looked at. */

import { signal, type ReadonlySignal } from '@preact/signals';
import { proxy, type Remote } from 'comlink';
import type { Box, PassProgress } from '../../../wasm/engine';
import { ask, stopLooking } from '../backend/network';
import { UNWANTED, wasStopped } from '../shared/outcome';
import { hold, put } from './photo-io';
import type { Failure, Outcome, WorkerApi } from '../shared/protocol';
import { shownOf } from './shown';
import type { Priority } from '../backend/task-queue';

/** How often progress is drawn, in milliseconds: that takes time from the workers. */
const PROGRESS_INTERVAL = 250;

/** What is to be known of a photo to ask about it. */
interface Asked {
  readonly id: number;
  readonly file: File;
  /** With the part of it that the network saw, if it has looked. */
  readonly state: ReadonlySignal<{
    name: string;
    result?: { crop: Box };
  }>;
}

/**
 * Something that the worker does for a photo and that may take long. A new request ends the one
 * before it.
 */
export class Errand {
  /** How far the worker is, where that can be told, or why there is no answer. */
  readonly state = signal<
    'idle' | 'waiting' | 'stopped' | PassProgress | { failure: Failure }
  >('idle');
  private last = 0;
  private running = 0;

  constructor(private readonly photoId: number) {}

  get isUnderWay(): boolean {
    const { value } = this.state;
    return value === 'waiting' || (typeof value === 'object' && !this.failure);
  }

  /** Whether the worker is at it, which is later than that it is asked for. */
  get isRunning(): boolean {
    return this.running > 0;
  }

  /** The worker's answer, or nothing if it was stopped or refused, which the state tells. */
  async run<T>(
    photo: Asked,
    request: (
      worker: Remote<WorkerApi>,
      report: (progress: PassProgress) => void,
    ) => Promise<Outcome<T>>,
    priority?: Priority,
  ): Promise<T | undefined> {
    this.reset();
    const own = ++this.last;
    const isWanted = () => own === this.last;
    this.state.value = 'waiting';
    let drawn = -Infinity;
    const report = proxy((progress: PassProgress) => {
      // It may come after the answer.
      if (!isWanted() || this.running !== own) return;
      const now = performance.now();
      if (now < drawn + PROGRESS_INTERVAL) return;
      drawn = now;
      this.state.value = progress;
    });
    const outcome = await askAbout(
      photo,
      async (worker) => {
        this.running = own;
        const answer = await request(worker, report);
        if (this.running === own) this.running = 0;
        // If it made room for something more urgent.
        if (isWanted() && wasStopped(answer)) this.state.value = 'waiting';
        return answer;
      },
      { needs: 'shown', isWanted, priority },
    );
    if (isWanted()) {
      this.state.value = outcome.ok ? 'idle' : { failure: outcome.failure };
    }
    return outcome.ok ? outcome.value : undefined;
  }

  /** Why there is no answer, if one was refused. */
  get failure(): Failure | undefined {
    const { value } = this.state;
    return typeof value === 'object' && 'failure' in value
      ? value.failure
      : undefined;
  }

  /** Ends what is under way or waits. */
  stop(): void {
    this.reset();
    this.state.value = 'stopped';
  }

  /** The same, where nobody misses it. */
  reset(): void {
    this.last++;
    if (this.running > 0) stopLooking(this.photoId);
    this.state.value = 'idle';
  }
}

interface Wish {
  /** Of the photo: its pixels, or what the network was shown of them. */
  needs: 'pixels' | 'shown';
  /** Whether it still is wanted, when it has its turn. */
  isWanted?: () => boolean;
  priority?: Priority;
}

/**
 * Asks about a photo that was looked at before, as it was then; the engine may hold another one by
 * now. Makes room for what is more urgent, and is asked again after it.
 */
export function askAbout<T>(
  photo: Asked,
  request: (worker: Remote<WorkerApi>) => Promise<Outcome<T>>,
  { needs, isWanted = () => true, priority = 'urgent' }: Wish,
): Promise<Outcome<T>> {
  return ask(async (worker, signal) => {
    const askNow = async () => {
      if (!isWanted() || signal.aborted) return UNWANTED;
      signal.onabort = () => stopLooking(photo.id);
      return request(worker);
    };
    if (!isWanted()) return UNWANTED;
    const crop = photo.state.value.result?.crop;
    const part = needs === 'shown' ? crop : undefined;
    if (await worker.holds(photo.id, part)) return askNow();
    const shown = part && shownOf(photo.id);
    const held = shown
      ? await put(worker, photo.id, shown, undefined, askNow)
      : await hold(worker, photo, crop, askNow);
    return held.ok ? held.value.asked : held;
  }, priority);
}

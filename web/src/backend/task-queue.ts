/** What was clicked on, before photos that have not been seen yet, before what is made anew. */
const PRIORITIES = ['urgent', 'patient', 'leisurely'] as const;
/**
 * What is asked again and again without an end, as of a camera, has every second turn: it waits for
 * one of the others, none of which makes room for it.
 */
const ENDLESS = 'endless';
export type Priority = (typeof PRIORITIES)[number] | typeof ENDLESS;

/** What a task gives back if it ended early to make room; it has its turn once more. */
export const INTERRUPTED = Symbol('interrupted');

/** Runs once; whether that was to its end. */
type Turn = (signal: AbortSignal) => Promise<boolean>;

/** Runs asynchronous tasks one after another; urgent ones before patient ones, endless ones between. */
export class TaskQueue {
  private readonly waiting: Record<Priority, Turn[]> = {
    urgent: [],
    patient: [],
    leisurely: [],
    endless: [],
  };
  private running: { priority: Priority; room: AbortController } | undefined;
  /** Whether it is the turn of what is not endless. */
  private isOwed = false;

  /**
   * Settles as the task does, once it has had its turn. Its signal tells that something more urgent
   * waits, which a task that takes long may make room for.
   */
  run<T>(
    task: (signal: AbortSignal) => Promise<T | typeof INTERRUPTED>,
    priority: Priority = 'patient',
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiting[priority].push(async (signal) => {
        try {
          const result = await task(signal);
          if (result === INTERRUPTED) return false;
          resolve(result);
        } catch (error) {
          reject(error);
        }
        return true;
      });
      if (this.running && isBefore(priority, this.running.priority)) {
        this.running.room.abort();
      }
      void this.drain();
    });
  }

  private async drain(): Promise<void> {
    if (this.running) return;
    for (
      let priority = this.first();
      priority !== undefined;
      priority = this.first()
    ) {
      const next = this.waiting[priority].shift()!;
      const room = new AbortController();
      this.running = { priority, room };
      // What is urgent comes in between, and is nobody's turn.
      if (priority !== 'urgent') this.isOwed = priority === ENDLESS;
      if (!(await next(room.signal))) this.waiting[priority].unshift(next);
    }
    this.running = undefined;
  }

  private first(): Priority | undefined {
    const next = PRIORITIES.find((each) => this.waiting[each].length > 0);
    const isEndless = this.waiting[ENDLESS].length > 0;
    const hasPrecedence = next === 'urgent' || (next && this.isOwed);
    return isEndless && !hasPrecedence ? ENDLESS : next;
  }
}

function isBefore(a: Priority, b: Priority): boolean {
  if (a === ENDLESS || b === ENDLESS) return false;
  return PRIORITIES.indexOf(a) < PRIORITIES.indexOf(b);
}

/** What was clicked on, before photos that have not been seen yet, before what is made anew. */
const PRIORITIES = ['urgent', 'patient', 'leisurely'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Runs asynchronous tasks one after another; urgent ones before patient ones. */
export class TaskQueue {
  private readonly waiting: Record<Priority, (() => Promise<void>)[]> = {
    urgent: [],
    patient: [],
    leisurely: [],
  };
  private running = false;

  /** Settles as the task does, once it has had its turn. */
  run<T>(task: () => Promise<T>, priority: Priority = 'patient'): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiting[priority].push(() => task().then(resolve, reject));
      void this.drain();
    });
  }

  private async drain(): Promise<void> {
    if (this.running) return;
    this.running = true;
    for (let next = this.next(); next; next = this.next()) await next();
    this.running = false;
  }

  private next(): (() => Promise<void>) | undefined {
    const first = PRIORITIES.find((each) => this.waiting[each].length > 0);
    return first && this.waiting[first].shift();
  }
}

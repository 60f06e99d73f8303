/** Runs asynchronous tasks one after another; urgent ones before patient ones. */
export class TaskQueue {
  private readonly urgent: (() => Promise<void>)[] = [];
  private readonly patient: (() => Promise<void>)[] = [];
  private running = false;

  /** Settles as the task does, once it has had its turn. */
  run<T>(
    task: () => Promise<T>,
    priority: 'urgent' | 'patient' = 'patient',
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this[priority].push(() => task().then(resolve, reject));
      void this.drain();
    });
  }

  private async drain(): Promise<void> {
    if (this.running) return;
    this.running = true;
    for (;;) {
      const next = this.urgent.shift() ?? this.patient.shift();
      if (!next) break;
      await next();
    }
    this.running = false;
  }
}

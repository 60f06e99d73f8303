/** Waiting for one thing after another, until an error breaks it off for good. */
export class Breakable {
  private error: Error | undefined;
  private breakOff: (error: Error) => void = () => {};

  /** Settles as the task does, or rejects with the error. One task at a time. */
  wait<T>(task: () => Promise<T>): Promise<T> {
    // Promise.race with a promise that lasts would keep all that tasks ever gave in memory.
    return new Promise((resolve, reject) => {
      this.breakOff = reject;
      if (this.error) reject(this.error);
      else task().then(resolve, reject);
    });
  }

  /** The first error counts. */
  break(error: Error): void {
    if (this.error) return;
    this.error = error;
    this.breakOff(error);
  }
}

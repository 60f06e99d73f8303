/** Runs tasks, so many at once, and gives what they give in the order of the tasks. */
export async function* inOrder<T>(
  tasks: readonly (() => Promise<T>)[],
  atOnce: number,
): AsyncGenerator<T> {
  const underWay: Promise<T>[] = [];
  for (const task of tasks) {
    const outcome = task();
    outcome.catch(() => {}); // thrown in its turn
    underWay.push(outcome);
    if (underWay.length === atOnce) yield underWay.shift()!;
  }
  yield* underWay;
}

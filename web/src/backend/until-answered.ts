/**
 * What a worker tells on the way to its answer comes through a port of its own, and may come after
 * the answer: then it is news no more.
 */
export async function untilAnswered<T>(
  report: (share: number) => void,
  request: (report: (share: number) => void) => Promise<T>,
): Promise<T> {
  let isAnswered = false;
  try {
    return await request((share) => {
      if (!isAnswered) report(share);
    });
  } finally {
    isAnswered = true;
  }
}

/** Bounded concurrency over a list, without waiting for the slowest of each page. */

/**
 * Runs `task` for every item, at most `max` at once, and resolves when all have ended. At most one
 * item is read ahead.
 * @throws the first failure, also of `items`, after what runs has ended; nothing new is started
 * after it
 */
export async function forEachAtMost<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  max: number,
  task: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
  };
  try {
    for await (const item of items) {
      while (running.size >= max) await Promise.race(running);
      if (failure !== undefined) break;
      const run = task(item)
        .catch(fail)
        .finally(() => running.delete(run));
      running.add(run);
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure.error;
}

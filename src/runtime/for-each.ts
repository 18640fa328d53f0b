/** Bounded concurrency over a list, without waiting for the slowest of each page. */

/**
 * Runs `task` for every item, at most `max` at once, and resolves when all have ended.
 * @throws the first failure, after what runs has ended; nothing new is started after it
 */
export async function forEachAtMost<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  max: number,
  task: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  for await (const item of items) {
    while (running.size >= max) await Promise.race(running);
    if (failure !== undefined) break;
    const run = task(item)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => running.delete(run));
    running.add(run);
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure.error;
}

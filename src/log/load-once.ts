/** Reading all records of a kind once, for all who need them. */

/** One attempt at a time; a failed one is tried again by the next caller. */
export function loadOnce(task: () => Promise<void>): () => Promise<void> {
  let promise: Promise<void> | null = null;
  return () => {
    promise ??= task().catch((error: unknown) => {
      promise = null;
      throw error;
    });
    return promise;
  };
}

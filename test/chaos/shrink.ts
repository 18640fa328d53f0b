/**
 * Fewer faults that still fail: delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing
 * input", 2002), with a bound on the attempts, since each is a run of real processes. Those are no function of their seed,
 * so a smaller list that did not fail may fail all the same; one that did fail is a find.
 */

export interface Shrunk<Item> {
  readonly items: readonly Item[];
  readonly attempts: number;
}

export async function shrink<Item>(
  items: readonly Item[],
  attemptsMax: number,
  fails: (items: readonly Item[]) => Promise<boolean>,
): Promise<Shrunk<Item>> {
  let current = items;
  let parts = 2;
  let attempts = 0;
  while (current.length > 1) {
    const size = Math.ceil(current.length / parts);
    const smaller = await firstFailing(candidates(current, size), async (candidate) => {
      if (attempts >= attemptsMax) return false;
      attempts += 1;
      return fails(candidate);
    });
    if (attempts >= attemptsMax) return { items: smaller ?? current, attempts };
    if (smaller !== undefined) {
      current = smaller;
      parts = 2;
    } else if (size === 1) break;
    else parts = Math.min(parts * 2, current.length);
  }
  return { items: current, attempts };
}

/** Each part alone, then each part left out. */
function candidates<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  const starts = Array.from({ length: Math.ceil(items.length / size) }, (_, index) => index * size);
  const alone = starts.map((start) => items.slice(start, start + size));
  if (starts.length === 2) return alone;
  const without = starts.map((start) => [...items.slice(0, start), ...items.slice(start + size)]);
  return [...alone, ...without];
}

async function firstFailing<Item>(
  lists: readonly (readonly Item[])[],
  fails: (list: readonly Item[]) => Promise<boolean>,
): Promise<readonly Item[] | undefined> {
  for (const list of lists) if (await fails(list)) return list;
  return undefined;
}

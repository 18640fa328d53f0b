/** The best `k` of a stream of scored items: a binary heap with the worst kept item on top. */

export interface TopK<Item> {
  /** Ties keep what came first. */
  offer(score: number, item: Item): void;
  /** Kept items, unordered. */
  items(): readonly Item[];
}

export function createTopK<Item>(k: number): TopK<Item> {
  const scores: number[] = [];
  const items: Item[] = [];

  function scoreAt(index: number): number {
    return scores[index] ?? Number.POSITIVE_INFINITY;
  }

  function swap(left: number, right: number): void {
    [scores[left], scores[right]] = [scoreAt(right), scoreAt(left)];
    [items[left], items[right]] = [items[right] as Item, items[left] as Item];
  }

  function siftUp(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (scoreAt(parent) <= scoreAt(index)) return;
      swap(parent, index);
      index = parent;
    }
  }

  function siftDown(): void {
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const least = scoreAt(left + 1) < scoreAt(left) ? left + 1 : left;
      if (scoreAt(least) >= scoreAt(index)) return;
      swap(least, index);
      index = least;
    }
  }

  return {
    offer(score, item) {
      if (items.length < k) {
        scores.push(score);
        items.push(item);
        siftUp(items.length - 1);
      } else if (score > scoreAt(0)) {
        scores[0] = score;
        items[0] = item;
        siftDown();
      }
    },
    items: () => items,
  };
}

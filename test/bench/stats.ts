/** The few statistics that a bench reports. Pure. */

/** Nearest-rank percentile of unsorted values, `share` in 0…1; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

/** The mean of the two middle values when their number is even; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  if (sorted.length % 2 === 1) return upper;
  return ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Share of `expected` that `found` holds, 0…1; 1 when nothing was expected. */
export function recall(found: Iterable<number>, expected: readonly number[]): number {
  if (expected.length === 0) return 1;
  const set = new Set(found);
  return expected.filter((item) => set.has(item)).length / expected.length;
}

/**
 * nDCG@k with linear gains: sum of gain / log2(rank + 1), divided by that of the best order.
 * 0 for a query without relevant documents, as trec_eval has it.
 */
export function ndcg(options: {
  readonly ranking: readonly string[];
  readonly gains: ReadonlyMap<string, number>;
  readonly k: number;
}): number {
  const { ranking, gains, k } = options;
  const dcg = (values: readonly number[]) =>
    values.slice(0, k).reduce((sum, gain, index) => sum + gain / Math.log2(index + 2), 0);
  const best = dcg([...gains.values()].toSorted((left, right) => right - left));
  return best === 0 ? 0 : dcg(ranking.map((id) => gains.get(id) ?? 0)) / best;
}

/** Ratio of medians, both from the same rounds; null where there is no reference. */
/**
 * Area under the ROC curve: how often a value of `yes` is above one of `no`, ties counting half.
 * 0.5 is what a coin reaches.
 */
export function rocAuc(yes: readonly number[], no: readonly number[]): number {
  const all = [
    ...yes.map((value) => ({ value, isYes: true })),
    ...no.map((value) => ({ value, isYes: false })),
  ].sort((left, right) => left.value - right.value);
  let below = 0;
  let pairs = 0;
  for (let from = 0; from < all.length; ) {
    let to = from;
    while (to < all.length && all[to]?.value === all[from]?.value) to += 1;
    const tied = all.slice(from, to);
    const yesHere = tied.filter(({ isYes }) => isYes).length;
    const noHere = tied.length - yesHere;
    pairs += yesHere * (below + noHere / 2);
    below += noHere;
    from = to;
  }
  return pairs / (yes.length * no.length);
}

export function ratioOf(value: number, against: number | null): number | null {
  return against === null || against === 0 ? null : value / against;
}

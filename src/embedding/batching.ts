/**
 * Which queued texts form the next embed batch. Pure: queue and time in, decision out.
 *
 * The rules are those of Hugging Face's text-embeddings-inference queue, with tenants added: no timer (the
 * caller asks when the backend is free, so an idle system adds no wait and a busy one fills its batches), a
 * budget in padded tokens (that is what the backend computes), texts of like length together (padding is
 * waste), and texts dropped whose caller has gone.
 */

export interface QueuedText {
  readonly tenant: string;
  readonly tokens: number;
  readonly enqueuedAtMs: number;
  readonly cancelled: boolean;
}

export interface BatchLimits {
  /** Texts times the tokens of the longest, rounded up to `padTokensTo`. */
  readonly paddedTokensMax: number;
  readonly itemsMax: number;
  /** Texts from the head of the queue that are considered. */
  readonly lookAheadMax: number;
  /** A text older than this leads the next batch, whatever its length. */
  readonly ageMaxMs: number;
}

export interface BatchChoice<T> {
  /** In the order in which they were chosen; empty only when nothing but dropped texts was queued. */
  readonly batch: T[];
  /** What stays queued, in its old order. */
  readonly rest: T[];
  readonly dropped: T[];
}

/** Widths of a group of like length, and of the padding of a batch: multiples of the SIMD width. */
export const bucketTokens = 16;
export const padTokensTo = 8;

/** What a batch costs: its count times its longest text, padded. */
export function paddedTokens(count: number, longestTokens: number): number {
  return count * Math.ceil(longestTokens / padTokensTo) * padTokensTo;
}

/**
 * Takes the next batch from `queue` (oldest first).
 *
 * The look-ahead window is filled by tenants in turns, so a tenant with a long queue cannot fill it alone.
 * The bucket that holds most of the window's tokens leads. Once the oldest text has waited longer than
 * `ageMaxMs`, fairness goes before padding: every tenant's overdue oldest text is offered first, and the
 * longest of them sets the bucket. The batch is then filled from the leading bucket and from the nearest
 * shorter ones (they fit without more padding), tenants taking turns within each. One text always goes,
 * even if it alone is over the budget.
 */
export function selectBatch<T extends QueuedText>(
  queue: readonly T[],
  limits: BatchLimits,
  nowMs: number,
): BatchChoice<T> {
  const dropped = queue.filter((entry) => entry.cancelled);
  const live = queue.filter((entry) => !entry.cancelled);
  const window = takeFirst(inTurns(live), limits.lookAheadMax);
  const overdue = overdueHeads(live, nowMs - limits.ageMaxMs);
  const buckets = groupBy(window, bucketOf);
  const leading = overdue.length > 0 ? longestBucket(overdue) : fullestBucket(buckets);
  const batch = fillBatch(offer(overdue, buckets, leading), limits);
  const chosen = new Set<T>(batch);
  return { batch, rest: live.filter((entry) => !chosen.has(entry)), dropped };
}

/**
 * Splits one caller's texts into batches within the limits, shortest first, as indexes into `lengths`.
 * Every index appears exactly once; a text over the budget gets a batch of its own.
 */
export function splitByLength(
  lengths: readonly number[],
  limits: Pick<BatchLimits, "paddedTokensMax" | "itemsMax">,
): number[][] {
  const order = lengths.map((_, index) => index);
  order.sort((a, b) => (lengths[a] as number) - (lengths[b] as number) || a - b);
  const batches: number[][] = [];
  let current: number[] = [];
  for (const index of order) {
    const cost = paddedTokens(current.length + 1, lengths[index] as number);
    const full = current.length >= limits.itemsMax || cost > limits.paddedTokensMax;
    if (current.length === 0 || full) {
      current = [];
      batches.push(current);
    }
    current.push(index);
  }
  return batches;
}

function bucketOf(entry: QueuedText): number {
  return Math.ceil(entry.tokens / bucketTokens);
}

/** The oldest text of each tenant, where it was queued before `beforeMs`; oldest first. */
function overdueHeads<T extends QueuedText>(live: readonly T[], beforeMs: number): T[] {
  const oldest = live[0];
  if (oldest === undefined || oldest.enqueuedAtMs >= beforeMs) return [];
  const heads = [...groupBy(live, (entry) => entry.tenant).values()].flatMap((own) =>
    own.slice(0, 1),
  );
  return heads.filter((head) => head.enqueuedAtMs < beforeMs);
}

function longestBucket(entries: readonly QueuedText[]): number {
  return entries.reduce((longest, entry) => Math.max(longest, bucketOf(entry)), 0);
}

function fullestBucket(buckets: ReadonlyMap<number, readonly QueuedText[]>): number {
  let fullest = 0;
  let most = -1;
  // Insertion order follows the window, so a strict comparison prefers the bucket that is met first.
  for (const [bucket, entries] of buckets) {
    const tokens = entries.reduce((sum, entry) => sum + entry.tokens, 0);
    if (tokens <= most) continue;
    fullest = bucket;
    most = tokens;
  }
  return fullest;
}

/** The order in which texts are offered to the batch; each text at most once. */
function* offer<T extends QueuedText>(
  overdue: readonly T[],
  buckets: ReadonlyMap<number, T[]>,
  leading: number,
): Generator<T> {
  yield* overdue;
  const offered = new Set<T>(overdue);
  const shorter = [...buckets.keys()].filter((bucket) => bucket <= leading);
  for (const bucket of shorter.sort((a, b) => b - a)) {
    for (const entry of inTurns(buckets.get(bucket) ?? [])) if (!offered.has(entry)) yield entry;
  }
}

function takeFirst<T>(entries: Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  for (const entry of entries) {
    if (taken.length >= count) break;
    taken.push(entry);
  }
  return taken;
}

/** One text of each tenant, then the second of each, and so on; tenants in the order of their oldest. */
function* inTurns<T extends QueuedText>(entries: readonly T[]): Generator<T> {
  const queues = [...groupBy(entries, (entry) => entry.tenant).values()];
  const rounds = Math.max(0, ...queues.map((queue) => queue.length));
  for (let round = 0; round < rounds; round++) {
    for (const queue of queues) {
      const entry = queue[round];
      if (entry !== undefined) yield entry;
    }
  }
}

function fillBatch<T extends QueuedText>(offered: Iterable<T>, limits: BatchLimits): T[] {
  const batch: T[] = [];
  let longest = 0;
  for (const entry of offered) {
    const next = Math.max(longest, entry.tokens);
    const fits = paddedTokens(batch.length + 1, next) <= limits.paddedTokensMax;
    if (batch.length > 0 && !fits) continue;
    batch.push(entry);
    longest = next;
    if (batch.length >= limits.itemsMax) break;
  }
  return batch;
}

function groupBy<T, K>(entries: readonly T[], keyOf: (entry: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return groups;
}

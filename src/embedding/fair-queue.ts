/**
 * Whose turn it is at the embedder. Pure: what is queued and the turns so far in, an order and new
 * turns out.
 *
 * Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). Virtual time runs in tokens over
 * weight. A text's start tag is where its tenant's texts before it end, so the text of the smallest
 * tag goes next, and a tenant of weight 4 gets four times the tokens of one of weight 1. A tenant
 * that comes back starts at the virtual time: it has saved up nothing, and one that is quiet most
 * of the time goes before all who are busy.
 *
 * The batcher departs from the order for texts of like length. `aheadMax` bounds that: of two
 * tenants that stay queued, neither gets more than `aheadMax` and one text, in tokens over weight,
 * before the other.
 */

export interface QueuedText {
  readonly tenant: string;
  /** The tenant's share against others; above zero. */
  readonly weight: number;
  readonly tokens: number;
  readonly enqueuedAtMs: number;
  readonly cancelled: boolean;
}

/**
 * Where the tenants stand after the batches so far; only those that are queued, or ahead of their
 * turn.
 */
export interface Turns {
  readonly virtualTime: number;
  readonly tenants: ReadonlyMap<string, Turn>;
}

interface Turn {
  /** Virtual time at which what the tenant got so far ends. */
  readonly finishTag: number;
  /** When the tenant's oldest text last left the queue; the next has been its oldest since then. */
  readonly oldestTakenAtMs: number;
}

/** No tenant waits, so none is owed anything. */
export const noTurns: Turns = { virtualTime: 0, tenants: new Map() };

/** A tenant's queued texts, oldest first and never none. */
export interface Line<T extends QueuedText> {
  readonly tenant: string;
  readonly texts: [T, ...T[]];
  readonly startTag: number;
  readonly oldestTakenAtMs: number;
}

/** One line for each tenant, in the order of their oldest texts. */
export function lineUp<T extends QueuedText>(queue: readonly T[], turns: Turns): Line<T>[] {
  const lines = new Map<string, Line<T>>();
  for (const text of queue) {
    const line = lines.get(text.tenant);
    if (line === undefined) lines.set(text.tenant, newLine(text, turns));
    else line.texts.push(text);
  }
  return [...lines.values()];
}

function newLine<T extends QueuedText>(oldest: T, { virtualTime, tenants }: Turns): Line<T> {
  const turn = tenants.get(oldest.tenant);
  return {
    tenant: oldest.tenant,
    texts: [oldest],
    startTag: Math.max(virtualTime, turn?.finishTag ?? virtualTime),
    oldestTakenAtMs: turn?.oldestTakenAtMs ?? Number.NEGATIVE_INFINITY,
  };
}

/** The virtual time of a batch: the smallest tag that waits. */
function virtualTimeOf(lines: readonly Line<QueuedText>[]): number {
  return lines.reduce((least, { startTag }) => Math.min(least, startTag), Number.POSITIVE_INFINITY);
}

export interface Reach {
  /** Tokens over weight that a text may lie ahead of the virtual time. */
  readonly aheadMax: number;
  readonly textsMax: number;
}

/** The texts within reach by turn; the first belongs to the tenant that got least. */
export function inTurn<T extends QueuedText>(lines: readonly Line<T>[], reach: Reach): T[] {
  const lastTag = virtualTimeOf(lines) + reach.aheadMax;
  const places: { readonly text: T; readonly tag: number }[] = [];
  for (const { texts, startTag } of lines) {
    let tag = startTag;
    for (const text of texts.slice(0, reach.textsMax)) {
      if (tag > lastTag) break;
      places.push({ text, tag });
      tag += text.tokens / text.weight;
    }
  }
  // Stable, so of equal tags the tenant with the older text goes first.
  places.sort((left, right) => left.tag - right.tag);
  return places.slice(0, reach.textsMax).map(({ text }) => text);
}

/**
 * The text that has been its tenant's oldest the longest, if that began before `beforeMs`. The time
 * before, after texts of its own tenant, does not count: a long queue of one tenant is no reason
 * to hurry it.
 */
export function starving<T extends QueuedText>(
  lines: readonly Line<T>[],
  beforeMs: number,
): T | undefined {
  let longest: T | undefined;
  let longestSinceMs = beforeMs;
  for (const { texts, oldestTakenAtMs } of lines) {
    const sinceMs = Math.max(texts[0].enqueuedAtMs, oldestTakenAtMs);
    if (sinceMs >= longestSinceMs) continue;
    longest = texts[0];
    longestSinceMs = sinceMs;
  }
  return longest;
}

/** The turns after `batch`, texts of these lines, was taken. */
export function takeTurns<T extends QueuedText>(
  turns: Turns,
  lines: readonly Line<T>[],
  { batch, nowMs }: { readonly batch: ReadonlySet<T>; readonly nowMs: number },
): Turns {
  const virtualTime = virtualTimeOf(lines);
  const used = new Map<string, number>();
  for (const { tenant, tokens, weight } of batch) {
    used.set(tenant, (used.get(tenant) ?? 0) + tokens / weight);
  }
  const tenants = new Map<string, Turn>();
  for (const [tenant, turn] of turns.tenants) {
    if (turn.finishTag > virtualTime) tenants.set(tenant, turn);
  }
  for (const { tenant, texts, startTag, oldestTakenAtMs } of lines) {
    tenants.set(tenant, {
      finishTag: startTag + (used.get(tenant) ?? 0),
      oldestTakenAtMs: batch.has(texts[0]) ? nowMs : oldestTakenAtMs,
    });
  }
  return { virtualTime, tenants };
}

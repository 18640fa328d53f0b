/**
 * Which queued texts form the next embed batch. Pure: queue, turns, costs and time in, decision
 * out.
 *
 * The rules are those of Hugging Face's text-embeddings-inference queue, with tenants and time
 * added: no timer (the caller asks when the backend is free, so an idle system adds no wait and a
 * busy one fills its batches), a budget in padded tokens (the backend computes and stores those),
 * texts of like length together (padding is waste), and texts dropped whose caller has gone. A
 * budget in predicted time makes batches small on a slow backend and large on a fast one. Whose
 * turn it is, is decided in fair-queue.ts.
 */

import { type BatchShape, type CostModel, isWorthTrying, workMs } from "./cost-model.ts";
import {
  inTurn,
  lineUp,
  noTurns,
  type QueuedText,
  starving,
  type Turns,
  takeTurns,
} from "./fair-queue.ts";

export interface BatchLimits {
  /** Texts times the tokens of the longest, rounded up to `padTokensTo`. */
  readonly paddedTokensMax: number;
  readonly itemsMax: number;
  /**
   * Predicted time of the batch's texts. The backend's overhead is not in it: a batch of one pays
   * that too, and no batch is small enough to save it.
   */
  readonly predictedMsMax: number;
  /**
   * Of a device or an endpoint, where a batch of one may take as long as one of many: the texts may
   * take as long as the overhead, and a size is tried that tells both apart. Default false.
   */
  readonly seeksOverhead?: boolean | undefined;
  /** Texts, first by turn, that are considered. */
  readonly lookAheadMax: number;
  /**
   * A text that has been its tenant's oldest for longer leads the next batch, whichever tenant's
   * turn it is.
   */
  readonly ageMaxMs: number;
}

/** What the decision depends on besides the queue. */
export interface BatchState {
  readonly turns: Turns;
  readonly costs: CostModel;
  readonly nowMs: number;
}

export interface BatchChoice<T> {
  /**
   * In the order in which they were chosen; empty only when nothing but cancelled texts was queued.
   */
  readonly batch: T[];
  /** What stays queued, in its old order. Cancelled texts do not. */
  readonly rest: T[];
  /** For the next choice. */
  readonly turns: Turns;
}

/** Widths of a group of like length, and of the padding of a batch: multiples of the SIMD width. */
export const bucketTokens = 16;
export const padTokensTo = 8;

/**
 * What the backend makes of texts: rows as long as the longest, padded. That a CPU does not pad a
 * text alone (onnx-protocol.ts) is left out: otherwise two of like length would not go together.
 */
export function batchShape(texts: readonly { readonly tokens: number }[]): BatchShape {
  const longest = texts.reduce((most, { tokens }) => Math.max(most, tokens), 0);
  return shapeOf(texts.length, longest);
}

function shapeOf(rows: number, longestTokens: number): BatchShape {
  return { rows, columns: Math.ceil(longestTokens / padTokensTo) * padTokensTo };
}

function paddedTokens({ rows, columns }: BatchShape): number {
  return rows * columns;
}

/**
 * Takes the next batch from `queue` (oldest first).
 *
 * The oldest text of the tenant that got least leads, unless another has starved. The batch is then
 * filled with the texts nearest in length, tenants by turn where lengths are alike. All are padded
 * to the longest, and the backend computes padding too: a text joins where that costs less than the
 * overhead of the batch that it saves. The batch ends at the first budget that is used up. One text
 * always goes, even if it alone is over a budget.
 *
 * For the sake of like lengths a tenant may come before its turn, by one batch in tokens over
 * weight; as far as it likes while no other waits.
 */
export function selectBatch<T extends QueuedText>(
  queue: readonly T[],
  limits: BatchLimits,
  { turns, costs, nowMs }: BatchState,
): BatchChoice<T> {
  const live = queue.filter((text) => !text.cancelled);
  const lines = lineUp(live, turns);
  const window = inTurn(lines, {
    aheadMax: lines.length === 1 ? Number.POSITIVE_INFINITY : limits.paddedTokensMax,
    textsMax: limits.lookAheadMax,
  });
  const leader = starving(lines, nowMs - limits.ageMaxMs) ?? window[0];
  if (leader === undefined) return { batch: [], rest: [], turns: noTurns };
  const batch = fillBatch(leader, likeLeader(leader, window), { limits, costs });
  const chosen = new Set(batch);
  const rest = live.filter((text) => !chosen.has(text));
  const after = rest.length === 0 ? noTurns : takeTurns(turns, lines, { batch: chosen, nowMs });
  return { batch, rest, turns: after };
}

/**
 * Splits one caller's texts into batches within the limits, shortest first, as indexes into
 * `lengths`. Every index appears exactly once; a text over the budget gets a batch of its own.
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
    const cost = paddedTokens(shapeOf(current.length + 1, lengths[index] as number));
    const full = current.length >= limits.itemsMax || cost > limits.paddedTokensMax;
    if (current.length === 0 || full) {
      current = [];
      batches.push(current);
    }
    current.push(index);
  }
  return batches;
}

function bucketOf({ tokens }: QueuedText): number {
  return Math.ceil(tokens / bucketTokens);
}

/** Company for the leader, nearest in length first; of like length in the order of the turns. */
function likeLeader<T extends QueuedText>(leader: T, window: readonly T[]): T[] {
  const distance = (text: T): number => Math.abs(bucketOf(text) - bucketOf(leader));
  return window
    .filter((text) => text !== leader)
    .sort((left, right) => distance(left) - distance(right));
}

/** Texts of one length cost the same together and apart, but for the last bits of the sums. */
const rounding = 1e-9;

interface Filling {
  readonly limits: BatchLimits;
  readonly costs: CostModel;
}

function fillBatch<T extends QueuedText>(
  leader: T,
  offered: readonly T[],
  { limits, costs }: Filling,
): T[] {
  const batch = [leader];
  let longest = leader.tokens;
  for (const text of offered) {
    const rows = batch.length + 1;
    if (!fits(shapeOf(rows, longest), limits, costs)) break;
    const longer = Math.max(longest, text.tokens);
    const shape = shapeOf(rows, longer);
    // Apart they cost the overhead once more, together the padding.
    const apartMs =
      workMs(costs, shapeOf(batch.length, longest)) +
      workMs(costs, shapeOf(1, text.tokens)) +
      costs.overheadMs;
    if (workMs(costs, shape) > apartMs * (1 + rounding) || !fits(shape, limits, costs)) continue;
    batch.push(text);
    longest = longer;
  }
  return batch;
}

/**
 * Whether what is queued fills a batch. A batch that is handed over before the one in work came
 * back takes what has arrived so far; if that is little, those who come meanwhile are better in one
 * batch with it.
 */
export function fillsBatch(
  queue: readonly QueuedText[],
  limits: BatchLimits,
  costs: CostModel,
): boolean {
  let tokens = 0;
  let ms = 0;
  for (const [index, text] of queue.entries()) {
    tokens += text.tokens;
    ms += workMs(costs, shapeOf(1, text.tokens));
    const isFull =
      index + 1 >= limits.itemsMax ||
      tokens >= limits.paddedTokensMax ||
      ms >= workBudgetMs(limits, costs);
    if (isFull) return true;
  }
  return false;
}

function fits(shape: BatchShape, limits: BatchLimits, costs: CostModel): boolean {
  return (
    shape.rows <= limits.itemsMax &&
    paddedTokens(shape) <= limits.paddedTokensMax &&
    (workMs(costs, shape) <= workBudgetMs(limits, costs) ||
      (limits.seeksOverhead === true && isWorthTrying(costs, shape)))
  );
}

/**
 * A batch with less work than overhead wastes more than half of the backend's time, and one with as
 * much takes no more than twice as long as a batch of one.
 */
function workBudgetMs({ predictedMsMax, seeksOverhead }: BatchLimits, costs: CostModel): number {
  return seeksOverhead === true ? Math.max(predictedMsMax, costs.overheadMs) : predictedMsMax;
}

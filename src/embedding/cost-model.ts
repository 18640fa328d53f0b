/**
 * How long a batch will take, learned from those that came back. Pure: a model and a measurement
 * in, a new model out; no clock.
 *
 * A transformer's work is linear in tokens plus quadratic in the length of a sequence, so a batch's
 * time is taken as `overhead + rate x work`: the line of least squares through the batches so far,
 * each counting exponentially less than the one after it. The overhead is kept apart because a
 * batch of one pays it too: were it part of the rate, a backend behind a slow network would look
 * slow per text, and be given ever smaller batches.
 */

/** A batch as the backend computes it: texts, and the tokens of the longest with its padding. */
export interface BatchShape {
  readonly rows: number;
  readonly columns: number;
}

export interface CostModel {
  /**
   * What a batch costs whatever is in it: the hop to the backend and back, the start of kernels.
   */
  readonly overheadMs: number;
  readonly msPerGflop: number;
  readonly means: Means;
}

/** Weighted means over the batches so far: all that a least-squares line needs. */
interface Means {
  readonly gflop: number;
  readonly ms: number;
  readonly gflopSquared: number;
  readonly gflopMs: number;
}

/** Weight of the newest batch; the last twenty or so have a say. */
const learningRate = 0.1;
/**
 * A page fault or a garbage collection makes a batch slow; nothing makes one too fast. So a slow
 * one counts as so many times its prediction at most.
 */
const surpriseMax = 2;
/**
 * One measurement changes the rate by at most this factor, however far it lies from all before it.
 */
const rateStepMax = 1.25;
/**
 * The way to a worker and back. Less is below what the clock tells, and a model of nothing could
 * not grow again.
 */
const leastMs = 0.05;
/**
 * Batches of one size do not tell overhead from rate; then this gives all to the rate, and else it
 * is too small to matter.
 */
const overheadRidge = 0.01;
/**
 * At most this part of a mean batch is overhead: a line through noise must not say that texts are
 * free.
 */
const overheadShareMax = 0.75;

/**
 * all-MiniLM-L6-v2: 2 x 10.6 M weights a token, 6 x 4 x 384 a pair. Other encoders differ by a
 * factor, which is learned.
 */
const flopPerToken = 21.2e6;
const flopPerTokenPair = 9_216;

/** Work of a batch in 10^9 floating point operations. */
export function batchGflop({ rows, columns }: BatchShape): number {
  return (rows * columns * (flopPerToken + flopPerTokenPair * columns)) / 1e9;
}

/**
 * Before anything is measured: a slow CPU (one text of 128 tokens, fp32, two cores), so the first
 * batch is small.
 */
export const unmeasured: CostModel = lineThrough(sampleOf({ rows: 1, columns: 128 }, 12));

/** What the batch's texts will take, in milliseconds: all but the overhead. */
export function workMs({ msPerGflop }: CostModel, shape: BatchShape): number {
  return msPerGflop * batchGflop(shape);
}

/** What the backend will need for the batch, in milliseconds. */
export function predictedMs(model: CostModel, shape: BatchShape): number {
  return model.overheadMs + workMs(model, shape);
}

/**
 * The model after a batch of this shape took `measuredMs` (`serviceMs`, not the wait before it).
 */
export function learn(model: CostModel, shape: BatchShape, measuredMs: number): CostModel {
  const believedMs = Math.min(measuredMs, surpriseMax * predictedMs(model, shape));
  const sample = sampleOf(shape, Math.max(believedMs, leastMs));
  const blend = (name: keyof Means): number =>
    (1 - learningRate) * model.means[name] + learningRate * sample[name];
  const line = lineThrough({
    gflop: blend("gflop"),
    ms: blend("ms"),
    gflopSquared: blend("gflopSquared"),
    gflopMs: blend("gflopMs"),
  });
  const rate = Math.max(line.msPerGflop, model.msPerGflop / rateStepMax);
  return { ...line, msPerGflop: Math.min(rate, model.msPerGflop * rateStepMax) };
}

/** Relative variance of the work in batches, below which they count as of one size. */
const oneSizeVariance = 0.01;
const tryFactor = 2;

/**
 * While batches were of one size, nobody knows what of their time is overhead. Then one of up to
 * twice the size is worth its time; it tells, and for some twenty batches none is tried again.
 */
export function isWorthTrying({ means }: CostModel, shape: BatchShape): boolean {
  const variance = means.gflopSquared / means.gflop ** 2 - 1;
  return variance < oneSizeVariance && batchGflop(shape) <= tryFactor * means.gflop;
}

function sampleOf(shape: BatchShape, ms: number): Means {
  const gflop = batchGflop(shape);
  return { gflop, ms, gflopSquared: gflop * gflop, gflopMs: gflop * ms };
}

/**
 * Ridge regression with the ridge on the overhead only, which then is kept from 0 to
 * `overheadShareMax`.
 */
function lineThrough(means: Means): CostModel {
  const { gflop, ms, gflopSquared, gflopMs } = means;
  const determinant = (1 + overheadRidge) * gflopSquared - gflop * gflop;
  const overheadMs = (ms * gflopSquared - gflop * gflopMs) / determinant;
  if (overheadMs < 0) return { overheadMs: 0, msPerGflop: gflopMs / gflopSquared, means };
  if (overheadMs > overheadShareMax * ms) {
    const msPerGflop = ((1 - overheadShareMax) * ms) / gflop;
    return { overheadMs: overheadShareMax * ms, msPerGflop, means };
  }
  return { overheadMs, msPerGflop: (gflopMs - overheadMs * gflop) / gflopSquared, means };
}

export interface BatchTimes {
  readonly sentAtMs: number;
  /** When the backend last became free of another batch; undefined before the first. */
  readonly previousReplyAtMs: number | undefined;
  readonly repliedAtMs: number;
}

/**
 * The time that the backend spent on a batch. A batch that was sent while another ran began only
 * when that one came back; the wait before is the queue's, not the batch's.
 */
export function serviceMs({ sentAtMs, previousReplyAtMs, repliedAtMs }: BatchTimes): number {
  return repliedAtMs - Math.max(sentAtMs, previousReplyAtMs ?? sentAtMs);
}

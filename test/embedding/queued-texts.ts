/** Queues for tests of the batcher. */
import fc from "fast-check";
import type { QueuedText } from "../../src/embedding/fair-queue.ts";

export const nowMs = 10_000;

export interface Entry extends QueuedText {
  readonly id: number;
}

export function entry(id: number, overrides: Partial<QueuedText> = {}): Entry {
  const fields = { tenant: "a", weight: 1, tokens: 32, enqueuedAtMs: nowMs, cancelled: false };
  return { id, ...fields, ...overrides };
}

/** Texts of three tenants, oldest first. */
export const queues: fc.Arbitrary<Entry[]> = fc
  .record({
    weights: fc.record({ a: weight(), b: weight(), c: weight() }),
    texts: fc.array(
      fc.record({
        tenant: fc.constantFrom("a", "b", "c"),
        tokens: fc.integer({ min: 1, max: 700 }),
        enqueuedAtMs: fc.integer({ min: nowMs - 600, max: nowMs }),
        cancelled: fc.boolean(),
      }),
      { maxLength: 120 },
    ),
  })
  .map(({ weights, texts }) =>
    texts
      .sort((left, right) => left.enqueuedAtMs - right.enqueuedAtMs)
      .map((fields, id) => ({ id, ...fields, weight: weights[fields.tenant] })),
  );

export function weight(): fc.Arbitrary<number> {
  return fc.double({ min: 0.25, max: 16, noNaN: true });
}

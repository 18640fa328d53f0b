/**
 * Every interleaving of put, take, abort and close against a plain queue. The model says at each
 * step which calls have ended and how; a lost wake-up shows as a call that never ends, a duplicate
 * as a message in two hands.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import { settle } from "../support/manual-clock.ts";
import { runs } from "../support/runs.ts";

type Step =
  | { readonly kind: "try-put" | "put" | "take" | "close" | "settle" }
  | { readonly kind: "abort"; readonly call: number };

const waiting = "waiting";

/** The specification: what a queue, its waiting senders and its waiting takers do. */
class Model {
  readonly results: unknown[] = [];
  readonly #capacity: number;
  #queue: number[] = [];
  #putters: number[] = [];
  #takers: number[] = [];
  #closed = false;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** `call` is the index of the call; a message is the index of the call that put it. */
  do(step: Step): void {
    const call = this.results.length;
    if (step.kind === "try-put") this.results.push(this.#accept(call));
    if (step.kind === "put") {
      this.results.push(this.#accept(call) || (this.#closed ? false : waiting));
      if (this.results[call] === waiting) this.#putters.push(call);
    }
    if (step.kind === "take") this.results.push(this.#take(call));
    if (step.kind === "close") this.results.push(this.#close());
    if (step.kind === "abort") this.#abort(step.call);
  }

  #accept(message: number): boolean {
    if (this.#closed) return false;
    const taker = this.#takers.shift();
    if (taker !== undefined) this.results[taker] = message;
    else if (this.#queue.length >= this.#capacity) return false;
    else this.#queue.push(message);
    return true;
  }

  #take(call: number): unknown {
    const message = this.#queue.shift();
    if (message === undefined) {
      if (this.#closed) return undefined;
      this.#takers.push(call);
      return waiting;
    }
    const putter = this.#putters.shift();
    if (putter !== undefined) {
      this.#queue.push(putter);
      this.results[putter] = true;
    }
    return message;
  }

  #close(): readonly number[] {
    const rest = this.#queue;
    for (const putter of this.#putters) this.results[putter] = false;
    for (const taker of this.#takers) this.results[taker] = undefined;
    this.#queue = [];
    this.#putters = [];
    this.#takers = [];
    this.#closed = true;
    return rest;
  }

  #abort(call: number): void {
    if (this.#putters.includes(call)) this.results[call] = false;
    if (this.#takers.includes(call)) this.results[call] = undefined;
    this.#putters = this.#putters.filter((other) => other !== call);
    this.#takers = this.#takers.filter((other) => other !== call);
  }
}

/** The same steps on the real mailbox; results come in when their promises end. */
class Real {
  readonly results: unknown[] = [];
  readonly #mailbox: BoundedMailbox<number>;
  readonly #aborts: AbortController[] = [];

  constructor(capacity: number) {
    this.#mailbox = new BoundedMailbox(capacity);
  }

  do(step: Step): void {
    if (step.kind === "settle") return;
    if (step.kind === "abort") return this.#aborts[step.call]?.abort();
    const call = this.results.length;
    const abort = new AbortController();
    this.#aborts.push(abort);
    this.results.push(waiting);
    const ended = (result: unknown): void => {
      this.results[call] = result;
    };
    if (step.kind === "try-put") ended(this.#mailbox.tryPut(call));
    if (step.kind === "put") void this.#mailbox.put(call, abort.signal).then(ended);
    if (step.kind === "take") void this.#mailbox.take(abort.signal).then(ended);
    if (step.kind === "close") ended(this.#mailbox.close());
  }
}

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("try-put" as const) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("put" as const) }) },
  { weight: 7, arbitrary: fc.record({ kind: fc.constant("take" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("abort" as const), call: fc.nat({ max: 30 }) }),
  },
  // Without it, several steps happen before any waiting caller gets to run.
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("settle" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("close" as const) }) },
);

it("does what a plain queue with waiters on both ends does, in every interleaving", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(stepArbitrary, { maxLength: 40 }),
      async (capacity, steps) => {
        const model = new Model(capacity);
        const real = new Real(capacity);
        for (const step of steps) {
          model.do(step);
          real.do(step);
          if (step.kind !== "settle") continue;
          await settle();
          expect(real.results).toEqual(model.results);
        }
        await settle();
        expect(real.results).toEqual(model.results);
      },
    ),
    { numRuns: runs(500) },
  );
});

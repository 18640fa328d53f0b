/**
 * T4: whatever the reader offers and skips while the tenant works, nothing is lost and nothing
 * doubled.
 */

import fc from "fast-check";
import { expect, it } from "vitest";
import type { StoredOperation } from "../../src/log/port.ts";
import { runs } from "../support/runs.ts";
import { acme } from "./kit.ts";
import { answer, operations, publish, recoveringTenant } from "./writer-kit.ts";

type Step =
  | "publish"
  | "read"
  | "embed"
  | "reload"
  | { readonly microtasks: number }
  | { readonly burst: number };

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Step>("publish") },
  { weight: 6, arbitrary: fc.constant<Step>("read") },
  { weight: 3, arbitrary: fc.constant<Step>("embed") },
  // The finest grain at which the reader and the actor can be interleaved.
  { weight: 8, arbitrary: fc.record({ microtasks: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 1, arbitrary: fc.constant<Step>("reload") },
  // More than the queue holds: what is drawn one by one hardly ever overflows it.
  { weight: 2, arbitrary: fc.record({ burst: fc.integer({ min: 2, max: 8 }) }) },
);

const bounds = fc.record({
  queueMax: fc.integer({ min: 1, max: 3 }),
  inFlightMax: fc.integer({ min: 1, max: 3 }),
});

/**
 * One tenant, its publisher and the shared reader, which comes to each operation some time after
 * its publish.
 */
class Interleaving {
  readonly #tenant: ReturnType<typeof recoveringTenant>;
  readonly #unread: StoredOperation[] = [];
  readonly #published: number[] = [];
  #answered = 0;
  #reloads = 0;
  overflows = 0;

  constructor(limits: { readonly queueMax: number; readonly inFlightMax: number }) {
    this.#tenant = recoveringTenant({ ...limits, embeds: false });
  }

  /** @param begun whether the tenant is with the reader before the first step; else it recovers */
  async run(steps: readonly Step[], begun: boolean): Promise<void> {
    const { route, log, clock, system } = this.#tenant;
    for (let turn = 0; begun && route.isBehind && turn < 1_000; turn += 1) await clock.advance(10);
    for (const next of steps) await this.#step(next);
    await this.#finish();
    expect(await operations(log)).toEqual(this.#published.map((version) => `upsert ${version}`));
    expect(route.isBehind).toBe(false);
    await system.stop();
  }

  async #step(next: Step): Promise<void> {
    switch (next) {
      case "publish":
        return this.#publish();
      case "read":
        return this.#read();
      case "embed":
        return this.#embed();
      case "reload":
        // The restart policy gives up after five failures within a minute.
        if (this.#reloads < 4 && this.#tenant.route.mailbox.tryPut({ type: "reload" })) {
          this.#reloads += 1;
        }
        return;
      default:
        if ("burst" in next) {
          for (let count = 0; count < next.burst; count += 1) {
            this.#publish();
            this.#read();
          }
          return;
        }
        for (let count = 0; count < next.microtasks; count += 1) await Promise.resolve();
    }
  }

  #publish(): void {
    const operation = publish(this.#tenant.log, { id: "d", text: "t" });
    this.#published.push(operation.version);
    this.#unread.push(operation);
  }

  #read(): void {
    const operation = this.#unread.shift();
    if (operation === undefined) return;
    const before = this.#tenant.route.isBehind;
    this.#tenant.offer(operation);
    if (!before && this.#tenant.route.isBehind) this.overflows += 1;
  }

  #embed(): void {
    const { asked } = this.#tenant;
    if (this.#answered < asked.length) answer(asked[this.#answered++]);
  }

  async #finish(): Promise<void> {
    const { log, clock, route } = this.#tenant;
    for (let turn = 0; turn < 1_000; turn += 1) {
      this.#read();
      this.#embed();
      await clock.advance(10);
      const last = (await log.chunks.last(acme))?.version ?? 0;
      if (this.#unread.length === 0 && !route.isBehind && last === (this.#published.at(-1) ?? 0))
        return;
    }
  }
}

it("T4, T1: a queue that overflows leaves and rejoins the reader without losing or doubling anything", async () => {
  let overflows = 0;
  await fc.assert(
    fc.asyncProperty(
      bounds,
      fc.array(step, { minLength: 5, maxLength: 100 }),
      fc.boolean(),
      async (limits, steps, begun) => {
        const interleaving = new Interleaving(limits);
        await interleaving.run(steps, begun);
        overflows += interleaving.overflows;
      },
    ),
    { numRuns: runs(200) },
  );
  // Otherwise the property would hold without ever having been tried.
  expect(overflows).toBeGreaterThan(runs(30));
});

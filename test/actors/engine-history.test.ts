/**
 * The engine against an oracle: random histories of two tenants. The oracle is a map; whatever
 * merges, restarts, outages and resurrected objects come in between, a question sees exactly what
 * the map says: each live document once, in its newest version, nothing deleted, nothing of the
 * other tenant (I2, I3, I4, I5, I7, I8, I9), and a cold shard that is away hides documents only
 * with a word (I12).
 */

import fc from "fast-check";
import { expect, it } from "vitest";
import type { ColdObject } from "../../src/cold/port.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { Position, TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { confirmedTo } from "../../src/contract/manifest.ts";
import { type Coverage, isWhole, parseQuestion, type Source } from "../../src/contract/query.ts";
import { changeLife } from "../../src/log/lives.ts";
import { countingMetrics } from "../support/counting-metrics.ts";
import { createManualClock, type ManualClock, settle } from "../support/manual-clock.ts";
import {
  type MemoryEngine,
  type MemoryEngineOptions,
  startMemoryEngine,
} from "../support/memory-engine.ts";
import { patienceMs, runs } from "../support/runs.ts";

const tenants = ["acme", "globex"] as const;

const tenant = fc.constantFrom(...tenants);
const id = fc.constantFrom("d1", "d2", "d3", "d4");
const turns = fc.integer({ min: 1, max: 40 });
const word = fc.constantFrom("amber", "birch", "cedar", "dune");

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("upsert" as const), tenant, id, word }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("delete" as const), tenant, id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("publish again" as const), tenant }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("publish broken" as const), tenant }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("merge" as const), tenant, waits: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("grace" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cold away" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cold back" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cold resurrects" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("cold loses what it alone has" as const), tenant }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("ask" as const), tenant }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("evict" as const), tenant }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("turns" as const), turns }) },
);

/** What only tenants that may rest go through. */
const restingStep = fc.oneof(
  { weight: 5, arbitrary: step },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("idle" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("suspend, resume" as const), tenant, turns }),
  },
);

type Step = typeof restingStep extends fc.Arbitrary<infer Value> ? Value : never;

const sleepMs = 2 * limits.mergeConfirmMs;

interface Live {
  readonly version: number;
  readonly text: string;
}

class History {
  readonly #clock: ManualClock = createManualClock();
  readonly #engine: MemoryEngine;
  readonly #oracle = new Map(tenants.map((name) => [name, new Map<string, Live>()]));
  /** Sequences of all operations. */
  readonly #published = new Map(tenants.map((name) => [name, [] as number[]]));
  readonly #rejected = new Map(tenants.map((name) => [name, 0]));
  readonly #lastSent = new Map<
    string,
    { readonly payload: Uint8Array; readonly messageId: string }
  >();
  /** Everything that ever was in cold, for the day it comes back. */
  readonly #everCold = new Map<string, Map<string, ColdObject>>();
  readonly #merging = new Set<Promise<unknown>>();

  constructor(
    options: Pick<MemoryEngineOptions, "tenantSleepMs" | "metrics" | "keptBytesMax"> = {},
  ) {
    this.#engine = startMemoryEngine({ clock: this.#clock, graceMs: 50, ...options });
  }

  async run(steps: readonly Step[]): Promise<void> {
    try {
      for (const next of steps) await this.#step(next);
      await this.#settleDown();
    } finally {
      await this.#engine.stop();
    }
  }

  async #step(next: Step): Promise<void> {
    const { cold } = this.#engine;
    switch (next.do) {
      case "upsert": {
        const text = `common ${next.word} of ${next.tenant}`;
        const seq = await this.#publish(next.tenant, { id: next.id, text });
        this.#oracle.get(next.tenant)?.set(next.id, { version: seq, text });
        return;
      }
      case "delete":
        await this.#publish(next.tenant, { id: next.id, op: "delete" });
        this.#oracle.get(next.tenant)?.delete(next.id);
        return;
      case "publish again":
        return this.#publishAgain(next.tenant);
      case "publish broken":
        await this.#publish(next.tenant, "{broken");
        this.#rejected.set(next.tenant, (this.#rejected.get(next.tenant) ?? 0) + 1);
        return;
      case "merge":
        this.#merge(next.tenant);
        if (next.waits) await this.#within(Promise.all(this.#merging));
        return;
      case "grace":
        return this.#clock.advance(this.#engine.graceMs);
      case "restart":
        return this.#engine.restart();
      case "cold away":
        return cold.setDown(true);
      case "cold back":
        return cold.setDown(false);
      case "cold resurrects":
        return this.#resurrect();
      case "cold loses what it alone has":
        return this.#loseAll(next.tenant);
      case "ask":
        return this.#check(next.tenant);
      case "evict":
        return this.#engine.topology.directory.tenant(next.tenant as TenantId)?.kept.evict();
      case "idle":
        await this.#turns(20);
        // Longer than a message id counts.
        this.#lastSent.clear();
        return this.#clock.advance(2 * sleepMs);
      case "suspend, resume":
        return this.#suspend(next.tenant, next.turns);
      case "turns":
        return this.#turns(next.turns);
    }
  }

  /** What is published meanwhile waits in DOCS. */
  async #suspend(name: (typeof tenants)[number], forTurns: number): Promise<void> {
    const { lives } = this.#engine.log;
    const owner = name as TenantId;
    await changeLife(lives, owner, () => ({ state: "suspended", atMs: this.#clock.nowMs() }));
    await this.#turns(forTurns);
    const seq = await this.#publish(name, { id: "d4", text: `common late of ${name}` });
    this.#oracle.get(name)?.set("d4", { version: seq, text: `common late of ${name}` });
    await this.#turns(forTurns);
    await changeLife(lives, owner, () => ({ state: "active" }));
    // A node hears of it a moment later; until then it refuses.
    await this.#turns(forTurns + 20);
  }

  async #publish(name: (typeof tenants)[number], body: unknown): Promise<number> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const payload = new TextEncoder().encode(text);
    // The same ids in both tenants: neither knows of the other's (I9).
    const messageId = `${this.#published.get(name)?.length}`;
    const message = { tenant: name as TenantId, payload, messageId };
    const { seq } = await this.#engine.log.docs.publish(message);
    this.#sent(name, seq);
    this.#lastSent.set(name, { payload, messageId });
    return seq;
  }

  /**
   * A publisher that never saw its receipt sends the same again, under the same id: it stays one
   * operation (T9).
   */
  async #publishAgain(name: (typeof tenants)[number]): Promise<void> {
    const last = this.#lastSent.get(name);
    if (last === undefined) return;
    const { seq } = await this.#engine.log.docs.publish({ tenant: name as TenantId, ...last });
    this.#sent(name, seq);
  }

  #sent(name: (typeof tenants)[number], seq: number): void {
    this.#published.get(name)?.push(seq);
  }

  /** Not waited for: publishes, questions and restarts go on beside it. */
  #merge(name: string): void {
    const merging = this.#engine.merges
      .force(name as TenantId)
      .finally(() => this.#merging.delete(merging));
    this.#merging.add(merging);
  }

  /** Between two questions of which the second one has reason to believe in the marker. */
  async #loseAll(name: (typeof tenants)[number]): Promise<void> {
    this.#engine.cold.setDown(false);
    await this.#check(name);
    await this.#mergeAll([name]);
    await this.#check(name);
    await this.#emptyShard(name as TenantId);
    await this.#check(name, { cache: false });
  }

  /** As after a lost disk: the tenant is there as before, and nothing lies in it, no marker either. */
  async #emptyShard(name: TenantId): Promise<void> {
    const { cold } = this.#engine;
    if (!(await cold.hasTenant(name))) return;
    const ids = cold.objects(name).map((object) => object.id);
    await cold.deleteIds(name, ids);
    await cold.writeMarker(name, { to: 0 as Position, version: 0 as Version });
  }

  #rememberCold(): void {
    for (const name of tenants) {
      const ever = this.#everCold.get(name) ?? new Map<string, ColdObject>();
      this.#everCold.set(name, ever);
      for (const object of this.#engine.cold.objects(name as TenantId)) ever.set(object.id, object);
    }
  }

  #resurrect(): void {
    this.#rememberCold();
    for (const [name, ever] of this.#everCold) {
      this.#engine.cold.resurrect(name as TenantId, [...ever.values()]);
    }
  }

  async #check(name: (typeof tenants)[number], options: object = {}): Promise<void> {
    this.#rememberCold();
    const expected = [...(this.#oracle.get(name) ?? [])].map(
      ([docId, { version, text }]) => `${docId}@${version} ${text}`,
    );
    const { sources, coverage } = await this.#ask(name, options);
    const seen = sources
      .map(({ id: docId, version, text }) => `${docId}@${version} ${text}`)
      .sort();
    expect(new Set(seen).size).toBe(seen.length);
    const covered = coverage === undefined || isWhole(coverage as Coverage["cold"]);
    if (covered) expect(seen).toEqual(expected.sort());
    else expect(expected).toEqual(expect.arrayContaining(seen));
  }

  async #ask(
    name: (typeof tenants)[number],
    options: object,
  ): Promise<{ readonly sources: readonly Source[]; readonly coverage: string | undefined }> {
    const minSeq = this.#published.get(name)?.at(-1) ?? 0;
    const question = parseQuestion({
      ...{ query: "common", mode: "search", top_k: 50, ...options },
      ...(minSeq === 0 ? {} : { min_seq: minSeq }),
    });
    for (;;) {
      const { signal } = new AbortController();
      const asking = this.#engine.service.ask({ tenant: name as TenantId, question, signal });
      try {
        const { sources, coverage } = await this.#within(asking);
        return { sources, coverage: coverage.cold };
      } catch (thrown) {
        if (!(thrown instanceof FreshetError)) throw thrown;
        const nothing = thrown.code === "no_results" || thrown.code === "cold_unavailable";
        if (nothing) return { sources: [], coverage: coldOf(thrown) };
        if (thrown.code !== "not_ready" || this.#clock.monotonicMs() > 3_600_000) throw thrown;
        await this.#clock.advance(1);
      }
    }
  }

  /** Time moves while something is waited for, slowly: one millisecond in many turns. */
  async #within<Value>(work: Promise<Value>): Promise<Value> {
    let done = false;
    const settled = (): void => {
      done = true;
    };
    work.then(settled, settled);
    for (let turn = 0; !done; turn += 1) {
      await settle();
      if (turn % 20 === 19) await this.#clock.advance(1);
      if (turn === 20_000) throw new Error("nothing happens any more");
    }
    return work;
  }

  async #turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn += 1) await settle();
  }

  /**
   * Until the second look has found all that is merged (0022): where cold was away, that one is
   * repeated after a pause.
   */
  async #confirmed(name: string): Promise<void> {
    const { log, graceMs } = this.#engine;
    for (let waitedMs = 0; waitedMs <= limits.mergeRetryMaxMs; waitedMs += graceMs) {
      const stored = await log.manifests.get(name as TenantId);
      if (stored === null || confirmedTo(stored.manifest) === stored.manifest.to) return;
      await this.#turns(20);
      await this.#clock.advance(graceMs);
    }
    throw new Error(`what is merged of ${name} is never confirmed`);
  }

  /** All that is visible of them is in cold alone. */
  async #mergeAll(names: readonly string[]): Promise<void> {
    const { merges, graceMs } = this.#engine;
    await this.#within(Promise.all(this.#merging));
    for (const name of names) await this.#within(merges.force(name as TenantId));
    for (const name of names) await this.#confirmed(name);
    // Hot drops a grace period after the confirmation, not sooner: the view must hear of it first.
    await this.#turns(40);
    await this.#clock.advance(graceMs);
  }

  /**
   * At rest everything is covered: hot and cold together, cold alone, and cold under a new node.
   */
  async #settleDown(): Promise<void> {
    const { cold, log } = this.#engine;
    cold.setDown(false);
    for (const name of tenants) await this.#check(name);
    await this.#mergeAll(tenants);
    for (const name of tenants) {
      await this.#check(name);
      const letters = await log.deadLetters.list(name, 1_000);
      expect(letters).toHaveLength(this.#rejected.get(name) ?? 0);
    }
    for (const { hot, tenant: of } of this.#engine.service.status().tenants) {
      expect({ of, hot: hot.documents }).toEqual({ of, hot: 0 });
    }
    this.#resurrect();
    for (const name of tenants) await this.#check(name);
    await this.#engine.restart();
    for (const name of tenants) {
      await this.#check(name);
      expect(await this.#recorded(name)).toEqual(this.#published.get(name));
    }
  }

  /** Versions of the tenant's records: one for each operation, in their order. */
  async #recorded(name: string): Promise<number[]> {
    const { chunks } = this.#engine.log;
    const owner = name as TenantId;
    const versions: number[] = [];
    const last = await chunks.last(owner);
    if (last === null) return versions;
    const range = { tenant: owner, after: 0 as Position, to: last.position };
    for await (const { kind, version } of chunks.headers(range)) {
      if (kind !== "fence") versions.push(version);
    }
    return versions;
  }
}

function coldOf({ details }: FreshetError): string | undefined {
  return details?.["coverage"] as string | undefined;
}

it(
  "any history: a question sees what the oracle says, in hot and cold together and in either alone",
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 3, maxLength: 30 }),
        // Memory that keeps what is merged hides much of what cold does.
        fc.constantFrom(0, undefined),
        (steps, keptBytesMax) => new History({ keptBytesMax }).run(steps),
      ),
      { numRuns: runs(80) },
    );
  },
  patienceMs(240_000),
);

it(
  "any history: tenants that sleep, wake, are suspended and taken back see what never-slept ones do (I3, I4, I7)",
  async () => {
    const metrics = countingMetrics();
    const numRuns = runs(30);
    const steps = fc.array(restingStep, { minLength: 3, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(steps, (some) => new History({ tenantSleepMs: sleepMs, metrics }).run(some)),
      { numRuns },
    );
    expect(metrics.counted("tenants_slept_total")).toBeGreaterThan(numRuns / 5);
    expect(metrics.counted("tenants_woken_total")).toBeGreaterThan(numRuns / 5);
  },
  patienceMs(240_000),
);

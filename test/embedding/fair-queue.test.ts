/**
 * Fairness is a promise over many batches, so most tests here run the batcher itself for a while.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BatchLimits, selectBatch } from "../../src/embedding/batching.ts";
import { unmeasured } from "../../src/embedding/cost-model.ts";
import { inTurn, lineUp, noTurns, type Turns, takeTurns } from "../../src/embedding/fair-queue.ts";
import { type Entry, entry, nowMs, weight } from "./queued-texts.ts";

const limits: BatchLimits = {
  paddedTokensMax: 512,
  itemsMax: 8,
  predictedMsMax: 100,
  lookAheadMax: 64,
  ageMaxMs: Number.MAX_SAFE_INTEGER,
};
const tokensMax = 256;
const everywhere = { aheadMax: Number.POSITIVE_INFINITY, textsMax: 1_000 };

interface Tenant {
  readonly name: string;
  readonly weight: number;
  /** Lengths of its texts, again and again. */
  readonly tokens: readonly number[];
}

const tokenCounts = fc.array(fc.integer({ min: 1, max: tokensMax }), {
  minLength: 1,
  maxLength: 12,
});
const tenantSets: fc.Arbitrary<Tenant[]> = fc
  .array(fc.record({ weight: weight(), tokens: tokenCounts }), { minLength: 2, maxLength: 5 })
  .map((tenants) => tenants.map((fields, index) => ({ name: `tenant-${index}`, ...fields })));

interface Round {
  readonly batch: readonly Entry[];
  readonly queue: readonly Entry[];
  readonly nowMs: number;
}

interface Flood {
  readonly tenants: readonly Tenant[];
  readonly rounds: number;
  readonly limits: BatchLimits;
  /** What a batch takes. */
  readonly stepMs?: number;
  /** How long a text has been queued when the batcher first sees it. */
  readonly queuedMs?: number;
}

/** Batch after batch while every tenant always has more texts than fit into one. */
function* flood({
  tenants,
  rounds,
  limits: bounds,
  stepMs = 0,
  queuedMs = 0,
}: Flood): Generator<Round> {
  let queue: Entry[] = [];
  let turns: Turns = noTurns;
  let id = 0;
  for (let round = 0; round < rounds; round += 1) {
    const timeMs = nowMs + round * stepMs;
    for (const { name, weight: share, tokens } of tenants) {
      let queued = queue.filter(({ tenant }) => tenant === name).length;
      for (; queued <= bounds.itemsMax; queued += 1, id += 1) {
        const fields = { tenant: name, weight: share, enqueuedAtMs: timeMs - queuedMs };
        queue.push(entry(id, { ...fields, tokens: tokens[id % tokens.length] ?? 1 }));
      }
    }
    const state = { turns, costs: unmeasured, nowMs: timeMs };
    const choice = selectBatch(queue, bounds, state);
    yield { batch: choice.batch, queue, nowMs: timeMs };
    queue = choice.rest;
    turns = choice.turns;
  }
}

/** What each tenant got so far, in tokens over its weight. */
function* sharesOf(rounds: Iterable<Round>, tenants: readonly Tenant[]): Generator<number[]> {
  const got = new Map(tenants.map(({ name }) => [name, 0]));
  for (const { batch } of rounds) {
    for (const text of batch) {
      got.set(text.tenant, (got.get(text.tenant) ?? 0) + text.tokens / text.weight);
    }
    yield [...got.values()];
  }
}

describe("turns by weight, while all tenants wait", () => {
  it("give tokens in proportion: never more apart than one batch and one text, in tokens over weight", () => {
    fc.assert(
      fc.property(tenantSets, (tenants) => {
        const weightMin = Math.min(...tenants.map((tenant) => tenant.weight));
        const apartMax = limits.paddedTokensMax + tokensMax / weightMin;
        for (const shares of sharesOf(flood({ tenants, rounds: 60, limits }), tenants)) {
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(apartMax + 1e-6);
        }
      }),
    );
  });

  it("give four times the tokens to four times the weight, whatever the lengths of texts", () => {
    const tenants: Tenant[] = [
      { name: "heavy", weight: 4, tokens: [200, 240, 30] },
      { name: "light", weight: 1, tokens: [20, 25, 220] },
    ];
    const shares = [...sharesOf(flood({ tenants, rounds: 600, limits }), tenants)].at(-1);
    const [heavy = 0, light = 0] = shares ?? [];
    expect((heavy * 4) / light).toBeGreaterThan(3.8);
    expect((heavy * 4) / light).toBeLessThan(4.2);
  });

  it("keep to the weights though every text has waited for longer than the age bound", () => {
    const tenants: Tenant[] = [
      { name: "heavy", weight: 4, tokens: [64] },
      { name: "light", weight: 1, tokens: [64] },
    ];
    const bounds = { ...limits, itemsMax: 1, ageMaxMs: 250 };
    const rounds = flood({ tenants, rounds: 200, limits: bounds, stepMs: 10, queuedMs: 5_000 });
    const [heavy = 0, light = 0] = [...sharesOf(rounds, tenants)].at(-1) ?? [];
    expect((heavy * 4) / light).toBeGreaterThan(3.8);
    expect((heavy * 4) / light).toBeLessThan(4.2);
  });

  it("let no text be its tenant's oldest for longer than the age bound and a batch for each tenant", () => {
    const stepMs = 20;
    const bounds = { ...limits, itemsMax: 2, ageMaxMs: 250 };
    fc.assert(
      fc.property(tenantSets, (tenants) => {
        const oldestSinceMs = new Map<number, number>();
        const waitMaxMs = bounds.ageMaxMs + (tenants.length + 1) * stepMs;
        for (const round of flood({ tenants, rounds: 120, limits: bounds, stepMs })) {
          for (const { name } of tenants) {
            const oldest = round.queue.find(({ tenant }) => tenant === name);
            if (oldest === undefined) continue;
            const sinceMs = oldestSinceMs.get(oldest.id) ?? round.nowMs;
            oldestSinceMs.set(oldest.id, sinceMs);
            expect(round.nowMs - sinceMs).toBeLessThanOrEqual(waitMaxMs);
          }
        }
      }),
    );
  });

  it("serve a tenant of hardly any weight by the age bound", () => {
    const tenants: Tenant[] = [
      { name: "heavy", weight: 1_000, tokens: [64] },
      { name: "light", weight: 0.001, tokens: [64] },
    ];
    const taken = (ageMaxMs: number): number => {
      const bounds = { ...limits, itemsMax: 1, ageMaxMs };
      const rounds = flood({ tenants, rounds: 200, limits: bounds, stepMs: 20 });
      return [...rounds].flatMap(({ batch }) => batch).filter(({ tenant }) => tenant === "light")
        .length;
    };
    expect(taken(Number.MAX_SAFE_INTEGER)).toBe(1);
    expect(taken(250)).toBeGreaterThanOrEqual(Math.floor((200 * 20) / (250 + 2 * 20)));
  });
});

describe("turns, by example", () => {
  const of = (tenant: string, ids: readonly number[], tokens = 100): Entry[] =>
    ids.map((id) => entry(id, { tenant, tokens }));
  const tenantsOf = (texts: readonly Entry[]) => texts.map(({ tenant }) => tenant).join("");

  it("alternate between equals, and begin with the older text", () => {
    const lines = lineUp([...of("a", [0, 1, 2]), ...of("b", [3, 4])], noTurns);
    expect(tenantsOf(inTurn(lines, everywhere))).toBe("ababa");
  });

  it("count tokens and not texts", () => {
    const lines = lineUp([...of("a", [0, 1], 300), ...of("b", [2, 3, 4, 5])], noTurns);
    expect(tenantsOf(inTurn(lines, everywhere))).toBe("abbbab");
  });

  it("take no text that lies too far ahead of its turn", () => {
    const lines = lineUp([...of("a", [0, 1, 2, 3]), ...of("b", [4])], noTurns);
    expect(tenantsOf(inTurn(lines, { aheadMax: 199, textsMax: 10 }))).toBe("aba");
  });

  it("put a tenant that comes back at the present, without credit for the time it was away", () => {
    const busy = of("a", [0, 1, 2, 3, 4, 5]);
    let turns = noTurns;
    for (let at = 0; at < 4; at += 1) {
      const lines = lineUp(busy.slice(at), turns);
      turns = takeTurns(turns, lines, { batch: new Set(busy.slice(at, at + 1)), nowMs });
    }
    const lines = lineUp([...busy.slice(4), ...of("b", [6, 7, 8, 9])], turns);
    expect(tenantsOf(inTurn(lines, everywhere))).toBe("babab" + "b");
  });

  it("forget a tenant that is gone once the others have caught up", () => {
    const both = [...of("a", [0, 1, 2, 3]), ...of("b", [4])];
    const b = new Set(both.slice(4));
    let turns = takeTurns(noTurns, lineUp(both, noTurns), { batch: b, nowMs });
    expect([...turns.tenants.keys()].sort()).toEqual(["a", "b"]);
    for (let at = 0; at < 3; at += 1) {
      const lines = lineUp(both.slice(at, 4), turns);
      turns = takeTurns(turns, lines, { batch: new Set(both.slice(at, at + 1)), nowMs });
    }
    expect([...turns.tenants.keys()]).toEqual(["a"]);
  });
});

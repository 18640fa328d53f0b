/**
 * The revision of a tenant view (V7): what was found under it is what would be found now. The
 * result cache of questions rests on nothing else.
 */

import fc from "fast-check";
import { expect, it } from "vitest";
import { firstExpiryMs } from "../../actors/question/parts.ts";
import { ViewData } from "../../actors/tenant-view/data.ts";
import { revisions } from "../../actors/topology/parts.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import type { Position } from "../../src/contract/ids.ts";
import { Heads } from "../../src/heads/heads.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import { runs } from "../support/runs.ts";
import { acme, answered, axis, deletion, dimensions, reject, upsert } from "./kit.ts";
import { coldHit, headsOf, manifest } from "./view-kit.ts";

const id = fc.constantFrom("a", "b", "c");
const step = fc.oneof(
  fc.record({
    do: fc.constant("upsert" as const),
    id,
    axis: fc.nat(2),
    livesMs: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
  }),
  fc.record({ do: fc.constant("delete" as const), id }),
  fc.record({ do: fc.constant("reject" as const) }),
  fc.record({ do: fc.constant("merge" as const), back: fc.nat(3) }),
  fc.record({ do: fc.constant("drop" as const) }),
  fc.record({ do: fc.constant("marker" as const), seen: fc.boolean() }),
  fc.record({ do: fc.constant("time" as const), ms: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ do: fc.constant("new life" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** What cold finds, whenever it is asked: versions of which the heads name some at some times. */
const coldHits: readonly Candidate[] = [
  ...["a", "b", "c"].flatMap((each) => [1, 2, 3, 4, 5].map((version) => coldHit(each, version))),
  { ...coldHit("from before", 1), info: { expiresAtMs: 60 } },
  coldHit("for ever", 1),
];

class World {
  nowMs = 0;
  #position = 0;
  #merged = 0;
  #manifestRevision = 0;
  readonly #nextRevision = revisions();
  #view = this.#newLife();

  run(next: Step): void {
    switch (next.do) {
      case "upsert": {
        const { livesMs } = next;
        const info = livesMs === undefined ? {} : { expiresAtMs: this.nowMs + livesMs };
        this.#position += 1;
        const document = { id: next.id, position: this.#position, axis: next.axis, info };
        this.#view.fold(upsert(document), this.nowMs);
        return;
      }
      case "delete":
        this.#position += 1;
        this.#view.fold(deletion(next.id, this.#position), this.nowMs);
        return;
      case "reject":
        this.#position += 1;
        this.#view.fold(reject(this.#position), this.nowMs);
        return;
      case "merge":
        this.#merged = Math.max(this.#merged, this.#position - next.back);
        if (this.#merged === 0) return;
        this.#manifestRevision += 1;
        this.#view.adopt(manifest(this.#merged, this.#manifestRevision));
        return;
      case "drop":
        this.#view.release({ watermark: this.#merged as Position, merged: undefined });
        return;
      case "marker":
        this.#view.mark({
          watermark: this.#merged as Position,
          seen: next.seen,
          lookedAtMs: this.nowMs,
        });
        return;
      case "time":
        this.nowMs += next.ms;
        return;
      case "new life":
        this.#view = this.#newLife();
    }
  }

  look() {
    const at = { nowMs: this.nowMs, monotonicMs: this.nowMs };
    const { revision } = this.#view.snapshot(at);
    const query = { text: "text", limit: 10, filter: undefined, access: undefined, coldHits };
    const asked = {
      ...({ type: "search", watermark: 0 as Position, mustBeResident: false } as const),
      ...answered<never>(),
    };
    const found = [0, 1, 2].map((index) =>
      this.#view.search({ ...asked, ...query, vector: axis(index) }, this.nowMs),
    );
    expect(this.#view.searchRevision).toBe(revision);
    const all = found.flatMap(({ hot, cold }) => [...hot, ...cold]);
    return { revision, found: JSON.stringify(found), expiresAtMs: firstExpiryMs(all) };
  }

  /** As a new owner would load it: nothing of the log but its heads. */
  #newLife(): ViewData {
    const stored = this.#merged === 0 ? null : manifest(this.#merged, this.#manifestRevision);
    const heads = headsOf(["from before", 1], ["for ever", 1], ["a", 1], ["b", 2]);
    return new ViewData({
      ...{ tenant: acme, stored, markerEveryMs: 20, nextRevision: this.#nextRevision },
      keeps: true,
      hot: createExactHotShardFactory()({ dimensions }),
      heads: stored === null ? new Heads() : heads,
    });
  }
}

it("V7: whenever two searches differ, their revisions differ, or a candidate has expired (I4, I5)", () => {
  let sameRevision = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
      const world = new World();
      const seen = new Map<number, ReturnType<World["look"]>>();
      for (const next of steps) {
        world.run(next);
        const now = world.look();
        const before = seen.get(now.revision);
        if (before !== undefined && world.nowMs < before.expiresAtMs) {
          expect(now.found).toBe(before.found);
          sameRevision += 1;
        }
        seen.set(now.revision, now);
      }
    }),
    { numRuns: runs(60) },
  );
  expect(sameRevision).toBeGreaterThan(runs(20));
});

it("V7: what changes no search leaves the revision: a refused operation, time, a marker that is there", () => {
  const world = new World();
  world.run({ do: "upsert", id: "a", axis: 0, livesMs: undefined });
  world.run({ do: "merge", back: 0 });
  const { revision } = world.look();
  for (const next of [
    { do: "reject" },
    { do: "time", ms: 10 },
    { do: "marker", seen: true },
  ] as const) {
    world.run(next);
    expect(world.look().revision).toBe(revision);
  }
});

it("V7: two lives of a node's views have no revision in common, however little happened", () => {
  const world = new World();
  const seen = new Set<number>();
  for (let life = 0; life < 10; life += 1) {
    seen.add(world.look().revision);
    world.run({ do: "new life" });
  }
  expect(seen.size).toBe(10);
});

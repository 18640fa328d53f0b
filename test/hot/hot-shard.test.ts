import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accessOf, aclDefaults } from "../../src/contract/access.ts";
import { normalFilter } from "../../src/contract/filter.ts";
import type { DocumentId, Position } from "../../src/contract/ids.ts";
import { onGrid } from "../../src/contract/vector.ts";
import type { GraphBuilder, GraphInput, GraphJob } from "../../src/hot/graph.ts";
import { copyRows } from "../../src/hot/graph-links.ts";
import { createHotShard } from "../../src/hot/hot-shard.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import type { HotQuery } from "../../src/hot/port.ts";
import { createVectorMemory } from "../../src/hot/simd.ts";
import { runs } from "../support/runs.ts";
import { hotDocument, unit } from "./documents.ts";
import { everyLink } from "./links.ts";
import { createOracle, expectComplete } from "./oracle.ts";

const dimensions = 3;
/** One memory for all: what a shard leaves behind would show in another. */
const memory = createVectorMemory();
const createExact = createExactHotShardFactory();
const exact = () => createExact({ dimensions });
const query = (options: Partial<HotQuery> = {}): HotQuery => ({
  vector: unit(1, 0, 0),
  text: "",
  limit: 10,
  ...options,
});
const id = (value: string): DocumentId => value as DocumentId;

describe("one document", () => {
  test("H1: a search right after an upsert finds it whole", () => {
    const shard = exact();
    const info = { title: "T", source: "s", timestamp: 5, metadata: { a: 1 } };
    const vectors = [unit(1, 1, 0), unit(0, 1, 0)];
    shard.upsert(hotDocument({ id: "a", version: 7, info, vectors, texts: ["one", "two"] }));
    const hits = shard.search(query()).toSorted((left, right) => left.chunk - right.chunk);
    expect(hits).toMatchObject([
      { shard: "hot", documentId: "a", version: 7, chunk: 0, text: "one", info },
      { shard: "hot", documentId: "a", version: 7, chunk: 1, text: "two", info },
    ]);
    expect(hits[0]?.cosine).toBeCloseTo(Math.SQRT1_2, 3);
    expect(hits[1]?.cosine).toBeCloseTo(0, 6);
  });

  test("candidates are scored by their sparse vectors, which weigh something", () => {
    const vectors = [unit(1, 1, 0), unit(0, 1, 0), unit(0, 0, 1)];
    const plain = hotDocument({ id: "a", vectors });
    const sparse = [Uint8Array.of(3, 0, 1, 1, 64, 32), undefined, Uint8Array.of(5, 0, 64)];
    const chunks = plain.chunks.map((chunk, at) => ({ ...chunk, sparse: sparse[at] }));
    const [without, having] = [exact(), exact()];
    without.upsert(plain);
    having.upsert({ ...plain, chunks });
    const scores = having
      .search(query({ sparse: Uint8Array.of(3, 0, 9, 0, 32, 64) }))
      .toSorted((left, right) => left.chunk - right.chunk)
      .map((hit) => hit.sparse);
    expect(scores).toEqual([0.5, undefined, 0]);
    expect(having.search(query()).every((hit) => hit.sparse === undefined)).toBe(true);
    expect(having.stats().bytes).toBeGreaterThanOrEqual(without.stats().bytes + 9);
    having.delete(id("a"));
    without.delete(id("a"));
    expect(having.stats()).toEqual(without.stats());
  });

  test("vectors and siblings come where they are wanted, and outlive the document", () => {
    const shard = exact();
    const vectors = [unit(1, 1, 0), unit(0, 1, 0)];
    shard.upsert(hotDocument({ id: "a", version: 7, vectors, texts: ["one", "two"] }));
    const wanted = { vectors: true, siblings: true };
    const [hit] = shard.search(query({ limit: 1, wanted }));
    const [plain] = shard.search(query({ limit: 1 }));
    shard.upsert(hotDocument({ id: "a", version: 8, vectors: [unit(0, 0, 1)], texts: ["new"] }));
    expect(Array.from(hit?.vector ?? [])).toEqual(Array.from(onGrid(unit(1, 1, 0))));
    expect(hit?.siblings?.()).toMatchObject([
      { chunk: 0, text: "one" },
      { chunk: 1, text: "two" },
    ]);
    expect(plain?.vector).toBeUndefined();
    expect(plain?.siblings).toBeUndefined();
  });

  test("H1: only its newest version is found, by vector and by word", () => {
    const shard = exact();
    shard.upsert(hotDocument({ id: "a", version: 1, vectors: [unit(1, 0, 0)], texts: ["zebra"] }));
    shard.upsert(hotDocument({ id: "a", version: 2, vectors: [unit(0, 1, 0)], texts: ["horse"] }));
    expect(shard.search(query({ text: "zebra" }))).toMatchObject([{ version: 2, text: "horse" }]);
    expect(shard.stats()).toMatchObject({ documents: 1, chunks: 1 });
  });

  test("an older version does not replace a newer one", () => {
    const shard = exact();
    shard.upsert(hotDocument({ id: "a", version: 2, vectors: [unit(1, 0, 0)] }));
    shard.upsert(hotDocument({ id: "a", version: 1, vectors: [unit(1, 0, 0)] }));
    expect(shard.search(query())).toMatchObject([{ version: 2 }]);
  });

  test("H2: a search right after a delete does not find it", () => {
    const shard = exact();
    shard.upsert(hotDocument({ id: "a", vectors: [unit(1, 0, 0)], texts: ["zebra"] }));
    shard.delete(id("a"));
    shard.delete(id("never"));
    expect(shard.search(query({ text: "zebra" }))).toEqual([]);
    expect(shard.stats()).toMatchObject({ documents: 0, chunks: 0, bytes: 0 });
  });

  test("a document without chunks is known but never found", () => {
    const shard = exact();
    shard.upsert(hotDocument({ id: "a", vectors: [] }));
    expect(shard.search(query())).toEqual([]);
    expect(shard.stats()).toMatchObject({ documents: 1, chunks: 0 });
  });

  test("a chunk that shares only a word with the question is found, with its cosine", () => {
    const shard = exact();
    for (let index = 0; index < 5; index += 1) {
      shard.upsert(hotDocument({ id: `near${index}`, vectors: [unit(1, 0, 0)], texts: ["plain"] }));
    }
    shard.upsert(hotDocument({ id: "far", vectors: [unit(-1, 0, 0)], texts: ["Zyzzyvas!"] }));
    const hits = shard.search(query({ text: "what is a zyzzyva", limit: 2 }));
    expect(hits).toHaveLength(3);
    expect(hits.find((hit) => hit.documentId === "far")?.cosine).toBeCloseTo(-1, 6);
  });

  test("dropThrough forgets what is at or below the watermark and nothing else", () => {
    const shard = exact();
    for (const position of [3, 1, 2]) {
      shard.upsert(hotDocument({ id: `p${position}`, position, vectors: [unit(1, 0, 0)] }));
    }
    shard.dropThrough(2 as Position);
    expect(shard.search(query()).map((hit) => hit.documentId)).toEqual(["p3"]);
  });
});

describe("H4: a malformed vector", () => {
  const bad: readonly (readonly [string, Float32Array])[] = [
    ["is too short", unit(1, 0)],
    ["is too long", unit(1, 0, 0, 0)],
    ["is empty", new Float32Array()],
    ["holds NaN", Float32Array.of(Number.NaN, 0, 1)],
    ["holds infinity", Float32Array.of(Number.POSITIVE_INFINITY, 0, 0)],
    ["is zero", new Float32Array(3)],
    ["is not of unit length", Float32Array.of(2, 0, 0)],
    ["is a plain array", [1, 0, 0] as unknown as Float32Array],
  ];

  test.each(bad)("that %s is refused and leaves the shard as it was", (_, vector) => {
    const shard = exact();
    shard.upsert(hotDocument({ id: "a", version: 1, vectors: [unit(1, 0, 0)] }));
    const broken = hotDocument({ id: "a", version: 2, vectors: [unit(0, 1, 0), vector] });
    expect(() => shard.upsert(broken)).toThrow(expect.objectContaining({ code: "internal" }));
    expect(() => shard.search(query({ vector }))).toThrow(
      expect.objectContaining({ code: "internal" }),
    );
    expect(shard.search(query())).toMatchObject([{ version: 1, chunk: 0 }]);
  });
});

/** A builder that finishes when the test says so, with graphs that know every neighbour. */
function manualBuilder() {
  const jobs: { job: GraphJob; input: GraphInput | null }[] = [];
  const cancelled: GraphJob[] = [];
  const builder: GraphBuilder = {
    submit(job) {
      const entry = { job, input: job.input() };
      if (entry.input !== null) jobs.push(entry);
      return () => {
        if (entry.input === null) return;
        jobs.splice(jobs.indexOf(entry), 1);
        cancelled.push(entry.job);
      };
    },
  };
  return {
    builder,
    finish(): void {
      const next = jobs.shift();
      if (next?.input == null) return;
      copyRows(next.input);
      next.job.ended();
      next.job.done(everyLink(next.input.places.length));
    },
    fail(): void {
      const job = jobs.shift()?.job;
      job?.ended();
      job?.failed(new Error("no memory"));
    },
    /** As a thread that notices late that it was cancelled. */
    endCancelled(): void {
      for (const job of cancelled.splice(0)) job.ended();
    },
    waiting: () => jobs.length,
  };
}

const wordArbitrary = fc.constantFrom("zebra", "horse", "ship", "sea", "wind");
const vectorArbitrary = fc
  .tuple(
    fc.integer({ min: -9, max: 9 }),
    fc.integer({ min: -9, max: 9 }),
    fc.integer({ min: 1, max: 9 }),
  )
  .map((numbers) => unit(...numbers));
const label = fc.constantFrom("a", "b", "c", "d");
const labelsArbitrary = fc.option(fc.uniqueArray(label), { nil: undefined });
const accessArbitrary = fc
  .tuple(fc.option(fc.uniqueArray(label), { nil: undefined }), fc.constantFrom(...aclDefaults))
  .map(([groups, aclDefault]) => accessOf(groups, aclDefault));
const chunkArbitrary = fc.record({
  vector: vectorArbitrary,
  text: fc.array(wordArbitrary, { maxLength: 4 }).map((words) => words.join(" ")),
});

const stepArbitrary = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("upsert" as const),
      document: fc.nat(30),
      kindOf: fc.nat(3),
      labels: labelsArbitrary,
      chunks: fc.array(chunkArbitrary, { maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("delete" as const), document: fc.nat(30) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const), share: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("build" as const), fails: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("search" as const),
      vector: vectorArbitrary,
      text: fc.array(wordArbitrary, { maxLength: 2 }).map((words) => words.join(" ")),
      limit: fc.integer({ min: 1, max: 8 }),
      filter: fc.option(fc.nat(3), { nil: undefined }),
      access: accessArbitrary,
    }),
  },
);

describe("any sequence of operations", () => {
  test.each([
    ["without graphs", Number.POSITIVE_INFINITY, 0],
    ["with graphs of a few rows, walked, built late, folded and given up", 4, 0],
    ["with graphs whose rows are scanned", 4, Number.POSITIVE_INFINITY],
  ])(
    "%s answers as a scan of all that its reader may see would (H1, H2, H3, H5)",
    (_, flatMax, scanBelow) => {
      fc.assert(
        fc.property(fc.array(stepArbitrary, { maxLength: 120, size: "max" }), (steps) => {
          const manual = manualBuilder();
          const { builder } = manual;
          const shard = createHotShard({ memory, dimensions, flatMax, scanBelow, builder });
          const oracle = createOracle();
          try {
            steps.forEach((step, index) => {
              const version = index + 1;
              switch (step.kind) {
                case "upsert": {
                  const document = hotDocument({
                    id: `d${step.document}`,
                    version,
                    info: { metadata: { kind: step.kindOf }, acl: step.labels },
                    vectors: step.chunks.map((chunk) => chunk.vector),
                    texts: step.chunks.map((chunk) => chunk.text),
                  });
                  shard.upsert(document);
                  oracle.upsert(document);
                  break;
                }
                case "delete":
                  shard.delete(id(`d${step.document}`));
                  oracle.delete(`d${step.document}`);
                  break;
                case "drop": {
                  const watermark = Math.floor((version * step.share) / 200);
                  shard.dropThrough(watermark as Position);
                  oracle.dropThrough(watermark);
                  break;
                }
                case "build":
                  if (step.fails) manual.fail();
                  else manual.finish();
                  break;
                case "search": {
                  const { vector, text, limit, access } = step;
                  const filter =
                    step.filter === undefined
                      ? undefined
                      : normalFilter({ "metadata.kind": step.filter });
                  const asked: HotQuery = { vector, text, limit, filter, access };
                  expectComplete(shard.search(asked), { oracle, query: asked });
                  break;
                }
              }
            });
            expect(shard.stats().documents).toBe(oracle.documents.size);
          } finally {
            shard.close();
            manual.endCancelled();
          }
          // Nothing is left in the memory that shards share but the SIMD code's scratch space.
          expect(memory.arena.bytes).toBe(memory.simd.bytes);
        }),
        { numRuns: runs(40) },
      );
    },
  );
});

describe("graphs", () => {
  const fill = (shard: ReturnType<typeof createHotShard>, from: number, to: number) => {
    for (let index = from; index < to; index += 1) {
      const vectors = [unit(1, index, 0)];
      shard.upsert(hotDocument({ id: `d${index}`, version: index + 1, vectors, texts: [""] }));
    }
  };

  test("one is built above the bound, one at a time, and what arrives meanwhile is found", () => {
    const manual = manualBuilder();
    const shard = createHotShard({ memory, dimensions, flatMax: 10, builder: manual.builder });
    fill(shard, 0, 10);
    expect(manual.waiting()).toBe(0);
    fill(shard, 10, 20);
    expect(manual.waiting()).toBe(1);
    manual.finish();
    expect(manual.waiting()).toBe(0);
    expect(shard.search(query({ limit: 30 }))).toHaveLength(20);
    shard.close();
  });

  test("after a failed build the next is tried only when as much again has arrived", () => {
    const failures: unknown[] = [];
    const manual = manualBuilder();
    const shard = createHotShard({
      memory,
      dimensions,
      flatMax: 10,
      builder: manual.builder,
      onBuildFailed: (error) => failures.push(error),
    });
    fill(shard, 0, 11);
    manual.fail();
    expect(failures).toHaveLength(1);
    fill(shard, 11, 21);
    expect(manual.waiting()).toBe(0);
    fill(shard, 21, 22);
    expect(manual.waiting()).toBe(1);
    expect(shard.search(query({ limit: 30 }))).toHaveLength(22);
  });

  test("closing cancels the build that waits and empties the shard", () => {
    const manual = manualBuilder();
    const shard = createHotShard({ memory, dimensions, flatMax: 10, builder: manual.builder });
    fill(shard, 0, 11);
    shard.close();
    expect(manual.waiting()).toBe(0);
    expect(shard.search(query())).toEqual([]);
    expect(shard.stats()).toMatchObject({ documents: 0, chunks: 0, bytes: 0 });
  });

  test("memory is freed when documents leave", () => {
    const shard = exact();
    fill(shard, 0, 5_000);
    const full = shard.stats().bytes;
    shard.dropThrough(4_900 as Position);
    expect(shard.stats().bytes).toBeLessThan(full / 5);
    shard.dropThrough(5_000 as Position);
    expect(shard.stats().bytes).toBe(0);
  });
});

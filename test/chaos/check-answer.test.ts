import { describe, expect, it } from "vitest";
import { checkAnswer, type Observation, type ObservedSource } from "./check-answer.ts";
import type { LoggedOperation } from "./oracle.ts";
import { TenantOracle } from "./oracle.ts";

/** doc-0 and doc-6 are the bucket's documents here; doc-1 is in another. */
const operations: readonly LoggedOperation[] = [
  { version: 10, documentId: "doc-0", kind: "upsert" },
  { version: 20, documentId: "doc-6", kind: "upsert" },
  { version: 30, documentId: "doc-0", kind: "upsert" },
  { version: 35, documentId: "doc-0", kind: "invalid" },
  { version: 40, documentId: "doc-6", kind: "delete" },
  { version: 50, documentId: "doc-1", kind: "upsert" },
];

const oracle = new TenantOracle();
for (const operation of operations) oracle.add(operation);
const chunksOf = (version: number): number => (version === 30 ? 2 : 1);

function source(id: string, version: number, chunk = 0): ObservedSource {
  return { id, version, chunk, shard: "hot" };
}

function wrong(
  visible: number,
  sources: readonly ObservedSource[],
  more: Partial<Observation> & { readonly cold?: "complete" | "timeout" } = {},
): readonly string[] {
  const { cold = "complete", ...observed } = more;
  const base = { tenant: "t", bucket: "bucket-0", node: "engine-1", floor: 0, minSeq: 0, atMs: 0 };
  const result = { kind: "found", visible, cold, sources } as const;
  return checkAnswer({ ...base, ...observed, result }, oracle, chunksOf);
}

function wrongNothing(floor: number, lastPublished: number): readonly string[] {
  const base = { tenant: "t", bucket: "bucket-0", node: "engine-1", minSeq: 0, atMs: 0 };
  const result = { kind: "nothing", lastPublished } as const;
  return checkAnswer({ ...base, floor, result }, oracle, chunksOf);
}

describe("a reply", () => {
  it("is right when it has every live document once, in its newest version as of what it saw (I5)", () => {
    expect(wrong(10, [source("doc-0", 10)])).toEqual([]);
    expect(wrong(20, [source("doc-0", 10), source("doc-6", 20)])).toEqual([]);
    expect(wrong(45, [source("doc-0", 30), source("doc-0", 30, 1)])).toEqual([]);
  });

  it("is wrong when a document is old, deleted, too new, doubled, missing, or lacks a chunk (I3, I4, I5)", () => {
    const whole = [source("doc-0", 30), source("doc-0", 30, 1)];
    expect(wrong(30, [source("doc-0", 10), source("doc-6", 20)])).toContainEqual(
      expect.stringContaining("is old"),
    );
    expect(wrong(40, [...whole, source("doc-6", 20)])).toEqual([
      expect.stringContaining("is deleted"),
    ]);
    expect(wrong(20, [...whole, source("doc-6", 20)])).toContainEqual(
      expect.stringContaining("above visible"),
    );
    expect(wrong(40, [...whole, source("doc-0", 30)])).toEqual([
      expect.stringContaining("there twice"),
    ]);
    expect(wrong(40, [])).toEqual([expect.stringContaining("is missing: 0 of 2")]);
    expect(wrong(40, [source("doc-0", 30)])).toEqual([
      expect.stringContaining("is missing: 1 of 2"),
    ]);
  });

  it("may lack what it says that it did not cover, but not show what is wrong (I12)", () => {
    expect(wrong(40, [], { cold: "timeout" })).toEqual([]);
    expect(wrong(40, [source("doc-6", 20)], { cold: "timeout" })).toHaveLength(1);
  });

  it("is wrong when it saw less than an earlier one, or than it was asked to wait for (I6, I8)", () => {
    const first = [source("doc-0", 10)];
    expect(wrong(10, first, { floor: 20 })).toEqual([expect.stringContaining("went back")]);
    expect(wrong(10, first, { minSeq: 25 })).toEqual([expect.stringContaining("not waited for")]);
    // 15 is somebody else's operation: this tenant has nothing between 10 and there.
    expect(wrong(10, first, { minSeq: 15 })).toEqual([]);
  });
});

describe("a reply that nothing matches", () => {
  it("is right when the bucket was empty at a version that it can have seen", () => {
    expect(wrongNothing(0, 50)).toEqual([]);
  });

  it("is wrong when there was something at each of them", () => {
    expect(wrongNothing(10, 50)).toEqual([expect.stringContaining("nothing was found")]);
  });
});

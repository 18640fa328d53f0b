import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { DocumentId, Epoch, TenantId, Version } from "../../src/contract/ids.ts";
import type { UpsertRecord } from "../../src/contract/record.ts";
import type { Reply } from "./query-ask.ts";
import { mixedRecords } from "./query-corpus.ts";
import { type Asked, closedLoop, nothingAsked, openLoop, repeating } from "./query-load.ts";
import { profileText } from "./query-profile.ts";
import { distinctQuestions } from "./query-questions.ts";
import { openRow } from "./query-rows.ts";

const timings = { embed: 1, hot: 1, cold: 0, fuse: 1, llm: 0, total: 3 };
const answered: Reply = { timings, cold: "empty" };

describe("the loops of questions", () => {
  it("closed: never have more in flight than they may", async () => {
    let inFlight = 0;
    let most = 0;
    const ask = async (): Promise<Reply> => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await sleep(1);
      inFlight -= 1;
      return answered;
    };
    const asked = await closedLoop(ask, { inFlight: 3, seconds: 0.05 });
    expect(most).toBe(3);
    expect(asked.ms.length).toBeGreaterThan(3);
  });

  it("open: a stall counts for every question that was due in it, not for one", async () => {
    let isFirst = true;
    const ask = async (): Promise<Reply> => {
      if (isFirst) {
        isFirst = false;
        const until = performance.now() + 100;
        // Client and engine stand still.
        while (performance.now() < until);
      }
      return answered;
    };
    const asked = await openLoop(ask, { perSecond: 200, seconds: 0.1 });
    expect(asked.ms).toHaveLength(20);
    expect(asked.ms.filter((ms) => ms > 40).length).toBeGreaterThanOrEqual(9);
  });

  it("a refusal is counted by its code and is no answer", async () => {
    const asked = await closedLoop(
      async () => {
        await sleep(1);
        return { refused: "overloaded" };
      },
      { inFlight: 1, seconds: 0.02 },
    );
    expect(asked.ms).toEqual([]);
    expect(asked.refused.get("overloaded")).toBeGreaterThan(0);
  });
});

describe("the open row", () => {
  const asked = (ms: readonly number[], refused: number): Asked => {
    const all = nothingAsked();
    all.ms.push(...ms);
    if (refused > 0) all.refused.set("overloaded", refused);
    return all;
  };
  const load = { rate: 500, openSeconds: 60 };

  it("counts a refused question as one that was never answered", () => {
    const ms = Array.from({ length: 2_000 }, (_, index) => index / 100);
    expect(openRow("hot", asked(ms, 0), load).value).toBe(19.97);
    expect(openRow("hot", asked(ms, 1), load).value).toBe(19.98);
    expect(openRow("hot", asked(ms, 3), load).value).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("questions for measuring", () => {
  const text = Array.from({ length: 40 }, (_, index) => `word${"abcdefghij"[index % 10]}`).join(
    " ",
  );

  it("never repeat, and end with an error that says so", () => {
    const next = distinctQuestions([{ id: "a", text }]);
    const seen = new Set<string>();
    expect(() => {
      for (;;) {
        const question = next();
        expect(seen.has(question)).toBe(false);
        seen.add(question);
      }
    }).toThrow("different questions");
    expect(seen.size).toBeGreaterThan(10);
  });

  it("repeat the share that was asked for", () => {
    let count = 0;
    const next = repeating(() => `${(count += 1)}`, 0.4, 1);
    for (let asked = 0; asked < 10_000; asked += 1) next();
    expect(count / 10_000).toBeCloseTo(0.6, 1);
  });
});

describe("a tenant made of a sample", () => {
  const chunk = (text: string, at: number) => {
    const vector = new Float32Array(384);
    vector[at] = 1;
    return { text, vector };
  };
  const record: UpsertRecord = {
    ...{ kind: "upsert", tenant: "t" as TenantId, version: 1 as Version, epoch: 1 as Epoch },
    documentId: "d" as DocumentId,
    chunkCount: 2,
    body: {
      ...{ info: {}, model: "m", redactor: "1" },
      chunks: [chunk("one two three four", 0), chunk("five six seven eight", 1)],
    },
  };

  it("has as many chunks as wanted, each with a vector of unit length, no two alike", () => {
    const records = mixedRecords([record], { chunks: 101, seed: 1 });
    const chunks = records.flatMap(({ body }) => body.chunks);
    expect(chunks).toHaveLength(101);
    expect(records.every(({ chunkCount, body }) => chunkCount === body.chunks.length)).toBe(true);
    for (const { vector } of chunks) expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
    expect(new Set(chunks.map(({ vector }) => vector.join())).size).toBe(101);
  });
});

describe("a profile", () => {
  it("says where the busy time was, idle time apart", () => {
    const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 9 });
    const fuse = new URL("../../src/retrieval/fusion.ts", import.meta.url).href;
    const vendor = new URL("../../node_modules/nats/lib/a.js", import.meta.url).href;
    const text = profileText({
      nodes: [
        { id: 1, callFrame: frame("(idle)") },
        { id: 2, callFrame: frame("fuse", fuse) },
        { id: 3, callFrame: frame("flush", vendor) },
      ],
      samples: [1, 2, 3, 2],
      timeDeltas: [4_000, 2_000, 1_000, 1_000],
    }).join("\n");
    expect(text).toContain("4 of 8 ms busy");
    expect(text).toContain("75.0 %  src/retrieval/fusion.ts");
    expect(text).toContain("25.0 %  package nats");
    expect(text).toContain("75.0 %  fuse src/retrieval/fusion.ts:10");
  });
});

/** Batches against an engine that takes some lines each time, and forgets ids between them. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { linesOfOperations, publishBatches } from "../../src/client/batches.ts";
import { FreshetError } from "../../src/client/errors.ts";
import { SentKey, withRetries } from "../../src/client/retry.ts";
import { settle } from "../../src/client/settle.ts";
import type { LineResult } from "../../src/client/types.ts";
import { limits } from "../../src/contract/limits.ts";
import { runs } from "../support/runs.ts";

const overloaded = { code: "overloaded", message: "later", retryable: true } as const;
const invalid = { code: "invalid_document", message: "no text", retryable: false } as const;

/** Takes so many lines of a request and refuses the rest; what it stored it does not remember. */
function engineThatTakes(most: number) {
  const stored: string[] = [];
  const send = async (text: string): Promise<{ results: LineResult[] }> => {
    const results: LineResult[] = [];
    let taken = 0;
    for (const [at, line] of text.split("\n").entries()) {
      if (line === "") continue;
      const { id } = JSON.parse(line) as { id: string };
      if (taken === most) {
        results.push({ line: at + 1, error: overloaded });
        break;
      }
      taken += 1;
      if (id.startsWith("bad")) results.push({ line: at + 1, error: invalid });
      else {
        stored.push(id);
        results.push({ line: at + 1, id, seq: stored.length });
      }
    }
    return { results };
  };
  return { stored, send };
}

it("every line is stored once and in its order, however few are taken at a time (CB1, CB2)", async () => {
  const ids = fc.array(fc.constantFrom("a", "b", "bad"), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(ids, fc.integer({ min: 1, max: 5 }), async (names, most) => {
      const operations = names.map((name, at) => ({ id: `${name}${at}`, text: "t" }));
      const { stored, send } = engineThatTakes(most);
      const retries = { attemptsMax: 2, pauseMinMs: 1, pauseMaxMs: 1, waitMaxMs: 1 };
      const results = await publishBatches(linesOfOperations(operations), {
        ...{ bytesMax: 10_000, linesMax: 7, key: "k", send, retries, signal: undefined },
        surroundings: { sleep: async () => {}, random: () => 0, nowMs: () => 0 },
      });
      const good = operations.map(({ id }) => id).filter((id) => !id.startsWith("bad"));
      expect(stored).toEqual(good);
      expect(results.map(({ index }) => index)).toEqual(operations.map((_, at) => at));
      const refused = results.flatMap((one) => ("error" in one ? [one.error.code] : []));
      expect(new Set(refused)).toEqual(new Set(refused.length === 0 ? [] : ["invalid_document"]));
    }),
    { numRuns: runs(200) },
  );
});

it("a line that is too large for its way has its own error, and stops no other (CB3)", async () => {
  const { stored, send } = engineThatTakes(10);
  const narrow = async (text: string) => {
    if (text.length <= 60) return send(text);
    throw new FreshetError("document_too_large", "too large", { status: 413 });
  };
  const large = { id: "large", text: "x".repeat(60) };
  const operations = [
    { id: "a", text: "t" },
    { id: "b", text: "t" },
    large,
    { id: "c", text: "t" },
  ];
  const retries = { attemptsMax: 2, pauseMinMs: 1, pauseMaxMs: 1, waitMaxMs: 1 };
  const results = await publishBatches(linesOfOperations(operations), {
    ...{ bytesMax: 60, linesMax: 7, key: "k", send: narrow, retries, signal: undefined },
    surroundings: { sleep: async () => {}, random: () => 0, nowMs: () => 0 },
  });
  expect(stored).toEqual(["a", "b", "c"]);
  expect(results).toMatchObject([
    ...[{ id: "a" }, { id: "b" }],
    ...[{ index: 2, error: { code: "document_too_large" } }, { id: "c" }],
  ]);
});

it("lines behind the one that was not taken now are sent again, whatever was wrong with others", async () => {
  const stored: string[] = [];
  let requests = 0;
  // As the engine does it: lines are published side by side, so what is wrong with the third is
  // known before the second is refused, and the fourth is not begun any more.
  const send = async (text: string): Promise<{ results: LineResult[] }> => {
    requests += 1;
    const lines = text.split("\n");
    const results: LineResult[] = [];
    for (const [at, line] of lines.entries()) {
      if (line === "") continue;
      const { id } = JSON.parse(line) as { id: string };
      if (id.startsWith("bad")) results.push({ line: at + 1, error: invalid });
      else if (requests === 1 && at === 1) results.push({ line: at + 1, error: overloaded });
      else if (requests > 1 || at === 0) {
        stored.push(id);
        results.push({ line: at + 1, id, seq: stored.length });
      }
    }
    return { results };
  };
  const operations = ["a", "b", "bad", "d"].map((id) => ({ id, text: "t" }));
  const results = await publishBatches(linesOfOperations(operations), {
    ...{ bytesMax: 10_000, linesMax: 7, key: "k", send, signal: undefined },
    retries: { attemptsMax: 3, pauseMinMs: 1, pauseMaxMs: 1, waitMaxMs: 1 },
    surroundings: { sleep: async () => {}, random: () => 0, nowMs: () => 0 },
  });
  expect(stored).toEqual(["a", "b", "d"]);
  expect(results.map((one) => ("error" in one ? one.error.code : one.id))).toEqual([
    "a",
    "b",
    "invalid_document",
    "d",
  ]);
});

it("an import of any size can be waited for", async () => {
  const published = Array.from({ length: 200_000 }, (_, at) => ({ id: `d${at}`, seq: at + 1 }));
  const events: Parameters<typeof settle>[1]["events"] = async function* ({ fromSeq }) {
    expect(fromSeq).toBe(1);
    for (const { id, seq } of published) yield { id, seq, status: "visible", at: "" };
  };
  const settled = await settle(published, {
    ...{ signal: undefined, timeoutMs: 60_000, events },
    surroundings: { sleep: async () => {}, random: () => 0, nowMs: () => 0 },
    document: () => Promise.reject(new Error("events tell all")),
  });
  expect(settled).toHaveLength(published.length);
});

/** Stores at the first attempt, whose reply is lost, is held up by a proxy, then stores again. */
function engineThatForgets(holdUps: number) {
  let nowMs = 0;
  let attempts = 0;
  let knownUntilMs: number | undefined;
  const stored: number[] = [];
  const surroundings = {
    sleep: async (ms: number) => void (nowMs += ms),
    random: () => 0.5,
    nowMs: () => nowMs,
  };
  const attempt = async (): Promise<{ seq: number }> => {
    attempts += 1;
    if (attempts > 1 && attempts <= 1 + holdUps) {
      const later = { status: 503, retryable: true, retryAfterMs: 60_000 };
      throw new FreshetError("protocol", "no upstream", later);
    }
    if (knownUntilMs === undefined || nowMs > knownUntilMs) {
      stored.push(nowMs);
      knownUntilMs = nowMs + limits.duplicateWindowMs;
    }
    if (attempts > 1) return { seq: stored.length };
    throw new FreshetError("unreachable", "the reply is lost", { retryable: true });
  };
  return { stored, surroundings, attempt };
}
const patient = { attemptsMax: 4, pauseMinMs: 1, pauseMaxMs: 1, waitMaxMs: 60_000 };

it("a publish whose reply was lost is not sent again once its key may be forgotten (CL1)", async () => {
  for (const holdUps of [1, 2]) {
    const { stored, surroundings, attempt } = engineThatForgets(holdUps);
    const key = new SentKey(surroundings);
    const sent = withRetries(attempt, { retries: patient, signal: undefined, surroundings, key });
    if (holdUps === 1) expect(await sent).toEqual({ seq: 1 });
    else await expect(sent).rejects.toMatchObject({ code: "protocol", status: 503 });
    expect(stored, `${holdUps}`).toEqual([0]);
  }
});

it("nor are the lines of a batch (CL1)", async () => {
  const { stored, surroundings, attempt } = engineThatForgets(2);
  const send = async () => ({ results: [{ line: 1, id: "a", seq: (await attempt()).seq }] });
  const publishing = publishBatches(linesOfOperations([{ id: "a", text: "t" }]), {
    ...{ bytesMax: 1_000, linesMax: 7, key: "k", send, signal: undefined },
    ...{ retries: patient, surroundings },
  });
  await expect(publishing).rejects.toMatchObject({ code: "protocol", status: 503 });
  expect(stored).toEqual([0]);
});

it("what was only refused, as by a quota, is sent for as long as attempts are left", async () => {
  const { surroundings } = engineThatForgets(0);
  let attempts = 0;
  const attempt = async (): Promise<number> => {
    attempts += 1;
    if (attempts === patient.attemptsMax) return attempts;
    const later = { status: 429, retryable: true, retryAfterMs: 60_000 };
    throw new FreshetError("quota_exceeded", "later", later);
  };
  const key = new SentKey(surroundings);
  const sent = withRetries(attempt, { retries: patient, signal: undefined, surroundings, key });
  expect(await sent).toBe(patient.attemptsMax);
});

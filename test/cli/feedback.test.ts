/** Feedback, from a person to a collection that rankings are measured with. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportFeedback } from "../../src/cli/commands/feedback.ts";
import { parseFeedback, type StoredFeedback } from "../../src/contract/feedback.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Answer, parseQuestion } from "../../src/contract/query.ts";
import { readCollection } from "../bench/beir.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";
import { codeOf } from "../support/promises.ts";

const tenant = "judged" as TenantId;
const { signal } = new AbortController();
const folder = mkdtempSync(join(tmpdir(), "freshet-judged-"));
let engine: MemoryEngine;

const client = {
  ask: (question: object): Promise<Answer> =>
    engine.service.ask({ tenant, signal, question: parseQuestion(question) }),
  async *feedback(): AsyncGenerator<StoredFeedback> {
    for (let after: number | null = 0; after !== null; ) {
      const page = await engine.service.feedbackAfter(tenant, { after, limit: 2 });
      yield* page.feedback;
      after = page.next;
    }
  },
};
const terminal = {
  ...{ out: () => {}, note: () => {}, env: {}, terminal: false, signal },
  stdin: (async function* () {})(),
};
const say = (said: object) => engine.service.feedback(tenant, parseFeedback(said));

beforeAll(async () => {
  engine = startMemoryEngine();
  const texts = {
    lift: "The lift opens at nine.",
    crane: "The crane is green.",
    ferry: "It sails.",
  };
  for (const [id, text] of Object.entries(texts)) {
    const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
    const { seq } = await engine.service.publish(tenant, { payload });
    await engine.event(seq);
  }
});
afterAll(async () => {
  await engine.stop();
  rmSync(folder, { recursive: true });
});

describe("feedback", () => {
  it("is stored with its texts redacted (I10), and read page by page", async () => {
    const query = "Does ada@example.org open the lift?";
    await say({ query, sources: [{ id: "lift", relevance: 1 }], comment: "ask ada@example.org" });
    const [first] = (await engine.service.feedbackAfter(tenant, { after: 0, limit: 5 })).feedback;
    expect(first?.sources).toEqual([{ id: "lift", relevance: 1 }]);
    expect(JSON.stringify(first)).not.toContain("ada@example.org");
    expect(first?.query).toContain("open the lift?");
  });

  it("becomes a collection that the quality bench reads, with the mean of what was said", async () => {
    await say({
      query: "When does the lift open?",
      sources: [
        { id: "lift", relevance: 1 },
        { id: "crane", relevance: -1 },
        { id: "gone", relevance: 1 },
      ],
    });
    await say({ query: "When does the lift open?", sources: [{ id: "crane", relevance: 0.5 }] });
    await say({ query: "What colour has the crane?", sources: [{ id: "crane", relevance: 0.4 }] });
    expect(await exportFeedback(client, { folder, terminal })).toMatchObject({ missing: 1 });
    const { documents, queries, unanswerable } = readCollection(folder);
    expect(documents.find(({ id }) => id === "lift")?.text).toContain("opens at nine");
    const gains = new Map(queries.map(({ text, gains: own }) => [text, Object.fromEntries(own)]));
    expect(gains.get("When does the lift open?")).toEqual({ lift: 2 });
    expect(gains.get("What colour has the crane?")).toEqual({ crane: 1 });
    expect(unanswerable).toEqual([]);
  });

  it("of a tenant that floods pushes out its own oldest", async () => {
    const flood = "flood" as TenantId;
    const data = new Uint8Array(1);
    const first = await engine.log.feedback.append(flood, data);
    for (let count = 0; count < limits.feedbackPerTenantMax; count += 1) {
      await engine.log.feedback.append(flood, data);
    }
    const [oldest] = await engine.log.feedback.read({ tenant: flood, after: 0, max: 1 });
    expect(oldest?.seq).toBeGreaterThan(first);
    expect(
      (await engine.service.feedbackAfter(tenant, { after: 0, limit: 9 })).feedback,
    ).toHaveLength(4);
  });

  it("is erased with its tenant", async () => {
    await engine.log.erasure.remove({ tenant, of: "feedback" });
    expect(await engine.log.erasure.count({ tenant, of: "feedback" })).toBe(0);
    expect((await engine.service.feedbackAfter(tenant, { after: 0, limit: 9 })).feedback).toEqual(
      [],
    );
  });

  it.each([
    [{}, "query"],
    [{ query: " " }, "query"],
    [{ query: "why?", sources: [{ id: "a", relevance: 2 }] }, "relevance"],
    [{ query: "why?", comment: "x".repeat(limits.feedbackCommentCharsMax + 1) }, "comment"],
    [{ query: "why?", answer_id: "a b" }, "answer_id"],
  ])("is refused with the field that is wrong: %j", async (said, field) => {
    expect(await codeOf(Promise.resolve().then(() => parseFeedback(said)))).toBe("invalid_request");
    expect(() => parseFeedback(said)).toThrow(field);
  });
});

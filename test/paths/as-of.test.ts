/** `as_of`: what is found is what was found then, whatever came since. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DocumentId, TenantId } from "../../src/contract/ids.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { HistoryEngine, historyTenant } from "../support/history-engine.ts";
import { startMemoryEngine } from "../support/memory-engine.ts";
import { codeOf } from "../support/promises.ts";
import { type AsOfStory, equalDigests, equalToLive, tellAsOfStory } from "./as-of-story.ts";

const operations = 40;
const questions = 4;

describe("forty operations, two merges and a restart later", () => {
  let history: HistoryEngine;
  let story: AsOfStory;
  beforeAll(async () => {
    history = new HistoryEngine(7, { graceMs: 0, confirmMs: 0 });
    story = await tellAsOfStory(history, { operations, questions });
  });
  afterAll(() => history.stop());

  it("questions as of each operation find what they found before (QZ1)", async () => {
    expect(await equalDigests(story)).toBe(operations * questions);
  });

  it("finds the versions that the live question found right after each operation", () => {
    expect(equalToLive(story)).toBe(operations * questions);
  });

  it("goes back as well as forward, and says which operation it shows", async () => {
    const [early, late] = [history.seqs[10] as number, history.seqs[30] as number];
    for (const seq of [late, early, late]) {
      expect(await story.digests({ as_of: seq })).toEqual(story.then.get(seq));
      const answer = await history.ask("crane", { as_of: seq });
      expect(answer).toMatchObject({
        as_of: seq,
        visible_seq: seq,
        coverage: { cold: "resident" },
      });
    }
  });

  it("takes a time for the last operation up to it", async () => {
    const future = new Date(Date.now() + 60_000).toISOString();
    const answer = await history.ask("crane", { as_of: future });
    expect(answer?.as_of).toBe(history.seqs.at(-1));
    const long = new Date(Date.now() - 30 * 86_400_000).toISOString();
    expect(await codeOf(history.ask("crane", { as_of: long }))).toBe("outside_window");
  });

  it("is refused where the log does not hold the beginning any more, also what a view held (QN1)", async () => {
    const seq = history.seqs[20] as number;
    expect(await story.digests({ as_of: seq })).toEqual(story.then.get(seq));
    const { chunks } = history.engine.log;
    const second = await chunks.first(historyTenant);
    const below = ((second?.position ?? 0) + 1) as NonNullable<typeof second>["position"];
    expect(await chunks.purge({ tenant: historyTenant, below })).toBe(1);
    const refused = history.ask("crane", { as_of: seq });
    await expect(refused).rejects.toMatchObject({ code: "outside_window" });
  });
});

describe("what beats it", () => {
  const tenant = "beaten" as TenantId;
  let aheadMs = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
  const engine = startMemoryEngine({ clock });
  afterAll(() => engine.stop());
  const publish = async (json: object): Promise<number> => {
    const payload = new TextEncoder().encode(JSON.stringify(json));
    const { seq } = await engine.service.publish(tenant, { payload });
    await engine.event(seq);
    return seq;
  };
  const find = async (asOf: number, groups?: readonly string[]): Promise<readonly string[]> => {
    const { signal } = new AbortController();
    const question = parseQuestion({ query: "the lift", mode: "search", as_of: asOf });
    const asking = engine.service.ask({ tenant, groups, question, signal });
    if ((await codeOf(asking)) === "no_results") return [];
    return (await asking).sources.map(({ id, version }) => `${id}@${version}`).sort();
  };

  it("labels: an older version is not shown to whom a later one denies it (QZ3)", async () => {
    const open = await publish({
      id: "plan",
      text: "The lift opens at nine.",
      acl: ["all", "ops"],
    });
    const closed = await publish({ id: "plan", text: "The lift is shut.", acl: ["ops"] });
    expect(await find(open)).toEqual([`plan@${open}`]);
    expect(await find(open, ["all"])).toEqual([]);
    expect(await find(open, ["ops"])).toEqual([`plan@${open}`]);
    expect(await find(closed, ["ops"])).toEqual([`plan@${closed}`]);
    await publish({ id: "plan", text: "The lift is gone.", acl: ["board"] });
    expect(await find(open, ["ops"])).toEqual([]);
  });

  it("expiry: of that version and of any later one (QZ2)", async () => {
    const soon = new Date(clock.nowMs() + 3_600_000).toISOString();
    const first = await publish({ id: "brief", text: "The lift squeaks." });
    await publish({ id: "brief", text: "The lift is oiled.", expires_at: soon });
    expect(await find(first)).toContain(`brief@${first}`);
    aheadMs = 3_600_001;
    expect(await find(first)).not.toContain(`brief@${first}`);
    aheadMs = 0;
  });

  it("a delete does not: it is an operation like others", async () => {
    const there = await publish({ id: "note", text: "The lift hums." });
    const payload = new TextEncoder().encode(JSON.stringify({ op: "delete", id: "note" }));
    const { seq } = await engine.service.publish(tenant, { payload, isDelete: true });
    await engine.event(seq);
    expect(await engine.service.document({ tenant }, "note" as DocumentId)).toMatchObject({
      status: "absent",
    });
    expect(await find(there)).toContain(`note@${there}`);
    expect(await find(seq)).not.toContain(`note@${there}`);
  });
});

/** A3: dead letters tell of rejects, and delay nothing. */

import { describe, expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock, settle } from "../support/manual-clock.ts";
import { startMemoryEngine } from "../support/memory-engine.ts";
import { acme, globex } from "./kit.ts";
import { committed, operations, publish, recoveringTenant, startTenant } from "./writer-kit.ts";

const versionsOf = async (log: ReturnType<typeof createMemoryLog>) =>
  (await log.deadLetters.list(acme, 1_000)).map(({ version }) => version);

describe("while the dead-letter stream is full", () => {
  it("a tenant's rejects are committed, and what comes after them; the dead letters come later", async () => {
    const clock = createManualClock();
    const tenant = recoveringTenant({ clock });
    const { log } = tenant;
    log.hooks.fillDeadLetters(true);
    const refused = [publish(log, "{broken"), publish(log, "{broken")];
    const good = publish(log, { id: "a", text: "fine" });
    await committed(log, good.version);
    expect((await operations(log)).at(-1)).toBe(`upsert ${good.version}`);
    expect(await versionsOf(log)).toEqual([]);
    log.hooks.fillDeadLetters(false);
    for (let round = 0; round < 5; round += 1) await clock.advance(1_000);
    expect(await versionsOf(log)).toEqual(refused.map(({ version }) => version));
  });

  it("a tenant with rejects in its tail recovers, and brings the letters afterwards", async () => {
    const clock = createManualClock();
    const log = createMemoryLog({ clock, partitions: 1 });
    log.hooks.fillDeadLetters(true);
    const before = recoveringTenant({ clock, log });
    const refused = publish(log, "{broken");
    await committed(log, refused.version);
    await before.system.stop();
    await startTenant({ clock, log, epoch: 2 });
    log.hooks.fillDeadLetters(false);
    for (let round = 0; round < 5; round += 1) await clock.advance(1_000);
    expect(await versionsOf(log)).toEqual([refused.version]);
  });

  it("only so many dead letters wait (TL2)", async () => {
    const clock = createManualClock();
    const tenant = recoveringTenant({ clock, lettersMax: 3 });
    const { log } = tenant;
    log.hooks.fillDeadLetters(true);
    const refused = Array.from({ length: 20 }, () => publish(log, "{broken"));
    await committed(log, refused.at(-1)?.version ?? 0);
    log.hooks.fillDeadLetters(false);
    for (let round = 0; round < 5; round += 1) await clock.advance(2_000);
    // One was in the writer's hand.
    expect((await versionsOf(log)).length).toBe(4);
  });
});

it("a tenant keeps its share of the dead letters, the newest of them (TL3)", async () => {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 1, lettersPerTenantMax: 100 });
  recoveringTenant({ clock, log, lettersMax: 1_000 });
  const refused = Array.from({ length: 300 }, () => publish(log, "{broken"));
  await committed(log, refused.at(-1)?.version ?? 0);
  const kept = await versionsOf(log);
  expect(kept.length).toBeLessThan(100 + 128);
  expect(kept.at(-1)).toBe(refused.at(-1)?.version);
});

it("A3: one tenant's flood of rejects keeps no other from ingest, merge, restart and answers (I9)", async () => {
  const clock = createManualClock();
  const engine = startMemoryEngine({ clock, graceMs: 50 });
  const { log, merges } = engine;
  const within = async <Value>(work: Promise<Value>): Promise<Value> => {
    let done = false;
    void work.then(
      () => (done = true),
      () => (done = true),
    );
    for (let turn = 0; !done; turn += 1) {
      await settle();
      if (turn % 20 === 19) await clock.advance(1);
      if (turn === 20_000) throw new Error("nothing happens any more");
    }
    return work;
  };
  const send = (tenant: TenantId, body: string) =>
    log.docs.publish({ tenant, payload: new TextEncoder().encode(body) });
  const found = async (seq: number) => {
    const question = parseQuestion({ query: "common", mode: "search", min_seq: seq });
    const { signal } = new AbortController();
    const { sources } = await within(engine.service.ask({ tenant: globex, question, signal }));
    return sources.map(({ id }) => id).sort();
  };
  try {
    log.hooks.fillDeadLetters(true);
    for (let count = 0; count < 200; count += 1) await send(acme, "{broken");
    await send(globex, "{broken");
    const { seq } = await send(globex, JSON.stringify({ id: "d1", text: "common one" }));
    expect(await found(seq)).toEqual(["d1"]);
    expect(await within(merges.force(globex))).toMatchObject({ kind: "merged" });
    await engine.restart();
    const next = await send(globex, JSON.stringify({ id: "d2", text: "common two" }));
    await clock.advance(1_000);
    expect(await found(next.seq)).toEqual(["d1", "d2"]);
    log.hooks.fillDeadLetters(false);
    await within(merges.force(globex));
    for (let round = 0; round < 60; round += 1) await clock.advance(1_000);
    expect(await log.deadLetters.list(globex, 9)).toHaveLength(1);
    expect(await log.deadLetters.list(acme, 999)).toHaveLength(200);
  } finally {
    await engine.stop();
  }
});

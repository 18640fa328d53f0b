/** Tenants that are put to rest while somebody asks them, over a whole engine in memory. */

import { afterEach, describe, expect, it } from "vitest";
import type { DocumentId, TenantId } from "../../src/contract/ids.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import { changeLife } from "../../src/log/lives.ts";
import { countingMetrics } from "../support/counting-metrics.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";
import { codeOf, eventually } from "../support/promises.ts";

const acme = "acme" as TenantId;
const one = "one" as DocumentId;
const sleepMs = 600_000;
let engine: MemoryEngine | undefined;

const gates: (() => void)[] = [];

afterEach(async () => {
  for (const letGo of gates.splice(0)) letGo();
  await engine?.stop();
});

/** A call of a store that waits until it is let go. */
function held<Name extends string>(
  target: Record<Name, unknown>,
  name: Name,
  isMeant: (...args: readonly unknown[]) => boolean = () => true,
) {
  const gate = Promise.withResolvers<void>();
  gates.push(gate.resolve);
  const call = target[name] as (...args: readonly unknown[]) => Promise<unknown>;
  const state = { calls: 0, letGo: () => gate.resolve() };
  target[name] = async (...args: readonly unknown[]) => {
    if (isMeant(...args)) {
      state.calls += 1;
      await gate.promise;
    }
    return call.apply(target, [...args]);
  };
  return state;
}

async function until(clock: ManualClock, holds: () => boolean, what: string): Promise<void> {
  for (let waits = 0; !holds(); waits += 1) {
    if (waits > 100) throw new Error(`${what} never came`);
    await clock.advance(20_000);
  }
}

async function merged() {
  const clock = createManualClock();
  const metrics = countingMetrics();
  const parts = { clock, metrics, tenantSleepMs: sleepMs, partitions: 2, confirmMs: 0 };
  engine = startMemoryEngine({ graceMs: 0, ...parts });
  const on = engine;
  const payload = new TextEncoder().encode(JSON.stringify({ id: one, text: "the boiler" }));
  const { seq } = await on.log.docs.publish({ tenant: acme, payload });
  const visible = () => on.topology.directory.tenant(acme)?.status.visible ?? 0;
  await until(clock, () => visible() >= seq, "the document");
  return { on, clock, metrics };
}

const ask = (on: MemoryEngine, more: object = {}) =>
  on.service.ask({
    tenant: acme,
    question: parseQuestion({ query: "boiler", mode: "search", wait_ms: 4_000, ...more }),
    signal: new AbortController().signal,
  });

const idsOf = async (on: MemoryEngine) => (await ask(on)).sources.map(({ id }) => id);

describe("a tenant that is being put to sleep", () => {
  it("still has its documents for who asks before it is noted (I4, I12)", async () => {
    const { on, clock } = await merged();
    const isSleep = (_: unknown, life: unknown) => (life as { state: string }).state === "asleep";
    const noting = held(on.log.lives as never, "put", isSleep);
    await until(clock, () => noting.calls > 0, "the note");
    expect(on.topology.directory.tenant(acme)).toBeUndefined();
    expect(await codeOf(on.service.usage(acme))).toBe("not_ready");
    expect(await idsOf(on)).toEqual([one]);
    expect(await on.service.document({ tenant: acme }, one)).toMatchObject({ status: "visible" });
    noting.letGo();
    await clock.advance(60_000);
    expect(await idsOf(on)).toEqual([one]);
  });

  it("is not left out of a page that was begun while it was awake (I12)", async () => {
    const { on, clock, metrics } = await merged();
    await until(clock, () => metrics.counted("tenants_slept_total") > 0, "sleep");
    const walking = held(on.cold as never, "walk");
    await on.restart();
    await clock.advance(20_000);
    const page = on.service.documents({ tenant: acme }, { after: "cold:", limit: 10 });
    const told = codeOf(page);
    await until(clock, () => walking.calls > 0, "the walk");
    await until(clock, () => metrics.counted("tenants_slept_total") > 1, "sleep again");
    walking.letGo();
    expect(await told).toBe("not_ready");
    const { documents } = await on.service.documents(
      { tenant: acme },
      { after: "cold:", limit: 9 },
    );
    expect(documents.map(({ id }) => id)).toEqual([one]);
  });
});

describe("a tenant that is suspended", () => {
  it("is what a question hears that was on its way, not that nothing came yet (I12)", async () => {
    const { on, clock } = await merged();
    const looking = held(on.log.docs as never, "lastSequence");
    const visible = on.topology.directory.tenant(acme)?.status.visible;
    const told = codeOf(ask(on, { min_seq: visible }));
    await eventually(() => expect(looking.calls).toBe(1));
    await changeLife(on.log.lives, acme, () => ({ state: "suspended", atMs: 1 }));
    const isGone = () => on.topology.directory.tenant(acme) === undefined;
    await eventually(() => expect(isGone()).toBe(true));
    looking.letGo();
    await clock.advance(1_000);
    expect(await told).toBe("tenant_suspended");
  });
});

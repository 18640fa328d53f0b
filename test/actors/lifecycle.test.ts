/** Tenants that rest, over a whole engine in memory. */

import { afterEach, describe, expect, it } from "vitest";
import { eraseMarkerId } from "../../src/contract/erase.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "../../src/contract/ids.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import { changeLife } from "../../src/log/lives.ts";
import { countingMetrics } from "../support/counting-metrics.ts";
import { createManualClock } from "../support/manual-clock.ts";
import {
  type MemoryEngine,
  type MemoryEngineOptions,
  startMemoryEngine,
} from "../support/memory-engine.ts";
import { codeOf, eventually } from "../support/promises.ts";

const acme = "acme" as TenantId;
const globex = "globex" as TenantId;
let engine: MemoryEngine | undefined;

afterEach(() => engine?.stop());

function start(options: MemoryEngineOptions = {}): MemoryEngine {
  engine = startMemoryEngine({ confirmMs: 0, graceMs: 0, ...options });
  return engine;
}

async function publish(on: MemoryEngine, tenant: TenantId, body: object): Promise<number> {
  const payload = new TextEncoder().encode(JSON.stringify(body));
  return (await on.log.docs.publish({ tenant, payload })).seq;
}

const ask = (on: MemoryEngine, tenant: TenantId, min_seq?: number) =>
  on.service.ask({
    tenant,
    question: parseQuestion({ query: "boiler", mode: "search", wait_ms: 4_000, min_seq }),
    signal: new AbortController().signal,
  });

const idsOf = async (on: MemoryEngine, tenant: TenantId, minSeq?: number) =>
  (await ask(on, tenant, minSeq)).sources.map(({ id }) => id).sort();

describe("a suspended tenant", () => {
  it("is refused with its own error, keeps its data, and reads what came meanwhile when it is back", async () => {
    const on = start();
    const first = await publish(on, acme, { id: "one", text: "the boiler" });
    expect(await idsOf(on, acme, first)).toEqual(["one"]);
    await changeLife(on.log.lives, acme, () => ({ state: "suspended", atMs: 1 }));
    await eventually(async () => {
      expect(await codeOf(ask(on, acme))).toBe("tenant_suspended");
    });
    const payload = new Uint8Array();
    expect(await codeOf(on.service.publish(acme, { payload }))).toBe("tenant_suspended");
    expect(await codeOf(on.service.document({ tenant: acme }, "one" as never))).toBe(
      "tenant_suspended",
    );
    const { signal } = new AbortController();
    for (const after of [undefined, 0 as never]) {
      const first = on.service.events(acme, { after, signal })[Symbol.asyncIterator]().next();
      expect(await codeOf(first)).toBe("tenant_suspended");
    }
    // What it holds is kept, and not nothing.
    expect(await codeOf(on.service.usage(acme))).toBe("tenant_suspended");
    // Where its events are now is a part of them: listening begins with that.
    expect(await codeOf(on.service.lastVersion(acme))).toBe("tenant_suspended");
    const second = await publish(on, acme, { id: "two", text: "the boiler again" });
    expect(on.service.status().resting).toMatchObject({ suspended: 1 });
    expect(on.topology.directory.tenant(acme)).toBeUndefined();
    await on.restart();
    expect(await codeOf(ask(on, acme))).toMatch(/tenant_suspended|not_ready/);
    await changeLife(on.log.lives, acme, () => ({ state: "active" }));
    await eventually(async () => expect(await idsOf(on, acme, second)).toEqual(["one", "two"]));
  });
});

describe("an erased tenant", () => {
  it("is let go by its owner while it ingests, is refused for good, and what comes late goes", async () => {
    const on = start();
    for (let count = 0; count < 20; count += 1) {
      await publish(on, acme, { id: `d${count}`, text: "the boiler" });
    }
    const other = await publish(on, globex, { id: "other", text: "the boiler" });
    const signed = await on.merges.eraseTenant(acme);
    expect(signed.receipt.left.records).toBe(0);
    await eventually(async () => expect(await codeOf(ask(on, acme))).toBe("tenant_erased"));
    expect(await codeOf(on.service.publish(acme, { payload: new Uint8Array() }))).toBe(
      "tenant_erased",
    );
    await publish(on, acme, { id: "late", text: "the boiler" });
    await eventually(async () => expect(await on.log.docs.lastVersion(acme)).toBe(0));
    await on.restart();
    await publish(on, acme, { id: "later", text: "the boiler" });
    await eventually(async () => expect(await on.log.docs.lastVersion(acme)).toBe(0));
    expect(await on.log.deadLetters.list(acme, 9)).toEqual([]);
    expect(on.topology.directory.tenant(acme)).toBeUndefined();
    expect(await idsOf(on, globex, other)).toEqual(["other"]);
    const back = changeLife(on.log.lives, acme, () => ({ state: "active" }));
    expect(await codeOf(back)).toBe("tenant_erased");
    expect(on.service.status().resting).toMatchObject({ erased: 1 });
  });

  it("of which only a document is erased answers with its others, and takes the id again", async () => {
    const on = start();
    await publish(on, acme, { id: "one", text: "the boiler" });
    await publish(on, acme, { id: "two", text: "the boiler" });
    const version = (await publish(on, acme, { id: "one", op: "delete" })) as Version;
    const through = (await publish(on, acme, { id: eraseMarkerId, op: "delete" })) as Version;
    await on.merges.eraseDocuments(acme, { versions: [version], through });
    expect(await idsOf(on, acme, through)).toEqual(["two"]);
    const again = await publish(on, acme, { id: "one", text: "the boiler" });
    expect(await idsOf(on, acme, again)).toEqual(["one", "two"]);
    await on.restart();
    expect(await idsOf(on, acme, again)).toEqual(["one", "two"]);
  });
});

describe("a tenant that sleeps", () => {
  const sleepMs = 600_000;

  async function asleep(names: readonly string[], metrics = countingMetrics()) {
    const clock = createManualClock();
    const on = start({ clock, tenantSleepMs: sleepMs, metrics, partitions: 2 });
    for (const name of names)
      await publish(on, name as TenantId, { id: "one", text: "the boiler" });
    for (let waits = 0; metrics.counted("tenants_slept_total") < names.length; waits += 1) {
      if (waits > 100) throw new Error("nobody sleeps");
      await clock.advance(60_000);
    }
    return { on, clock, metrics };
  }

  it("has no actors, is woken by a question, and answers it in full", async () => {
    const { on } = await asleep(["acme"]);
    expect(on.topology.directory.tenant(acme)).toBeUndefined();
    expect(on.service.status().resting).toMatchObject({ asleep: 1 });
    expect(await idsOf(on, acme)).toEqual(["one"]);
    expect((await on.log.lives.get(acme)).life).toEqual({ state: "active" });
  });

  it("is not woken by who looks what it uses, which is what cold holds", async () => {
    const { on } = await asleep(["acme"]);
    const stored = { documents: 1, stored_chunks: 1, hot_bytes: 0 };
    expect(await on.service.usage(acme)).toMatchObject(stored);
    await on.restart();
    await eventually(async () => expect(await on.service.usage(acme)).toMatchObject(stored));
    expect(on.topology.directory.tenant(acme)).toBeUndefined();
  });

  it("is woken by a document", async () => {
    const { on, metrics } = await asleep(["acme"]);
    const seq = await publish(on, acme, { id: "two", text: "the boiler" });
    expect(await idsOf(on, acme, seq)).toEqual(["one", "two"]);
    expect(metrics.counted("tenants_woken_total")).toBe(1);
  });

  it("is woken after a restart by what was published while no engine ran, and no other is (I2)", async () => {
    const { on, clock, metrics } = await asleep(["acme", "globex"]);
    await on.topology.stop();
    const seq = await publish(on, acme, { id: "two", text: "the boiler" });
    await on.restart();
    await clock.advance(20_000);
    expect(on.topology.directory.tenant(globex)).toBeUndefined();
    expect(metrics.counted("tenants_woken_total")).toBe(1);
    expect(await idsOf(on, acme, seq)).toEqual(["one", "two"]);
  });

  it("costs a restart nothing: of a thousand none is recovered, nor looked at one by one", async () => {
    const { on, clock } = await asleep(["t-7"]);
    const { log } = on;
    await on.topology.stop();
    for (let index = 0; index < 1_000; index += 1) {
      const tenant = `sleeper-${index}` as TenantId;
      const version = (await publish(on, tenant, { id: "one", op: "delete" })) as Version;
      const record = { kind: "delete", tenant, version, documentId: "one" as DocumentId } as const;
      const done = await log.chunks.append({ ...record, epoch: 1 as Epoch }, 0 as Position);
      if (done.kind !== "appended") throw new Error(done.kind);
      const life = { state: "asleep", atMs: 1, version, to: done.position } as const;
      await log.lives.put(tenant, life, 0);
    }
    const looks = { last: 0, get: 0, append: 0, lastVersion: 0 };
    const count = <Name extends string>(target: Record<Name, unknown>, name: Name) => {
      const call = target[name] as (...args: unknown[]) => unknown;
      target[name] = (...args: unknown[]) => {
        looks[name as keyof typeof looks] += 1;
        return call.apply(target, args);
      };
    };
    count(log.chunks as never, "last");
    count(log.chunks as never, "append");
    count(log.manifests as never, "get");
    count(log.docs as never, "lastVersion");
    await on.restart();
    await clock.advance(20_000);
    expect(on.service.status()).toMatchObject({ ready: true, tenants: [] });
    expect(looks).toEqual({ last: 0, get: 0, append: 0, lastVersion: 0 });
    expect(await idsOf(on, "t-7" as TenantId)).toEqual(["one"]);
    expect(looks.append).toBe(1);
  });

  it("is not put to sleep before its documents are merged for good and marked (I7)", async () => {
    const clock = createManualClock();
    const metrics = countingMetrics();
    const on = start({ clock, tenantSleepMs: sleepMs, metrics });
    on.cold.setDown(true);
    await publish(on, acme, { id: "one", text: "the boiler" });
    for (let waits = 0; waits < 30; waits += 1) await clock.advance(60_000);
    expect(metrics.counted("tenants_slept_total")).toBe(0);
    expect(await idsOf(on, acme)).toEqual(["one"]);
  });
});

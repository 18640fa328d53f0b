import { expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentId, Position, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Answer, parseQuestion } from "../../src/contract/query.ts";
import type { LeaseStore } from "../../src/log/lease-port.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";
import { codeOf } from "../support/promises.ts";
import { quiet, until } from "./kit.ts";
import { bound } from "./partition-kit.ts";

const tenants = Array.from({ length: 20 }, (_, index) => `tenant-${index}` as TenantId);

async function publish(engine: MemoryEngine, tenant: TenantId, text: string): Promise<number> {
  const body = { id: "one", text };
  const payload = new TextEncoder().encode(JSON.stringify(body));
  return (await engine.service.publish(tenant, { payload })).seq;
}

function ask(
  engine: MemoryEngine,
  tenant: TenantId,
  minSeq: number,
  waitMs = 5_000,
): Promise<Answer> {
  const asked = { query: "who lives here", mode: "search", min_seq: minSeq, wait_ms: waitMs };
  const question = parseQuestion(asked);
  return engine.service.ask({ tenant, question, signal: new AbortController().signal });
}

async function serving({ topology }: MemoryEngine): Promise<void> {
  const all = [...topology.directory.partitions.values()];
  await until(() => all.every(({ state }) => state === "serving"));
}

it("start, publish, ask, stop: 20 tenants are served, and no actor is left (S5)", async () => {
  const engine = startMemoryEngine({ partitions: 8 });
  await serving(engine);
  const answers = await Promise.all(
    tenants.map(async (tenant) => {
      const seq = await publish(engine, tenant, `here lives ${tenant}`);
      return ask(engine, tenant, seq);
    }),
  );
  expect(answers.map(({ sources }) => sources.map(({ text }) => text))).toEqual(
    tenants.map((tenant) => [`here lives ${tenant}`]),
  );
  expect(engine.service.status()).toMatchObject({
    ready: true,
    partitions: { total: 8, owned: 8, joining: 0 },
  });
  expect(engine.service.status().tenants).toHaveLength(20);
  const { system } = engine.topology;
  expect(system.actors().filter(({ name }) => name.startsWith("tenant/"))).toHaveLength(20);
  await engine.stop();
  expect(system.actors()).toEqual([]);
});

it("a node that begins beside a full log says that the log is full, and serves once there is room", async () => {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 2 });
  let full = true;
  const announce: LeaseStore["announce"] = (...args) =>
    full ? Promise.reject(new FreshetError("overloaded")) : log.leases.announce(...args);
  const leases = { ...bound(log.leases), announce };
  const engine = startMemoryEngine({ clock, log: { ...log, leases } });
  await quiet();
  expect(engine.service.status()).toMatchObject({
    ready: false,
    partitions: { owned: 0, joining: 2, blocked_by: "overloaded" },
  });
  full = false;
  await clock.advance(limits.membershipLookEveryMs);
  await quiet();
  await clock.advance(limits.membershipLookEveryMs);
  await serving(engine);
  expect(engine.service.status().partitions).toEqual({ total: 2, owned: 2, joining: 0 });
  await engine.stop();
});

it("S5: stopping in the middle of everything leaves no actor, and the next node loses nothing (I1, I7)", async () => {
  const engine = startMemoryEngine({ partitions: 2 });
  const { system } = engine.topology;
  const [tenant] = tenants as [TenantId];
  await serving(engine);
  const seqs: number[] = [];
  for (let count = 0; count < 50; count += 1)
    seqs.push(await publish(engine, tenant, `text ${count}`));
  const asked = codeOf(ask(engine, tenant, seqs.at(-1) ?? 0));
  await engine.restart();
  expect(["none", "not_ready"]).toContain(await asked);
  expect(system.actors()).toEqual([]);
  await serving(engine);
  const answer = await ask(engine, tenant, seqs.at(-1) ?? 0);
  expect(answer.sources.map(({ version, text }) => [version, text])).toEqual([
    [seqs.at(-1), "text 49"],
  ]);
  await engine.stop();
});

it("T5, I6: while the log is away nothing is answered that is not proved, publishes are refused, and both go on when it is back", async () => {
  const clock = createManualClock();
  const engine = startMemoryEngine({ clock, partitions: 1 });
  const [tenant] = tenants as [TenantId];
  await serving(engine);
  const first = await publish(engine, tenant, "before");
  await engine.event(first);
  engine.log.hooks.setAvailable(false);
  expect(await codeOf(publish(engine, tenant, "meanwhile"))).toBe("log_unavailable");
  const question = parseQuestion({ query: "before", mode: "search" });
  const signal = new AbortController().signal;
  const refused = codeOf(engine.service.ask({ tenant, question, signal }));
  await quiet();
  await clock.advance(limits.leaseProofPatienceMs + limits.leaseProofAskAgainMs);
  expect(await refused).toBe("log_unavailable");
  // One that is asked shortly before the log is back is answered: a restart of the server costs
  // time, no questions.
  const during = engine.service.ask({ tenant, question, signal });
  await quiet();
  engine.log.hooks.setAvailable(true);
  await clock.advance(limits.leaseProofAskAgainMs);
  expect((await during).sources.map(({ text }) => text)).toEqual(["before"]);
  await clock.advance(limits.restartBackoffMaxMs);
  const second = await publish(engine, tenant, "after");
  await until(() => engine.log.hooks.published.some(({ event }) => event.seq === second));
  expect((await ask(engine, tenant, second)).sources.map(({ text }) => text)).toEqual(["after"]);
  await engine.stop();
});

it("I6: without a valid lease neither questions nor document states are answered", async () => {
  const clock = createManualClock();
  const engine = startMemoryEngine({ clock, partitions: 1 });
  const [tenant] = tenants as [TenantId];
  await serving(engine);
  const seq = await publish(engine, tenant, "text");
  await engine.event(seq);
  const id = "one" as DocumentId;
  expect(await engine.service.document({ tenant }, id)).toMatchObject({ status: "visible", seq });
  const partition = engine.topology.directory.partitionOf(tenant);
  partition.validUntilMs = clock.monotonicMs();
  expect(engine.topology.isOwner(tenant)).toBe(false);
  expect(await codeOf(engine.service.document({ tenant }, id))).toBe("not_ready");
  expect(await codeOf(ask(engine, tenant, seq, 0))).toBe("not_ready");
  // One that may wait is asked again until a node serves its tenant, or its time is over.
  const late = codeOf(ask(engine, tenant, seq, 200));
  const patient = ask(engine, tenant, seq, 5_000);
  await clock.advance(300);
  expect(await late).toBe("not_ready");
  partition.validUntilMs = clock.monotonicMs() + limits.leaseMs;
  await clock.advance(limits.ownerPollMs);
  expect((await patient).sources.map(({ version }) => version)).toEqual([seq]);
  await engine.stop();
});

it("I11: a tenant without room in hot memory is refused at the door, where its publisher hears it", async () => {
  const engine = startMemoryEngine({ partitions: 1 });
  const [tenant, other] = tenants as [TenantId, TenantId];
  await serving(engine);
  await engine.event(await publish(engine, tenant, "text"));
  const entry = engine.topology.directory.tenant(tenant);
  if (entry === undefined) throw new FreshetError("internal");
  const bytes = limits.hotBytesPerTenantMax;
  entry.status = { ...entry.status, hot: { ...entry.status.hot, bytes } };
  expect(await codeOf(publish(engine, tenant, "more"))).toBe("overloaded");
  expect(await codeOf(publish(engine, other, "mine"))).toBe("none");
  await engine.stop();
});

it("I9, I11: at the node's bound those are merged that hold most, not only the one that waits", async () => {
  const engine = startMemoryEngine({ partitions: 1 });
  const [small, large] = tenants as [TenantId, TenantId];
  await serving(engine);
  await engine.event(await publish(engine, large, "text"));
  const entry = engine.topology.directory.tenant(large);
  if (entry === undefined) throw new FreshetError("internal");
  const bytes = limits.hotBytesPerNodeMax;
  entry.status = { ...entry.status, hot: { ...entry.status.hot, bytes } };
  expect(await codeOf(publish(engine, small, "mine"))).toBe("overloaded");
  // As a JetStream publisher: it is not refused, so it waits.
  const payload = new TextEncoder().encode(JSON.stringify({ id: "mine", text: "mine" }));
  const { seq } = await engine.log.docs.publish({ tenant: small, payload });
  await until(() => engine.cold.objects(large).length === 1);
  await engine.event(seq);
  await engine.stop();
});

it("four tenants whose merges are stuck, each at its bound, stop no other", async () => {
  const engine = startMemoryEngine({ partitions: 1 });
  const [quietOne, ...others] = tenants as [TenantId, ...TenantId[]];
  await serving(engine);
  const stuck = others.slice(0, 4);
  for (const tenant of stuck) {
    await engine.event(await publish(engine, tenant, "text"));
    const entry = engine.topology.directory.tenant(tenant);
    if (entry === undefined) throw new FreshetError("internal");
    // What they hold when they grow one after the other, as far as each may.
    let bytes = 1;
    const hold = (): boolean => {
      entry.status = { ...entry.status, hot: { ...entry.status.hot, bytes } };
      return engine.topology.isHotFull(tenant);
    };
    while (!hold()) bytes += 2 ** 20;
  }
  for (const tenant of stuck) {
    expect(await codeOf(publish(engine, tenant, "more"))).toBe("overloaded");
  }
  await engine.event(await publish(engine, quietOne, "mine"));
  expect((await ask(engine, quietOne, 0)).sources.map(({ text }) => text)).toEqual(["mine"]);
  await engine.stop();
});

it("asks for a merge by size, and cold has the documents without a forced merge", async () => {
  const engine = startMemoryEngine({ partitions: 1, mergeSizeChunks: 1 });
  const [tenant] = tenants as [TenantId];
  await serving(engine);
  await engine.event(await publish(engine, tenant, "text"));
  await until(() => engine.cold.objects(tenant).length === 1);
  await quiet();
  await engine.stop();
});

it("V5: a view that fails while its tenant's queue is full is loaded again", async () => {
  const clock = createManualClock();
  const engine = startMemoryEngine({ clock, partitions: 1 });
  const [tenant] = tenants as [TenantId];
  await serving(engine);
  await engine.event(await publish(engine, tenant, "first"));
  const entry = engine.topology.directory.tenant(tenant);
  if (entry === undefined) throw new FreshetError("internal");
  // Hot memory at its bound stalls the tenant, so that its queue fills up.
  const bytes = limits.hotBytesPerTenantMax;
  entry.status = { ...entry.status, hot: { ...entry.status.hot, bytes } };
  const payload = new TextEncoder().encode(JSON.stringify({ id: "many", text: "many" }));
  for (let count = 0; count < 400; count += 1) await engine.log.docs.publish({ tenant, payload });
  await until(() => entry.route.mailbox.depth === limits.tenantQueueMax);
  await quiet(200);
  expect(entry.route.mailbox.depth).toBe(limits.tenantQueueMax);
  // A drop above the watermark breaks an invariant: the view fails with all it holds.
  entry.view.tryPut({ type: "drop", watermark: Number.MAX_SAFE_INTEGER as Position });
  await until(() => entry.status.state === "recovering");
  for (let turn = 0; entry.status.state !== "ready" && turn < 1_000; turn += 1) {
    await clock.advance(limits.restartBackoffMinMs);
  }
  expect(entry.status.state).toBe("ready");
  const seq = await publish(engine, tenant, "second");
  await engine.event(seq);
  expect((await ask(engine, tenant, seq)).sources.map(({ text }) => text).sort()).toEqual([
    "many",
    "second",
  ]);
  await engine.stop();
});

it("does not start with a weight that would stop a tenant, or let it have everything", () => {
  const [tenant] = tenants as [TenantId];
  for (const weight of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    const tenantWeights = new Map([[tenant, weight]]);
    expect(() => startMemoryEngine({ tenantWeights })).toThrow(RangeError);
  }
});

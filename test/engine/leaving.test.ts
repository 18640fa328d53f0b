/** One of two nodes leaves while it is asked: the real actors over one log in memory. */
import { expect, it } from "vitest";
import { type DocumentId, tenantId } from "../../src/contract/ids.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import type { Peers } from "../../src/contract/service.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";

const tenants = ["acme", "globex", "initech"].map((name) => tenantId(name));
/** On a busy machine. */
const patience = { timeout: 10_000 };
const encoder = new TextEncoder();

it("DP2: a node that leaves answers every question, at last by asking the new owner (I1, I8)", async () => {
  const clock = systemClock;
  const log = createMemoryLog({ clock, partitions: 4 });
  const engines: MemoryEngine[] = [];
  // A node is asked by its name, as over NATS.
  const serviceOf = (node: string) => engines[node.startsWith("first") ? 0 : 1]?.service as never;
  const peers = new Proxy({} as Peers, {
    get: (_, verb: keyof Peers) => (node: string, request: never) =>
      (serviceOf(node) as MemoryEngine["service"])[verb as "ask"](request),
  });
  const start = async (name: string): Promise<MemoryEngine> => {
    const engine = startMemoryEngine({ log, name, peers });
    engines.push(engine);
    return engine;
  };
  const first = await start("first");
  const states = (engine: MemoryEngine) =>
    [...engine.topology.directory.partitions.values()].map(({ state }) => state);
  await expect.poll(() => states(first), patience).toEqual(Array(4).fill("serving"));
  const second = await start("second");
  await expect
    .poll(() => first.topology.hasOthers() || second.topology.hasOthers(), patience)
    .toBe(true);

  const newest = new Map<string, number>();
  const end = new AbortController();
  const failures: unknown[] = [];
  let answered = 0;
  const publishing = tenants.map(async (tenant) => {
    for (let count = 0; !end.signal.aborted; count += 1) {
      const document = { id: "mill", text: `The mill was told of for the time number ${count}.` };
      const payload = encoder.encode(JSON.stringify(document));
      const { seq } = await first.service.publish(tenant, { payload, credential: undefined });
      newest.set(tenant, seq);
      await clock.sleep(20);
    }
  });
  const asking = tenants.map(async (tenant) => {
    while (!end.signal.aborted) {
      const min_seq = newest.get(tenant) ?? 0;
      const question = parseQuestion({ query: "what of the mill", mode: "search", min_seq });
      if (min_seq === 0) await clock.sleep(5);
      else {
        await first.service
          .ask({ tenant, question, signal: new AbortController().signal })
          .then(({ sources }) => {
            answered += 1;
            expect(sources.map(({ id }) => id)).toEqual(["mill"]);
            expect(sources[0]?.version).toBeGreaterThanOrEqual(min_seq);
          })
          .catch((thrown: unknown) => failures.push(thrown));
      }
      await clock.sleep(5);
    }
  });
  await expect.poll(() => answered, patience).toBeGreaterThan(5);
  await first.topology.leave();
  await expect.poll(() => states(second), patience).toEqual(Array(4).fill("serving"));
  const before = answered;
  await expect.poll(() => answered, patience).toBeGreaterThan(before + 5);
  end.abort();
  await Promise.all([...publishing, ...asking]);
  expect(failures).toEqual([]);
  for (const tenant of tenants) {
    const state = await second.service.document({ tenant }, "mill" as DocumentId);
    expect(state).toMatchObject({ seq: expect.any(Number) });
  }
  await first.topology.stop();
  await second.stop();
});

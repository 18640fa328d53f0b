/** Views of tenants as they were: their turns, their bounds, and what they do when the log fails. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { AsOfSearches } from "../../actors/question/as-of.ts";
import { accessOf } from "../../src/contract/access.ts";
import type { Position, TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { ChunkRecord } from "../../src/contract/record.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import type { Log } from "../../src/log/port.ts";
import { appendAll, removal, upsert } from "../log/records.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { codeOf } from "../support/promises.ts";
import { runs } from "../support/runs.ts";

const create = createExactHotShardFactory();
const never = new AbortController().signal;

function start(over: (log: Log) => Partial<Log["chunks"]> = () => ({})) {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 1 });
  let [made, closed] = [0, 0];
  const { first, last, headers, read } = log.chunks;
  const bound = {
    first: first.bind(log.chunks),
    last: last.bind(log.chunks),
    headers: headers.bind(log.chunks),
    read: read.bind(log.chunks),
  };
  const chunks = { ...bound, ...over(log) } as Log["chunks"];
  const searches = new AsOfSearches({
    log: { ...log, chunks },
    clock: { ...clock, turn: () => Promise.resolve() },
    replayWindowMs: 1_000,
    createHot: () => {
      made += 1;
      const hot = create({ dimensions: 4 });
      const close = hot.close.bind(hot);
      hot.close = () => {
        closed += 1;
        close();
      };
      return hot;
    },
  });
  const find = async (tenant: TenantId, asOf: number, signal = never): Promise<string> => {
    const vector = new Float32Array([0.6, -0.8, 0, 0]);
    const query = { vector, text: "text", limit: 64, topK: 50 };
    const found = await searches.search({ tenant, asOf: asOf as Version, query, signal });
    return [...new Set(found.map(({ documentId, version }) => `${documentId}@${version}`))]
      .sort()
      .join(" ");
  };
  return { log, searches, find, made: () => made, closed: () => closed, clock };
}

type Operation = { readonly id: string; readonly isDelete: boolean };

function recordsOf(tenant: TenantId, operations: readonly Operation[]): readonly ChunkRecord[] {
  return operations.map(({ id, isDelete }, at) => {
    const origin = { tenant, version: at + 1, epoch: 1 };
    return isDelete ? removal(origin, id) : upsert(origin, id);
  });
}

/** The oracle: what was live after so many operations. */
function liveAfter(operations: readonly Operation[], count: number): string {
  const live = new Map<string, number>();
  for (const [at, { id, isDelete }] of operations.slice(0, count).entries()) {
    if (isDelete) live.delete(id);
    else live.set(id, at + 1);
  }
  return [...live]
    .map(([id, version]) => `${id}@${version}`)
    .sort()
    .join(" ");
}

const operations = fc.array(
  fc.record({ id: fc.constantFrom("a", "b", "c", "d"), isDelete: fc.boolean() }),
  { minLength: 1, maxLength: 25 },
);

/** As a client does that is told to retry: while all views of the tenant are in use, more have to. */
async function again(work: () => Promise<string>): Promise<string> {
  for (let left = 100; ; left -= 1) {
    try {
      return await work();
    } catch (thrown) {
      if (left === 0 || (thrown as { code?: string }).code !== "overloaded") throw thrown;
      await new Promise(setImmediate);
    }
  }
}

it("finds what was live then, for questions that come at once and in any order (QZ1, QN2)", async () => {
  await fc.assert(
    fc.asyncProperty(operations, fc.array(fc.nat(25), { maxLength: 12 }), async (made, asked) => {
      const { log, find } = start();
      const tenant = "acme" as TenantId;
      await appendAll(log.chunks, recordsOf(tenant, made));
      const found = await Promise.all(asked.map((asOf) => again(() => find(tenant, asOf))));
      expect(found).toEqual(asked.map((asOf) => liveAfter(made, asOf)));
      await log.close();
    }),
    { numRuns: runs(60) },
  );
});

it("holds so many views, and lets the least recently used go (QN3)", async () => {
  const { log, find, made, closed, clock } = start();
  const tenants = Array.from({ length: limits.asOfViewsMax + 1 }, (_, at) => `t${at}` as TenantId);
  for (const tenant of tenants) {
    await appendAll(log.chunks, recordsOf(tenant, [{ id: "a", isDelete: false }]));
    expect(await find(tenant, 1)).toBe("a@1");
    await clock.advance(1);
  }
  expect([made(), closed()]).toEqual([limits.asOfViewsMax + 1, 1]);
  await find(tenants.at(-1) as TenantId, 1);
  expect(made()).toBe(limits.asOfViewsMax + 1);
});

it("takes the second view of a tenant before the only one of another (QN3, I9)", async () => {
  const { log, find, made, clock } = start();
  const names = ["acme", "globex", "initech"].map((name) => name as TenantId);
  const [acme, globex, initech] = names as [TenantId, TenantId, TenantId];
  const two = [1, 2].map(() => ({ id: "a", isDelete: false }));
  for (const tenant of names) await appendAll(log.chunks, recordsOf(tenant, two));
  const asked: readonly (readonly [TenantId, number])[] = [
    ...([
      [globex, 1],
      [acme, 2],
    ] as const),
    // The older question needs a second view, which is the newest of all three.
    ...([
      [acme, 1],
      [initech, 1],
    ] as const),
  ];
  for (const [tenant, asOf] of asked) {
    await find(tenant, asOf);
    await clock.advance(1);
  }
  expect(made()).toBe(4);
  await find(globex, 1);
  expect(made()).toBe(4);
  // Whoever goes back and forth between moments makes its own views anew.
  for (const asOf of [2, 1, 2, 1]) await find(acme, asOf);
  const before = made();
  await find(globex, 1);
  await find(initech, 1);
  expect(made()).toBe(before);
});

it("counts the labels of later operations, and is not answered from a part of them (QZ4)", async () => {
  const acl = Array.from({ length: 64 }, (_, at) => `${at}`.padEnd(16_384, "x"));
  const { log, searches } = start((inner) => ({
    async *read(range) {
      for await (const record of inner.chunks.read(range)) {
        if (record.kind !== "upsert") yield record;
        else yield { ...record, body: { ...record.body, info: { ...record.body.info, acl } } };
      }
    },
  }));
  const tenant = "acme" as TenantId;
  const many = Array.from({ length: 40 }, (_, at) => ({ id: `d${at}`, isDelete: false }));
  await appendAll(log.chunks, recordsOf(tenant, many));
  const vector = new Float32Array([0.6, -0.8, 0, 0]);
  const access = accessOf(["staff"], "allow");
  const query = { vector, text: "text", limit: 8, topK: 5, access };
  const ask = (asOf: number) =>
    searches.search({ tenant, asOf: asOf as Version, query, signal: never });
  expect(await codeOf(ask(1))).toBe("history_too_large");
});

it("is overloaded while all views are in use, and no tenant takes all of them (QN3)", async () => {
  const gate = Promise.withResolvers<void>();
  const { log, find } = start((inner) => ({
    async *headers(range) {
      await gate.promise;
      yield* inner.chunks.headers(range);
    },
  }));
  const make = async (tenant: TenantId) => {
    await appendAll(log.chunks, recordsOf(tenant, [{ id: "a", isDelete: false }]));
    return tenant;
  };
  const [one, two, three, four] = [
    await make("one" as TenantId),
    await make("two" as TenantId),
    await make("three" as TenantId),
    await make("four" as TenantId),
  ];
  const waiting = [find(one, 1), find(two, 1), find(three, 1)];
  expect(await codeOf(find(four, 1))).toBe("overloaded");
  gate.resolve();
  expect(await Promise.all(waiting)).toEqual(["a@1", "a@1", "a@1"]);
  expect(await find(four, 1)).toBe("a@1");
});

it("drops a view that failed half-way, and answers the next question from a new one (QN3)", async () => {
  let fails = true;
  const { log, find, made } = start((inner) => ({
    async *read(range) {
      if (fails) throw new Error("cut");
      yield* inner.chunks.read(range);
    },
  }));
  const tenant = "acme" as TenantId;
  await appendAll(log.chunks, recordsOf(tenant, [{ id: "a", isDelete: false }]));
  await expect(find(tenant, 1)).rejects.toThrow("cut");
  fails = false;
  expect(await find(tenant, 1)).toBe("a@1");
  expect(made()).toBe(2);
});

it("a caller that leaves while it waits for its turn takes nothing from the others (QN2)", async () => {
  const gate = Promise.withResolvers<void>();
  const { log, find } = start((inner) => ({
    async *headers(range) {
      await gate.promise;
      yield* inner.chunks.headers(range);
    },
  }));
  const tenant = "acme" as TenantId;
  const made = [
    { id: "a", isDelete: false },
    { id: "b", isDelete: false },
  ];
  await appendAll(log.chunks, recordsOf(tenant, made));
  const leave = new AbortController();
  const first = find(tenant, 1);
  const left = codeOf(find(tenant, 2, leave.signal));
  const last = find(tenant, 2);
  await Promise.resolve();
  leave.abort();
  gate.resolve();
  expect(await Promise.all([first, last])).toEqual(["a@1", "a@1 b@2"]);
  expect(await left).toBe("cancelled");
});

it("is refused once the first record is gone, whatever is held (QN1)", async () => {
  const { log, find } = start();
  const tenant = "acme" as TenantId;
  const made = [
    { id: "a", isDelete: false },
    { id: "b", isDelete: false },
  ];
  const [, second] = await appendAll(log.chunks, recordsOf(tenant, made));
  expect(await find(tenant, 1)).toBe("a@1");
  await log.chunks.purge({ tenant, below: second as Position });
  await expect(find(tenant, 1)).rejects.toMatchObject({
    code: "outside_window",
    details: { oldest_seq: 2 },
  });
  expect(await find("other" as TenantId, 5)).toBe("");
});

it("finds what a reader may see behind any number that later labels hide (QZ3, I12)", async () => {
  const { log, searches } = start();
  const acme = "acme" as TenantId;
  const hidden = Array.from({ length: 700 }, (_, at) => `h${at}`);
  const ids = [...hidden, "shown"];
  const records = [...ids, ...hidden].map((id, at) => {
    const record = upsert({ tenant: acme, version: at + 1, epoch: 1 }, id);
    const isLater = at >= ids.length;
    const acl = isLater ? { acl: ["board"] } : {};
    return { ...record, body: { ...record.body, info: { ...record.body.info, ...acl } } };
  });
  await appendAll(log.chunks, records);
  const query = {
    ...{ vector: new Float32Array([0.6, -0.8, 0, 0]), text: "text", limit: 64, topK: 5 },
    access: accessOf(["sales"], "allow"),
  };
  const asked = { tenant: acme, asOf: ids.length as Version, query, signal: never };
  const found = await searches.search(asked);
  expect(new Set(found.map(({ documentId }) => documentId))).toEqual(new Set(["shown"]));
});

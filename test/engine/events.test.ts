/** The event stream over the log in memory: what comes, from where, and when. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import type { StoredEvent } from "../../src/contract/events.ts";
import {
  begin,
  cutOver,
  feed,
  finish,
  join,
  type TenantGenerations,
} from "../../src/contract/generation.ts";
import {
  type DocumentId,
  generationName,
  type Position,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { ChunkRecord } from "../../src/contract/record.ts";
import type { DocumentState } from "../../src/contract/service.ts";
import { eventsAfter, readFromOf } from "../../src/engine/events.ts";
import { changeGenerations } from "../../src/log/generations.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import { tombstoneOf } from "../../src/log/tombstone.ts";
import { appendAll, duplicate, fence, reject, removal, upsert } from "../log/records.ts";
import { createManualClock } from "../support/manual-clock.ts";

const tenant = "acme" as TenantId;
const none = 0 as Version;

type Kind = "upsert" | "delete" | "reject" | "duplicate" | "fence";

function recordOf(kind: Kind, version: number): ChunkRecord {
  const origin = { tenant, version, epoch: 1 };
  switch (kind) {
    case "upsert":
      return upsert(origin, `d${version}`);
    case "delete":
      return removal(origin, `d${version}`);
    case "reject":
      return reject(origin, null);
    case "duplicate":
      return duplicate(origin, 1);
    case "fence":
      return fence(origin);
  }
}

/** Versions grow by one, but a fence repeats the one before it. */
function recordsOf(kinds: readonly Kind[]): readonly ChunkRecord[] {
  let version = 0;
  return kinds.map((kind) => {
    if (kind !== "fence") version += 1;
    return recordOf(kind, version);
  });
}

const everythingShown = async (): Promise<DocumentState> => ({
  id: "any",
  status: "absent",
  visible_seq: Number.MAX_SAFE_INTEGER,
});

interface Site {
  readonly log: MemoryLog;
  readonly stateOf?: (tenant: TenantId, id: DocumentId) => Promise<DocumentState>;
}

/** A log whose tenant has a second generation, which is fed beside the one that answers. */
async function withTwoGenerations() {
  const log = createMemoryLog();
  const second = generationName(tenant, 2);
  const change = (next: (record: TenantGenerations) => TenantGenerations) =>
    changeGenerations(log.generations, tenant, next);
  const plan = { model: "other", probe: "p", from: 0 as Position, upTo: none };
  await change((record) => begin(record, plan));
  await change((record) => join(record, 2));
  await change((record) => feed(record, { number: 2, builtTo: none }));
  return { log, second, change };
}

/** A reader that takes `count` events and leaves. */
async function take(
  { log, stateOf = everythingShown }: Site,
  after: Version | undefined,
  count: number,
): Promise<StoredEvent[]> {
  const leave = new AbortController();
  const { chunks, events: notices } = log;
  const options = {
    chunks,
    notices,
    stateOf,
    clock: createManualClock(),
    readFrom: readFromOf(log),
  };
  const taken: StoredEvent[] = [];
  if (count === 0) return taken;
  for await (const page of eventsAfter(options, { tenant, after, signal: leave.signal })) {
    taken.push(...page);
    if (taken.length >= count) break;
  }
  return taken.slice(0, count);
}

const kinds = fc.array(fc.constantFrom<Kind>("upsert", "delete", "reject", "duplicate", "fence"), {
  minLength: 1,
  maxLength: 40,
});

describe("the event stream", () => {
  it("tells every operation once and in order, wherever its reader left off (EO1)", async () => {
    await fc.assert(
      fc.asyncProperty(kinds, fc.array(fc.nat({ max: 7 })), async (drawn, leaves) => {
        const log = createMemoryLog();
        const records = recordsOf(drawn);
        // Another tenant's records lie between: positions have gaps.
        const other = "globex" as TenantId;
        let last = 0 as Position;
        let lastOther = 0 as Position;
        for (const record of records) {
          [last = last] = await appendAll(log.chunks, [record], last);
          const theirs = fence({ tenant: other, version: 0, epoch: 1 });
          [lastOther = lastOther] = await appendAll(log.chunks, [theirs], lastOther);
        }
        const operations = records.filter(({ kind }) => kind !== "fence");
        const seen: StoredEvent[] = [];
        for (const most of [...leaves, operations.length]) {
          const left = operations.length - seen.length;
          const after = (seen.at(-1)?.seq ?? 0) as Version;
          seen.push(...(await take({ log }, after, Math.min(most, left))));
        }
        expect(seen.map(({ seq }) => seq)).toEqual(operations.map(({ version }) => version));
        expect(seen.map(({ status }) => status)).toEqual(
          operations.map(
            ({ kind }) =>
              ({
                upsert: "visible",
                delete: "deleted",
                reject: "rejected",
                duplicate: "superseded",
                fence: "never",
              })[kind],
          ),
        );
      }),
    );
  });

  it("says why an operation was refused, and when", async () => {
    const log = createMemoryLog();
    await appendAll(log.chunks, recordsOf(["reject"]));
    const [event] = await take({ log }, none, 1);
    expect(event).toMatchObject({ id: null, status: "rejected", reason: "invalid_json" });
    expect(event?.message).toBe("bäd\n");
    expect(Date.parse(event?.at ?? "")).toBeGreaterThan(0);
  });

  it("does not call visible what had expired before it could be shown", async () => {
    const log = createMemoryLog();
    const record = upsert({ tenant, version: 1, epoch: 1 }, "old");
    const info = { ...record.body.info, expiresAtMs: 1_000 };
    await appendAll(log.chunks, [{ ...record, body: { ...record.body, info } }]);
    expect(await take({ log }, none, 1)).toMatchObject([{ id: "old", status: "deleted" }]);
  });

  it("begins now for a reader that names no place", async () => {
    const log = createMemoryLog();
    const before = await appendAll(log.chunks, recordsOf(["upsert", "upsert"]));
    const first = take({ log }, undefined, 1);
    // The reader looks at the log's end first.
    await new Promise(setImmediate);
    await appendAll(log.chunks, [recordOf("delete", 3)], before.at(-1));
    log.events.publish(tenant, { id: "d3", seq: 3, status: "deleted", ms: 1 });
    expect(await first).toMatchObject([{ seq: 3, status: "deleted" }]);
  });

  it("hears of an operation whose notice was lost", async () => {
    const log = createMemoryLog();
    const clock = createManualClock();
    const leave = new AbortController();
    const events = eventsAfter(
      { ...viewOf(log), stateOf: everythingShown, clock },
      { tenant, after: none, signal: leave.signal },
    );
    expect((await events.next()).value).toEqual([]);
    const next = events.next();
    await clock.untilSleeping(1);
    await appendAll(log.chunks, recordsOf(["upsert"]));
    await clock.advance(limits.eventsPollMs);
    expect((await next).value).toMatchObject([{ seq: 1 }]);
    const last = expect(events.next()).rejects.toMatchObject({ code: "cancelled" });
    await clock.untilSleeping(1);
    leave.abort(new FreshetError("cancelled"));
    await clock.advance(limits.eventsPollMs);
    await last;
    expect(clock.sleeping).toBe(0);
  });

  it("refuses a position that the log has not come to, and takes a receipt (EO4)", async () => {
    const log = createMemoryLog();
    await appendAll(log.chunks, recordsOf(["upsert", "upsert"]));
    const docs = { lastSequence: async () => 7 as Version };
    const { chunks, events: notices } = log;
    const view = { chunks, notices, docs, readFrom: readFromOf(log) };
    const site = { ...view, stateOf: everythingShown, clock: createManualClock() };
    const { signal } = new AbortController();
    const opened = async (after: number): Promise<unknown> => {
      const events = eventsAfter(site, { tenant, after: after as Version, signal });
      return (await events.next()).value;
    };
    // 7 is stored and not decided yet; 8 is of another log, or of nobody.
    expect(await Promise.all([opened(2), opened(7)])).toEqual([[], []]);
    await expect(opened(8)).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("waits until the owner shows what an event says, also while there is none (EO2)", async () => {
    const log = createMemoryLog();
    await appendAll(log.chunks, recordsOf(["upsert", "upsert"]));
    const clock = createManualClock();
    let shown: DocumentState | undefined;
    const asked: string[] = [];
    const stateOf = async (_tenant: TenantId, id: DocumentId) => {
      asked.push(id);
      if (shown === undefined) throw new FreshetError("not_ready");
      return shown;
    };
    const events = eventsAfter(
      { ...viewOf(log), stateOf, clock },
      { tenant, after: none, signal: new AbortController().signal },
    );
    await events.next();
    let page: readonly StoredEvent[] | undefined;
    const reading = events.next().then(({ value }) => {
      page = value as readonly StoredEvent[];
    });
    await clock.untilSleeping(1);
    await clock.advance(limits.eventsPollMs);
    shown = { id: "d2", status: "absent", visible_seq: 1 };
    await clock.advance(limits.eventsPollMs);
    expect(page).toBeUndefined();
    shown = { id: "d2", status: "visible", seq: 2, shard: "hot" };
    await clock.advance(limits.eventsPollMs);
    await reading;
    expect(page?.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(new Set(asked)).toEqual(new Set(["d2"]));
  });

  it("refuses a place from which the log does not hold everything (EO3)", async () => {
    const log = createMemoryLog();
    const placed = await appendAll(log.chunks, recordsOf(["upsert", "upsert", "upsert", "delete"]));
    await log.chunks.purge({ tenant, below: placed[2] as Position });
    await expect(take({ log }, 1 as Version, 1)).rejects.toMatchObject({
      code: "events_expired",
      details: { oldest_seq: 3 },
    });
    expect(await take({ log }, 2 as Version, 2)).toMatchObject([{ seq: 3 }, { seq: 4 }]);
  });

  it("refuses a reader that was slower than retention, at its next page (EO3)", async () => {
    const log = createMemoryLog();
    const first = await appendAll(log.chunks, recordsOf(["upsert"]));
    const { chunks, events: notices } = log;
    const clock = createManualClock();
    const events = eventsAfter(
      { chunks, notices, stateOf: everythingShown, clock, readFrom: readFromOf(log) },
      { tenant, after: none, signal: new AbortController().signal },
    );
    await events.next();
    expect((await events.next()).value).toMatchObject([{ seq: 1 }]);
    const later = [recordOf("upsert", 2), recordOf("upsert", 3)];
    const placed = await appendAll(chunks, later, first.at(-1));
    await chunks.purge({ tenant, below: placed[1] as Position });
    await expect(events.next()).rejects.toMatchObject({ code: "events_expired" });
  });

  it("goes on in the other generation when its own is removed under a reader that is slow (EO1, EO5)", async () => {
    const { log, second, change } = await withTwoGenerations();
    // More than a page: the reader stands in the middle when the rest goes.
    const count = limits.eventsPageMax + 3;
    const placed = await appendAll(
      log.chunks,
      recordsOf(Array.from({ length: count }, upsertKind)),
    );
    const both = Array.from({ length: count }, (_, at) =>
      upsert({ tenant: second, version: at + 1, epoch: 1 }, `d${at + 1}`),
    );
    await appendAll(log.chunks, both);
    const events = eventsAfter(
      { ...viewOf(log), stateOf: everythingShown, clock: createManualClock() },
      { tenant, after: none, signal: new AbortController().signal },
    );
    await events.next();
    expect((await events.next()).value).toHaveLength(limits.eventsPageMax);
    await change((record) => cutOver(record, { at: none, atMs: 1, isForced: true }));
    await change(finish);
    const last = await log.chunks.last(tenant);
    const [tombstone] = await appendAll(log.chunks, [tombstoneOf(tenant, last)], placed.at(-1));
    await log.chunks.purge({ tenant, below: tombstone as Position });
    const { value } = await events.next();
    expect((value as readonly StoredEvent[]).map(({ seq }) => seq)).toEqual(
      [1, 2, 3].map((more) => limits.eventsPageMax + more),
    );
  });

  it("goes on in the other generation when the reader's own is given up, without its tombstone (EO1, EO5)", async () => {
    const { log, second, change } = await withTwoGenerations();
    const placed = await appendAll(log.chunks, recordsOf(["upsert"]));
    const next = [1, 2, 3].map((version) => upsert({ tenant: second, version, epoch: 1 }, "d"));
    const clock = createManualClock();
    const events = eventsAfter(
      { ...viewOf(log), stateOf: everythingShown, clock },
      { tenant, after: none, signal: new AbortController().signal },
    );
    await events.next();
    expect((await events.next()).value).toMatchObject([{ seq: 1 }]);
    await appendAll(log.chunks, next);
    await change((record) => cutOver(record, { at: none, atMs: 1, isForced: true }));
    const reading = events.next();
    // Both are fed: it stays, and waits for the record of the one that it reads.
    await clock.untilSleeping(1);
    await clock.advance(limits.eventsPollMs);
    const more = await appendAll(log.chunks, [recordOf("upsert", 2)], placed.at(-1));
    await clock.untilSleeping(1);
    await clock.advance(limits.eventsPollMs);
    expect((await reading).value).toMatchObject([{ seq: 2 }]);
    await change(finish);
    const last = await log.chunks.last(tenant);
    await appendAll(log.chunks, [tombstoneOf(tenant, last)], more.at(-1));
    const rest = events.next();
    await clock.untilSleeping(1);
    await clock.advance(limits.eventsPollMs);
    expect((await rest).value).toMatchObject([{ seq: 3, status: "visible" }]);
  });
});

const upsertKind = (): Kind => "upsert";

const viewOf = (log: MemoryLog) => ({
  ...{ chunks: log.chunks, notices: log.events, readFrom: readFromOf(log) },
});

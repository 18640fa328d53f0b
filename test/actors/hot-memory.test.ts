import { expect, it } from "vitest";
import {
  Directory,
  recoveringStatus,
  type TenantEntry,
  type ViewStatus,
} from "../../actors/directory/directory.ts";
import { NodeHotMemory } from "../../actors/directory/hot-memory.ts";
import { KeptRows } from "../../actors/directory/kept-rows.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { createManualClock } from "../support/manual-clock.ts";

const bounds = {
  ...{ nodeBytesMax: 1_000, tenantBytesMax: 400, reserveBytes: 200 },
  ...{ keptBytesMax: 1_000, evictBytesMin: 10 },
};

/** Tenants with what each has to hold, what it keeps, and when it was asked for. */
function nodeOf(
  tenants: Readonly<Record<string, { held?: number; kept?: number; askedAtMs?: number }>>,
  changed: Partial<typeof bounds> = {},
) {
  const directory = new Directory(1);
  const evicted: string[] = [];
  for (const [name, { held = 0, kept: bytes = 0, askedAtMs = 0 }] of Object.entries(tenants)) {
    const amount = (size: number) => ({ documents: size, chunks: size, bytes: size });
    const status: ViewStatus = { ...recoveringStatus, hot: amount(held), kept: amount(bytes) };
    const kept = new KeptRows();
    const entry = { tenant: name as TenantId, kept, status } as TenantEntry;
    kept.askedAtMs = askedAtMs;
    kept.heldBy(() => {
      evicted.push(name);
      entry.status = { ...entry.status, kept: amount(0) };
    });
    directory.partitionOf(entry.tenant).tenants.set(entry.tenant, entry);
  }
  const memory = new NodeHotMemory(directory, createManualClock(), {
    bounds: { ...bounds, ...changed },
  });
  return { memory, evicted, directory };
}

const named = (name: string) => name as TenantId;

it("HM1: no publisher is refused while others keep what cold has: it goes first, in the same step", () => {
  const { memory, evicted } = nodeOf({
    ...{ writes: { held: 100 }, old: { kept: 400, askedAtMs: 1 } },
    ...{ new: { kept: 300, askedAtMs: 2 }, full: { held: 210 } },
  });
  expect(memory.isFull(named("writes"))).toBe(false);
  expect(evicted).toEqual(["old"]);
});

it("HM1: what tenants keep counts in nobody's share", () => {
  const alone = nodeOf({ writes: { held: 300 }, other: { held: 200 } });
  const beside = nodeOf({
    ...{ writes: { held: 300 }, other: { held: 200, kept: 100 } },
    ...{ third: { kept: 390, askedAtMs: 5 } },
  });
  expect(beside.memory.isFull(named("writes"))).toBe(alone.memory.isFull(named("writes")));
  expect(beside.evicted).toEqual([]);
});

it("HM2: a tenant at its bound gives up what it keeps itself before it is refused", () => {
  const { memory, evicted } = nodeOf({ big: { held: 250, kept: 150 }, other: { kept: 10 } });
  expect(memory.isFull(named("big"))).toBe(false);
  expect(evicted).toEqual(["big"]);
});

it("HM2: only what is held refuses a publisher", () => {
  const { memory, evicted } = nodeOf({ big: { held: 400, kept: 50 } });
  expect(memory.isFull(named("big"))).toBe(true);
  expect(evicted).toEqual(["big"]);
});

it("a load gets room from tenants that were asked before it, and none beyond its own bound", () => {
  const tenants = {
    ...{ asked: { kept: 100, askedAtMs: 5 }, old: { kept: 390, askedAtMs: 1 } },
    ...{ recent: { kept: 390, askedAtMs: 9 }, writes: { held: 111 } },
  };
  const { memory, evicted } = nodeOf(tenants);
  expect(memory.makeRoom(named("asked"), 9)).toBe(true);
  expect(evicted).toEqual([]);
  expect(memory.makeRoom(named("asked"), 301)).toBe(false);
  expect(memory.makeRoom(named("asked"), 300)).toBe(true);
  expect(evicted).toEqual(["old"]);
  expect(memory.makeRoom(named("old"), 400)).toBe(false);
  expect(memory.makeRoom(named("nobody"), 1)).toBe(false);
});

it("what is kept has a bound of its own", () => {
  const { memory, evicted } = nodeOf(
    { first: { kept: 60, askedAtMs: 1 }, second: { kept: 60, askedAtMs: 2 } },
    { keptBytesMax: 100 },
  );
  expect(memory.makeRoom(named("second"), 10)).toBe(true);
  expect(evicted).toEqual(["first"]);
  expect(memory.makeRoom(named("second"), 50)).toBe(false);
});

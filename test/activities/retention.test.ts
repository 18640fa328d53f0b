import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { type RetentionStanding, retentionBounds } from "../../activities/retention/plan.ts";
import { purgeOld, type RetentionCursor } from "../../activities/retention/retention.ts";
import { createSweepActivities } from "../../activities/sweep.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { Epoch, Position, TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { ChunkRecord } from "../../src/contract/record.ts";
import { conditionHeaders, wireHeaders } from "../../src/log/wire/record.ts";
import { isRetentionTime } from "../../workflows/retention-time.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { runMerge } from "./run-merge.ts";
import { acme, coldState, createWorld, RecordWriter, writeSequel, writeStory } from "./world.ts";

const windowMs = 1_000;
const start = { after: null };
const payload = new TextEncoder().encode("{}");

function setUp() {
  const clock = createManualClock();
  return { clock, ...createWorld({ clock }) };
}

type Setting = ReturnType<typeof setUp>;

async function positions({ log }: Setting, tenant: TenantId = acme): Promise<Position[]> {
  const first = await log.chunks.first(tenant);
  const last = await log.chunks.last(tenant);
  if (first === null || last === null) return [];
  const found: Position[] = [];
  const range = { tenant, after: first.previous, to: last.position };
  for await (const { position } of log.chunks.headers(range)) found.push(position);
  return found;
}

const watermarkOf = async ({ log }: Setting): Promise<Position> =>
  (await log.manifests.get(acme))?.manifest.to ?? (0 as Position);

describe("what may be removed", () => {
  const sequence = fc.integer({ min: 0, max: 50 });
  const standing = fc.record({
    cursor: sequence,
    confirmed: sequence,
    markedTo: sequence,
    youngVersion: sequence,
    youngPosition: sequence,
  });

  it("is old, and below the cursor, what is confirmed and what cold itself proves; all of that goes", () => {
    fc.assert(
      fc.property(standing, sequence, (numbers, seq) => {
        const { cursor, confirmed, markedTo, youngVersion, youngPosition } = numbers;
        const bounds = retentionBounds(numbers as unknown as RetentionStanding);
        expect(seq < bounds.docs).toBe(seq < cursor && seq < youngVersion);
        const isProved = seq < confirmed && seq < markedTo;
        expect(seq < bounds.chunks).toBe(isProved && seq < youngPosition);
      }),
    );
  });

  it("is looked for by one sweep an hour, whatever minute the sweeps begin at", () => {
    const times = { everyMs: 3_600_000, sweepEveryMs: 60_000 };
    const offset = fc.integer({ min: 0, max: 59_999 });
    fc.assert(
      fc.property(offset, fc.integer({ min: 0, max: 1_000 }), (offsetMs, hour) => {
        const sweeps = Array.from(
          { length: 60 },
          (_, minute) => hour * 3_600_000 + offsetMs + minute * 60_000,
        );
        expect(sweeps.filter((at) => isRetentionTime(at, times))).toHaveLength(1);
      }),
    );
  });
});

describe("retention", () => {
  it("removes what was merged and is old, keeps the record at the watermark, and changes nothing twice", async () => {
    const world = setUp();
    await writeStory(world.writer);
    await runMerge(world.ports);
    const before = await positions(world);
    expect((await purgeOld(world.ports, start, windowMs)).records).toBe(0);
    await world.clock.advance(windowMs + 1);
    await world.writer.upsert("young");
    const after = await purgeOld(world.ports, start, windowMs);
    expect(after).toEqual({ tenants: 1, operations: 0, records: before.length - 1, next: null });
    expect(await positions(world)).toEqual([before.at(-1), world.writer.last]);
    expect((await purgeOld(world.ports, start, windowMs)).records).toBe(0);
  });

  it("keeps what is not merged, however old, and merges continue right after the watermark (I2)", async () => {
    const world = setUp();
    await writeStory(world.writer);
    await runMerge(world.ports);
    await writeSequel(world.writer);
    await world.clock.advance(10 * windowMs);
    await purgeOld(world.ports, start, windowMs);
    expect((await positions(world))[0]).toBe(await watermarkOf(world));
    await runMerge(world.ports);

    const undisturbed = setUp();
    await writeStory(undisturbed.writer);
    await runMerge(undisturbed.ports);
    await writeSequel(undisturbed.writer);
    await runMerge(undisturbed.ports);
    expect(coldState(world.cold)).toEqual(coldState(undisturbed.cold));
  });

  it("keeps what cold has lost until it is repaired, and what no cold answers for", async () => {
    const world = setUp();
    await writeStory(world.writer);
    await runMerge(world.ports);
    const before = await positions(world);
    await world.clock.advance(10 * windowMs);
    world.cold.setDown(true);
    expect((await purgeOld(world.ports, start, windowMs)).records).toBe(0);
    world.cold.setDown(false);
    await world.cold.writeMarker(acme, { to: 0 as Position, version: 0 as Version });
    expect((await purgeOld(world.ports, start, windowMs)).records).toBe(0);
    expect(await runMerge(world.ports)).toMatchObject({ plan: { purpose: "repair" } });
    expect((await purgeOld(world.ports, start, windowMs)).records).toBe(before.length - 1);
  });

  it("still refuses a writer of an older epoch afterwards, and none begins anew (I6)", async () => {
    const world = setUp();
    await writeStory(world.writer);
    await runMerge(world.ports);
    await world.clock.advance(10 * windowMs);
    await purgeOld(world.ports, start, windowMs);
    const version = 0 as Version;
    const stale: ChunkRecord = { kind: "fence", tenant: acme, version, epoch: 0 as Epoch };
    expect((await world.log.chunks.append(stale, 0 as Position)).kind).toBe("fenced");
  });

  it("removes old operations below the cursor, also while cold is away, and never the newest", async () => {
    const world = setUp();
    const { log, clock } = world;
    const versions: Version[] = [];
    for (let count = 0; count < 4; count += 1) {
      versions.push((await log.docs.publish({ tenant: acme, payload })).seq);
    }
    const [, , third = 0 as Version, fourth] = versions;
    const reached: ChunkRecord = { kind: "fence", tenant: acme, version: third, epoch: 1 as Epoch };
    await log.chunks.append(reached, 0 as Position);
    await clock.advance(windowMs + 1);
    world.cold.setDown(true);
    const done = await purgeOld(world.ports, start, windowMs);
    expect(done).toMatchObject({ operations: 2, records: 0 });
    const left = await log.docs.readTenant({ tenant: acme, after: 0 as Version, max: 9 });
    expect(left.map((operation) => operation.version)).toEqual([third, fourth]);
  });

  it("removes operations under a token that is no tenant up to the newest dead letter of it (RT3, I2)", async () => {
    const { log, clock, ports } = setUp();
    const token = "no tenant";
    const stored = [1, 2, 3].map(() => log.hooks.publishRaw(token, payload));
    const letter = {
      tenant: token,
      documentId: null,
      reason: "invalid_tenant",
      message: "",
    } as const;
    for (const operation of stored.slice(0, 2)) {
      const version = operation?.version ?? (0 as Version);
      await log.deadLetters.publish({ ...letter, version, atMs: clock.nowMs() });
    }
    expect((await purgeOld(ports, start, windowMs)).operations).toBe(0);
    await clock.advance(windowMs + 1);
    expect(await purgeOld(ports, start, windowMs)).toMatchObject({ tenants: 1, operations: 2 });
    const left = await log.docs.readTenant({
      tenant: token as TenantId,
      after: 0 as Version,
      max: 9,
    });
    expect(left.map(({ version }) => version)).toEqual([stored[2]?.version]);
  });

  it("removes dead letters some time after what they tell of, and writes first what is owed (RT4)", async () => {
    const world = setUp();
    const { log, clock, ports, writer } = world;
    await writer.reject(null);
    log.hooks.fillDeadLetters(true);
    await runMerge(ports);
    await purgeOld(ports, start, windowMs);
    expect(await log.deadLetters.list(acme, 9)).toEqual([]);
    log.hooks.fillDeadLetters(false);
    await purgeOld(ports, start, windowMs);
    expect(await log.deadLetters.list(acme, 9)).toHaveLength(1);
    await clock.advance(windowMs + 1);
    await purgeOld(ports, start, windowMs);
    expect(await log.deadLetters.list(acme, 9)).toHaveLength(1);
    await clock.advance(limits.retentionEveryMs);
    await purgeOld(ports, start, windowMs);
    expect(await log.deadLetters.list(acme, 9)).toEqual([]);
  });

  it("looks at so many tenants in one call, and continues where it was (RT2)", async () => {
    const world = setUp();
    const tenants = Array.from({ length: limits.retentionTenantsMax + 3 }, (_, i) => `t-${i}`);
    for (const tenant of tenants) {
      await new RecordWriter(world.log, tenant as TenantId).upsert("a");
    }
    let after: RetentionCursor | null = null;
    const seen: number[] = [];
    do {
      const result = await purgeOld(world.ports, { after }, windowMs);
      seen.push(result.tenants);
      after = result.next;
    } while (after !== null);
    expect(seen).toEqual([limits.retentionTenantsMax, 3]);
  });

  it("removes nothing from a log that is not the one it was (L5)", async () => {
    const world = setUp();
    await writeStory(world.writer);
    await runMerge(world.ports);
    await world.clock.advance(10 * windowMs);
    world.log.hooks.breakIdentity();
    await expect(purgeOld(world.ports, start, windowMs)).rejects.toMatchObject({
      code: "log_identity",
    });
    expect((await positions(world)).length).toBeGreaterThan(1);
  });
});

describe("a tenant whose own state is broken", () => {
  const broken = "broken" as TenantId;
  const damaged = { ...wireHeaders({ kind: "fence", ...origin(broken) }, 0), "Freshet-Epoch": "x" };

  async function withBroken() {
    const world = setUp();
    world.log.hooks.putForeignRecord(broken, { ...damaged, ...conditionHeaders(0) }, payload);
    await world.log.docs.publish({ tenant: broken, payload });
    await writeStory(world.writer);
    await runMerge(world.ports);
    return world;
  }

  it("keeps no other tenant's records from going, and loses nothing itself", async () => {
    const world = await withBroken();
    await world.clock.advance(windowMs + 1);
    const before = (await positions(world)).length;
    const { records } = await purgeOld(world.ports, start, windowMs);
    expect(records).toBeGreaterThan(0);
    expect((await positions(world)).length).toBe(before - records);
    const kept = { tenant: broken, after: 0 as Version, max: 9 };
    expect(await world.log.docs.readTenant(kept)).toHaveLength(1);
  });

  it("keeps no other tenant from being asked to merge; its own merge says what is wrong", async () => {
    const world = setUp();
    world.log.hooks.putForeignRecord(broken, { ...damaged, ...conditionHeaders(0) }, payload);
    await writeStory(world.writer);
    await world.clock.advance(10);
    const asked: TenantId[] = [];
    const requestMerge = (tenant: TenantId): Promise<void> => {
      // Whatever it says: one tenant's trouble.
      if (tenant === broken) return Promise.reject(new FreshetError("internal"));
      return Promise.resolve(void asked.push(tenant));
    };
    const requestScrub = () => Promise.resolve();
    const cancelMerge = requestScrub;
    const rest = { requestScrub, cancelMerge, isErasing: async () => true };
    const options = { ports: world.ports, ageMs: 1, requestMerge, ...rest };
    const { due, tenants } = await createSweepActivities(options).signalDueTenants();
    expect([tenants, due, asked]).toEqual([2, 1, [acme]]);
  });
});

function origin(tenant: TenantId) {
  return { tenant, version: 1 as Version, epoch: 1 as Epoch };
}

describe("retention of a tenant that sleeps", () => {
  async function asleep() {
    const world = setUp();
    await writeStory(world.writer);
    await runMerge(world.ports);
    const to = await watermarkOf(world);
    const { version } = (await world.log.manifests.get(acme))?.manifest ?? { version: 0 };
    await world.log.lives.put(
      acme,
      { state: "asleep", atMs: 1, version: version as Version, to },
      0,
    );
    await world.clock.advance(2 * windowMs);
    return world;
  }

  it("goes by what cold had marked, and does not wake it (RT6)", async () => {
    const world = await asleep();
    const readMarker = vi.spyOn(world.cold, "readMarker");
    await purgeOld(world.ports, start, windowMs);
    expect(await positions(world)).toEqual([world.writer.last]);
    expect(readMarker).not.toHaveBeenCalled();
  });

  it("keeps what cold can be made whole from, where cold has lost the tenant (RT6)", async () => {
    const world = await asleep();
    const before = await positions(world);
    world.cold.dropTenant(acme);
    await purgeOld(world.ports, start, windowMs);
    expect(await positions(world)).toEqual(before);
  });
});

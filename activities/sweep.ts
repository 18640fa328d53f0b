/**
 * What is asked for by time: merges of tenants whose records wait too long, or whose last merge
 * nobody confirms, and scrubs of all tenants. A tenant that fails is counted and named to the
 * operator, and the others have their turn; a failure that all would have ends the sweep, which is
 * then repeated.
 */

import { FreshetError } from "../src/contract/errors.ts";
import { type Partition, partitionOf, type TenantId, tenantOf } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import { emptyManifest, type Manifest } from "../src/contract/manifest.ts";
import type { Described, MergeReason } from "../src/contract/merge.ts";
import type { RecordHeader } from "../src/contract/record.ts";
import { isErased, type TenantLife } from "../src/contract/tenant-life.ts";
import type { MergePorts } from "./context.ts";
import { type IsErasing, releaseHolds } from "./erase/holds.ts";
import { OwedConfirmations } from "./merge/owed.ts";
import { passingOver, type SweepStep } from "./passing-over.ts";
import { givenUpNames, removeReleased } from "./reembed/remove.ts";
import { purgeRaw } from "./retention/raw.ts";

export interface SweepResult {
  /** Tenants that were looked at, and those of them that were asked to merge. */
  readonly tenants: number;
  readonly due: number;
  /** Tenants that were passed over because of their own failure; absent when there are none. */
  readonly failed?: number | undefined;
}

export interface ScrubSweepRequest extends Described {
  /** When the sweep began, unix milliseconds; absent asks all tenants. */
  readonly slotAtMs?: number | undefined;
}

export interface SweepActivities {
  signalDueTenants(request?: Described): Promise<SweepResult>;
  /** Asks the merged tenants whose slot of the day it is; each takes its turn at the worker. */
  requestScrubs(request?: ScrubSweepRequest): Promise<SweepResult>;
}

export interface SweepOptions {
  readonly ports: MergePorts;
  /** Age of the oldest unmerged record that makes a tenant due, milliseconds. */
  readonly ageMs: number;
  readonly requestMerge: (tenant: TenantId, reason: MergeReason) => Promise<void>;
  readonly requestScrub: (tenant: TenantId) => Promise<void>;
  readonly cancelMerge: (name: TenantId) => Promise<unknown>;
  /** How long requests of a merge may be under way; `limits.mergeConfirmMs` by default. */
  readonly confirmMs?: number | undefined;
  readonly isErasing: IsErasing;
}

export function createSweepActivities(options: SweepOptions): SweepActivities {
  const { ports } = options;
  const { clock } = ports;
  // Tenants that cannot be due yet, whatever is written: they cost no read until then.
  const quietUntilMs = new Map<TenantId, number>();
  const { confirmMs = limits.mergeConfirmMs } = options;
  const owed = new OwedConfirmations(confirmMs + limits.mergeConfirmPatienceMs);
  return {
    /** At most `sweepTenantsMax` requests; those left out are still due at the next sweep. */
    async signalDueTenants() {
      const nowMs = clock.monotonicMs();
      for (const [tenant, untilMs] of quietUntilMs) {
        if (untilMs <= nowMs) quietUntilMs.delete(tenant);
      }
      owed.forgetOld(nowMs);
      const asked = await eachTenant(ports, "merge", {
        tenants: allTenants(ports),
        async ask(tenant) {
          if (quietUntilMs.has(tenant)) return false;
          const dueInMs = await dueIn(ports, tenant, { ageMs: options.ageMs, owed });
          if (dueInMs > 0) {
            quietUntilMs.set(tenant, clock.monotonicMs() + dueInMs);
            return false;
          }
          await options.requestMerge(tenant, "age");
          owed.asked(tenant);
          return true;
        },
      });
      await releaseHolds(ports, options.isErasing);
      // Each minute, where retention of all else looks once an hour; merges wait for none of it.
      await purgeRaw(ports);
      const { cancelMerge } = options;
      await removeReleased({ ...ports, cancelMerge, confirmMs });
      return asked;
    },
    async requestScrubs({ slotAtMs } = {}) {
      const lives = await livesOf(ports.log);
      // A scrub would wake a tenant that sleeps; one that wakes is scrubbed in its next slot.
      const all = await ports.log.manifests.tenants();
      const tenants = all.filter((name) => !isAtRest(lives.get(tenantOf(name))));
      return eachTenant(ports, "scrub", {
        tenants: tenants.filter((tenant) => slotAtMs === undefined || isInSlot(tenant, slotAtMs)),
        async ask(tenant) {
          await options.requestScrub(tenant);
          return true;
        },
      });
    },
  };
}

/** Those that rest have nothing to merge: a tenant falls asleep only when all of it is. */
async function* allTenants({ log }: MergePorts): AsyncGenerator<TenantId> {
  const lives = await livesOf(log);
  const givenUp = await givenUpNames(log);
  for (let partition = 0; partition < log.partitions; partition += 1) {
    for (const name of await log.chunks.tenants(partition as Partition)) {
      if (!isAtRest(lives.get(tenantOf(name))) && !givenUp(name)) yield name;
    }
  }
}

/** What every tenant is at that has a record of it: one read for all. */
export async function livesOf({
  lives,
}: Pick<MergePorts["log"], "lives">): Promise<ReadonlyMap<TenantId, TenantLife>> {
  const found = new Map<TenantId, TenantLife>();
  for await (const { tenant, life } of lives.all()) found.set(tenant, life);
  return found;
}

function isAtRest(life: TenantLife | undefined): boolean {
  return life?.state === "asleep" || isErased(life);
}

/** A tenant that cannot be asked is passed over: the sweep would end at it every time. */
async function eachTenant(
  ports: MergePorts,
  step: SweepStep,
  work: {
    readonly tenants: Iterable<TenantId> | AsyncIterable<TenantId>;
    /** Whether the tenant was asked. */
    readonly ask: (tenant: TenantId) => Promise<boolean>;
  },
): Promise<SweepResult> {
  const counts = { tenants: 0, due: 0, failed: 0 };
  for await (const tenant of work.tenants) {
    counts.tenants += 1;
    ports.signal()?.throwIfAborted();
    ports.heartbeat({ done: counts.due, total: counts.tenants });
    const asked = await passingOver(ports, { step, tenant }, () => work.ask(tenant));
    if (asked === undefined) counts.failed += 1;
    else if (asked) counts.due += 1;
    if (counts.due >= limits.sweepTenantsMax) break;
  }
  const { failed, ...result } = counts;
  return failed === 0 ? result : { ...result, failed };
}

/** A tenant's slot is a function of its name: when it was scrubbed need not be remembered. */
export function isInSlot(tenant: TenantId, atMs: number): boolean {
  const { scrubEveryMs, scrubSlotMs } = limits;
  const slots = scrubEveryMs / scrubSlotMs;
  return partitionOf(tenant, slots) === Math.floor(atMs / scrubSlotMs) % slots;
}

interface DueBounds {
  readonly ageMs: number;
  readonly owed: OwedConfirmations;
}

/**
 * How long the tenant has no operation that waits unmerged for `ageMs`, whatever is written from
 * now on, and no merge that nobody confirms (OQ1); 0 or less when it has one.
 */
async function dueIn(
  ports: MergePorts,
  tenant: TenantId,
  { ageMs, owed }: DueBounds,
): Promise<number> {
  const { log, clock } = ports;
  const last = await log.chunks.last(tenant);
  const manifest = (await log.manifests.get(tenant))?.manifest ?? emptyManifest;
  const unmergedMs = await unmergedDueIn(ports, { tenant, last, manifest, ageMs });
  return Math.min(unmergedMs, owed.dueIn(tenant, manifest, clock.monotonicMs()));
}

/**
 * A fence is no operation: it repeats the version of the record before it, so the newest record
 * tells a tail of fences.
 */
async function unmergedDueIn(
  { log, clock, signal }: MergePorts,
  of: {
    readonly tenant: TenantId;
    readonly last: RecordHeader | null;
    readonly manifest: Manifest;
    readonly ageMs: number;
  },
): Promise<number> {
  const { tenant, last, ageMs } = of;
  const { to: after, version } = of.manifest;
  if (last === null || last.position <= after || last.version <= version) return ageMs;
  const range = { tenant, after, to: last.position, signal: signal() };
  try {
    for await (const { kind, atMs } of log.chunks.headers(range)) {
      // No longer than a record of now: the two clocks may differ.
      if (kind !== "fence") return Math.min(ageMs, atMs + ageMs - clock.nowMs());
    }
    return ageMs;
  } catch (error) {
    // Its own merge says what is wrong.
    if (error instanceof FreshetError && error.code === "broken_chain") return 0;
    throw error;
  }
}

/** What is asked for by time: merges of tenants whose records wait too long, and scrubs of all tenants. */

import { FreshetError } from "../src/contract/errors.ts";
import { type Partition, partitionOf, type TenantId } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import { emptyManifest } from "../src/contract/manifest.ts";
import type { Described, MergeReason } from "../src/contract/merge.ts";
import type { MergePorts } from "./context.ts";
import { passingOver, type SweepStep } from "./merge/passing-over.ts";

export interface SweepResult {
  /** Tenants that were looked at, and those of them that were asked to merge. */
  readonly tenants: number;
  readonly due: number;
  /** Tenants that were passed over because of a failure of theirs; absent when there are none. */
  readonly failed?: number | undefined;
}

export interface ScrubSweepRequest extends Described {
  /** When the sweep began, unix milliseconds; absent asks all tenants. */
  readonly slotAtMs?: number | undefined;
}

export interface SweepActivities {
  signalDueTenants(request?: Described): Promise<SweepResult>;
  /** Asks those tenants that were ever merged whose slot of the day it is; each takes its turn at the worker. */
  requestScrubs(request?: ScrubSweepRequest): Promise<SweepResult>;
}

export interface SweepOptions {
  readonly ports: MergePorts;
  /** Age of the oldest unmerged record that makes a tenant due, milliseconds. */
  readonly ageMs: number;
  readonly requestMerge: (tenant: TenantId, reason: MergeReason) => Promise<void>;
  readonly requestScrub: (tenant: TenantId) => Promise<void>;
}

export function createSweepActivities(options: SweepOptions): SweepActivities {
  const { ports } = options;
  return {
    /** Bounded by `sweepTenantsMax` requests; those that were left out are still due at the next sweep. */
    signalDueTenants: () =>
      eachTenant(ports, "merge", {
        tenants: allTenants(ports),
        async ask(tenant) {
          if (!(await isDue(ports, tenant, options.ageMs))) return false;
          await options.requestMerge(tenant, "age");
          return true;
        },
      }),
    async requestScrubs({ slotAtMs } = {}) {
      const tenants = await ports.log.manifests.tenants();
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

async function* allTenants({ log }: MergePorts): AsyncGenerator<TenantId> {
  for (let partition = 0; partition < log.partitions; partition += 1) {
    yield* await log.chunks.tenants(partition as Partition);
  }
}

/** One tenant that can not be asked is passed over: a sweep that ended there would end there every time. */
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

/** A tenant's slot is a function of its name, so that nobody has to remember when it was scrubbed. */
export function isInSlot(tenant: TenantId, atMs: number): boolean {
  const { scrubEveryMs, scrubSlotMs } = limits;
  const slots = scrubEveryMs / scrubSlotMs;
  return partitionOf(tenant, slots) === Math.floor(atMs / scrubSlotMs) % slots;
}

/**
 * Whether the tenant has an operation that waits unmerged for at least `ageMs`. A fence is none: it repeats the version
 * of the record before it, so a tail of fences is told by its newest record.
 */
export async function isDue(ports: MergePorts, tenant: TenantId, ageMs: number): Promise<boolean> {
  const { log, clock } = ports;
  const last = await log.chunks.last(tenant);
  const stored = await log.manifests.get(tenant);
  const { to: after, version } = stored?.manifest ?? emptyManifest;
  if (last === null || last.position <= after || last.version <= version) return false;
  const range = { tenant, after, to: last.position, signal: ports.signal() };
  try {
    for await (const { kind, atMs } of log.chunks.headers(range)) {
      if (kind !== "fence") return clock.nowMs() - atMs >= ageMs;
    }
    return false;
  } catch (error) {
    // Its own merge says what is wrong.
    if (error instanceof FreshetError && error.code === "broken_chain") return true;
    throw error;
  }
}

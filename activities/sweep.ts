/** What is asked for by time: merges of tenants whose records wait too long, and scrubs of all tenants. */

import { FreshetError } from "../src/contract/errors.ts";
import type { Partition, TenantId } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import { emptyManifest } from "../src/contract/manifest.ts";
import type { MergeReason } from "../src/contract/merge.ts";
import type { MergePorts } from "./context.ts";
import { unlessItsOwnFault } from "./each-tenant.ts";

export interface SweepResult {
  /** Tenants that were looked at, and those of them that were asked to merge. */
  readonly tenants: number;
  readonly due: number;
}

export interface SweepActivities {
  signalDueTenants(): Promise<SweepResult>;
  /** Asks every tenant that was ever merged; each takes its turn at the worker. */
  requestScrubs(): Promise<SweepResult>;
}

export interface SweepOptions {
  readonly ports: MergePorts;
  /** Age of the oldest unmerged record that makes a tenant due, milliseconds. */
  readonly ageMs: number;
  readonly requestMerge: (tenant: TenantId, reason: MergeReason) => Promise<void>;
  readonly requestScrub: (tenant: TenantId) => Promise<void>;
}

export function createSweepActivities({
  ports,
  ageMs,
  requestMerge,
  requestScrub,
}: SweepOptions): SweepActivities {
  return {
    /** Bounded by `sweepTenantsMax` requests; those that were left out are still due at the next sweep. */
    async signalDueTenants() {
      let tenants = 0;
      let due = 0;
      for await (const tenant of allTenants(ports)) {
        tenants += 1;
        ports.signal()?.throwIfAborted();
        ports.heartbeat({ done: due, total: tenants });
        const run = async (): Promise<boolean> => {
          if (!(await isDue(ports, tenant, ageMs))) return false;
          await requestMerge(tenant, "age");
          return true;
        };
        if (await unlessItsOwnFault(ports, { tenant, work: "merge", run })) due += 1;
        if (due >= limits.sweepTenantsMax) break;
      }
      return { tenants, due };
    },
    async requestScrubs() {
      const tenants = await ports.log.manifests.tenants();
      let due = 0;
      for (const tenant of tenants) {
        ports.signal()?.throwIfAborted();
        const run = async (): Promise<boolean> => {
          await requestScrub(tenant);
          return true;
        };
        if (await unlessItsOwnFault(ports, { tenant, work: "scrub", run })) due += 1;
        ports.heartbeat({ done: due, total: tenants.length });
      }
      return { tenants: tenants.length, due };
    },
  };
}

async function* allTenants({ log }: MergePorts): AsyncGenerator<TenantId> {
  for (let partition = 0; partition < log.partitions; partition += 1) {
    yield* await log.chunks.tenants(partition as Partition);
  }
}

/** Whether the tenant's oldest unmerged record is at least `ageMs` old. */
export async function isDue(ports: MergePorts, tenant: TenantId, ageMs: number): Promise<boolean> {
  const { log, clock } = ports;
  try {
    const last = await log.chunks.last(tenant);
    const stored = await log.manifests.get(tenant);
    const after = stored?.manifest.to ?? emptyManifest.to;
    if (last === null || last.position <= after) return false;
    const range = { tenant, after, to: last.position, signal: ports.signal() };
    for await (const oldest of log.chunks.headers(range)) {
      return clock.nowMs() - oldest.atMs >= ageMs;
    }
    return false;
  } catch (error) {
    // A tenant with a broken chain must not end the sweep of all others; its own merge says what is wrong.
    if (error instanceof FreshetError && error.code === "broken_chain") return true;
    throw error;
  }
}

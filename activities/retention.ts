/**
 * Retention: removes from DOCS and CHUNKS what is older than the replay window and needed by nobody any more.
 *
 * Never: removes a tenant's newest record, or a record that cold has not proved to hold (`retentionBounds`).
 *
 *   RT1  DOCS before CHUNKS, tenant by tenant in a fixed order: a call that was cut off is repeated without effect;
 *   RT2  one call looks at a bounded number of tenants and says where to go on;
 *   RT3  operations under a token that is no tenant have no record: they go up to the first without a dead letter;
 *   RT4  a tenant that fails is passed over: all others have their turn.
 */

import { FreshetError } from "../src/contract/errors.ts";
import type { Version } from "../src/contract/ids.ts";
import { isTenantId, type Partition, type Position, type TenantId } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import { confirmedTo, emptyManifest } from "../src/contract/manifest.ts";
import type { Described } from "../src/contract/merge.ts";
import type { MergePorts } from "./context.ts";
import { logNowMs } from "./log-time.ts";
import { passingOver } from "./passing-over.ts";
import { type RetentionBounds, retentionBounds } from "./retention-plan.ts";

/** A tenant, or a token that is none, in the order of retention. */
export interface RetentionPlace {
  readonly partition: number;
  readonly name: string;
}

export interface RetentionRequest extends Described {
  /** Where to go on behind; null at the start. */
  readonly after: RetentionPlace | null;
}

export interface RetentionResult {
  readonly tenants: number;
  /** Removed from DOCS and CHUNKS. */
  readonly operations: number;
  readonly records: number;
  /** Places that were passed over because of a failure of theirs; absent when there are none. */
  readonly failed?: number | undefined;
  /** Null when every tenant was looked at. */
  readonly next: RetentionPlace | null;
}

export interface RetentionActivities {
  purgeOld(request: RetentionRequest): Promise<RetentionResult>;
}

interface Young {
  readonly version: Version;
  readonly position: Position;
}

/** @throws FreshetError log_unavailable, log_identity (then nothing is removed) */
export async function purgeOld(
  ports: MergePorts,
  { after }: RetentionRequest,
  replayWindowMs: number,
): Promise<RetentionResult> {
  const { log } = ports;
  const sinceMs = (await logNowMs(ports)) - replayWindowMs;
  const young = {
    version: await log.docs.firstSince(sinceMs),
    position: await log.chunks.firstSince(sinceMs),
  };
  const counts = { tenants: 0, operations: 0, records: 0, failed: 0 };
  const result = (next: RetentionPlace | null): RetentionResult => {
    const { failed, ...done } = counts;
    return { ...done, ...(failed === 0 ? {} : { failed }), next };
  };
  for await (const place of placesBehind(ports, after)) {
    ports.signal()?.throwIfAborted();
    const purged = await passingOver(ports, { step: "retention", tenant: place.name }, () =>
      purgePlace(ports, place.name, young),
    );
    counts.tenants += 1;
    if (purged === undefined) counts.failed += 1;
    const { operations, records } = purged ?? { operations: 0, records: 0 };
    counts.operations += operations;
    counts.records += records;
    ports.metrics.count("purged_total", { stream: "DOCS" }, operations);
    ports.metrics.count("purged_total", { stream: "CHUNKS" }, records);
    ports.heartbeat({ done: counts.tenants, total: limits.retentionTenantsMax });
    if (counts.tenants >= limits.retentionTenantsMax) return result(place);
  }
  return result(null);
}

async function* placesBehind(
  { log }: MergePorts,
  after: RetentionPlace | null,
): AsyncGenerator<RetentionPlace> {
  for (let partition = after?.partition ?? 0; partition < log.partitions; partition += 1) {
    const names = new Set<string>([
      ...(await log.docs.tenants(partition as Partition)),
      ...(await log.chunks.tenants(partition as Partition)),
    ]);
    for (const name of [...names].sort()) {
      if (partition === after?.partition && name <= after.name) continue;
      yield { partition, name };
    }
  }
}

async function purgePlace(
  ports: MergePorts,
  name: string,
  young: Young,
): Promise<{ readonly operations: number; readonly records: number }> {
  const { docs, chunks } = ports.log;
  if (!isTenantId(name)) {
    // The token stands for itself here, as in DOCS.
    const tenant = name as TenantId;
    const below = await refusedBelow(ports, tenant, young);
    return { operations: await docs.purge({ tenant, below }), records: 0 };
  }
  const bounds = await boundsOf(ports, name, young);
  const operations = await docs.purge({ tenant: name, below: bounds.docs });
  const records = await chunks.purge({ tenant: name, below: bounds.chunks });
  return { operations, records };
}

async function boundsOf(
  { log, cold }: MergePorts,
  tenant: TenantId,
  young: Young,
): Promise<RetentionBounds> {
  const last = await log.chunks.last(tenant);
  const manifest = (await log.manifests.get(tenant))?.manifest ?? emptyManifest;
  const marker = await cold.readMarker(tenant).catch((thrown: unknown) => {
    // While cold is away it proves nothing; operations do not wait for it.
    if (thrown instanceof FreshetError && thrown.code === "cold_unavailable") return null;
    throw thrown;
  });
  return retentionBounds({
    cursor: last?.version ?? (0 as Version),
    confirmed: confirmedTo(manifest),
    markedTo: marker?.to ?? (0 as Position),
    youngVersion: young.version,
    youngPosition: young.position,
  });
}

/** RT3. At most a page at a time: the rest goes with the next sweeps. */
async function refusedBelow({ log }: MergePorts, token: TenantId, young: Young): Promise<Version> {
  const after = 0 as Version;
  let below = after;
  for (const { version } of await log.docs.readTenant({
    tenant: token,
    after,
    max: limits.pullMax,
  })) {
    if (version >= young.version || (await log.deadLetters.get(token, version)) === null) break;
    below = (version + 1) as Version;
  }
  return below;
}

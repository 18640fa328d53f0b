/**
 * Retention: removes from DOCS and CHUNKS what is older than the replay window and no longer
 * needed.
 *
 * Never: removes a tenant's newest record, or a record that cold has not proved to hold
 * (`retentionBounds`).
 *
 *   RT1  DOCS before CHUNKS, tenant by tenant in a fixed order: a call that was cut off is repeated
 *        without effect;
 *   RT2  one call looks at a bounded number of tenants and says where to continue;
 *   RT3  operations under a token that is no tenant, or of a tenant that was never served, have no
 *        record: they go up to the newest dead letter of it;
 *   RT4  dead letters go when what they tell of can no longer be sent again, and after RT3 has
 *        looked at them. Those still owed are written before;
 *   RT6  a tenant that sleeps is not woken: its record says what cold had marked, which counts
 *        while cold has the tenant at all; of an erased one nothing is kept;
 *   RT7  a tenant may want its operations kept for another time, or for ever; what it wants gone
 *        earlier, each sweep takes (raw.ts). What an erase of a document reads stays (XR3);
 *   RT8  operations go when every generation that reads them has their records; the records of each
 *        generation go by its own manifest and marker;
 *   RT5  a tenant whose own state is broken keeps everything, and the others are still looked at.
 */

import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import {
  isStoredName,
  isTenantId,
  noVersion,
  type Partition,
  type Position,
  type TenantId,
  tenantOf,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { confirmedTo, emptyManifest } from "../../src/contract/manifest.ts";
import type { Described } from "../../src/contract/merge.ts";
import { isErased, type TenantLife } from "../../src/contract/tenant-life.ts";
import { noPrivacy, rawKeptMs } from "../../src/contract/tenant-privacy.ts";
import { logNowMs, type MergePorts } from "../context.ts";
import { payDeadLetters } from "../merge/dead-letters.ts";
import { passingOver } from "../passing-over.ts";
import { isGivenUp } from "../reembed/remove.ts";
import { livesOf } from "../sweep.ts";
import { type RetentionBounds, retentionBounds } from "./plan.ts";
import { cursorOf } from "./raw.ts";

/** A tenant, or a token that is none, in the order of retention. */
export interface RetentionCursor {
  readonly partition: number;
  readonly name: string;
}

export interface RetentionRequest extends Described {
  /** Continue after this one; null at the start. */
  readonly after: RetentionCursor | null;
}

export interface RetentionResult {
  readonly tenants: number;
  /** Removed from DOCS and CHUNKS. */
  readonly operations: number;
  readonly records: number;
  /** What was passed over because of its own failure; absent when there is none. */
  readonly failed?: number | undefined;
  /** Null when every tenant was looked at. */
  readonly next: RetentionCursor | null;
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
  const nowMs = await logNowMs(ports);
  const sinceMs = nowMs - replayWindowMs;
  const young = {
    version: await log.docs.firstSince(sinceMs),
    position: await log.chunks.firstSince(sinceMs),
  };
  const lives = await livesOf(log);
  const youngOf = async (name: string): Promise<Young> => {
    // As it is now: what an erase holds, or a tenant keeps, since this call began counts.
    const wished = isTenantId(name) ? (await log.privacy.get(name)).privacy : noPrivacy;
    const keptMs = rawKeptMs(wished);
    // RT7. What goes earlier is overwritten first: not here.
    const isLonger = keptMs === null || (keptMs !== undefined && keptMs > replayWindowMs);
    let { version } = young;
    if (isLonger) version = keptMs === null ? noVersion : await log.docs.firstSince(nowMs - keptMs);
    return { ...young, version: Math.min(version, wished.heldFrom ?? version) as Version };
  };
  const counts = { tenants: 0, operations: 0, records: 0, failed: 0 };
  const result = (next: RetentionCursor | null): RetentionResult => {
    const { failed, ...done } = counts;
    return { ...done, ...(failed === 0 ? {} : { failed }), next };
  };
  for await (const cursor of cursorsAfter(ports, after)) {
    ports.signal()?.throwIfAborted();
    const life = lives.get(tenantOf(cursor.name as TenantId));
    const purged = await passingOver(ports, { step: "retention", tenant: cursor.name }, async () =>
      purgeOne(ports, cursor.name, { young: await youngOf(cursor.name), life }),
    );
    counts.tenants += 1;
    if (purged === undefined) counts.failed += 1;
    const { operations, records } = purged ?? { operations: 0, records: 0 };
    counts.operations += operations;
    counts.records += records;
    ports.metrics.count("purged_total", { stream: "DOCS" }, operations);
    ports.metrics.count("purged_total", { stream: "CHUNKS" }, records);
    ports.heartbeat({ done: counts.tenants, total: limits.retentionTenantsMax });
    if (counts.tenants >= limits.retentionTenantsMax) return result(cursor);
  }
  const letters = await purgeDeadLetters(ports, sinceMs);
  ports.metrics.count("purged_total", { stream: "DLQ" }, letters);
  return result(null);
}

async function* cursorsAfter(
  { log }: MergePorts,
  after: RetentionCursor | null,
): AsyncGenerator<RetentionCursor> {
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

async function purgeOne(
  ports: MergePorts,
  name: string,
  { young, life }: { readonly young: Young; readonly life: TenantLife | undefined },
): Promise<{ readonly operations: number; readonly records: number }> {
  const { docs, chunks, erasure } = ports.log;
  if (!isTenantId(name) && isStoredName(name)) return purgeGeneration(ports, name, { young, life });
  if (!isTenantId(name)) {
    // The token stands for itself here, as in DOCS.
    const tenant = name as TenantId;
    const below = await refusedBelow(ports, tenant, young);
    return { operations: await docs.purge({ tenant, below }), records: 0 };
  }
  // RT6. Its partition removes what was published since; this is for one without an owner.
  if (isErased(life)) {
    return { operations: await erasure.remove({ tenant: name, of: "operations" }), records: 0 };
  }
  // RT4: before CHUNKS loses the records that dead letters are written from.
  await payDeadLetters(ports, name);
  const bounds = await boundsOf(ports, name, { young, life });
  if (bounds === null) {
    const below = await refusedBelow(ports, name, young);
    return { operations: await docs.purge({ tenant: name, below }), records: 0 };
  }
  const operations = await docs.purge({ tenant: name, below: bounds.docs });
  const records = await chunks.purge({ tenant: name, below: bounds.chunks });
  return { operations, records };
}

/** RT8. */
async function purgeGeneration(
  ports: MergePorts,
  name: TenantId,
  standing: { readonly young: Young; readonly life: TenantLife | undefined },
): Promise<{ readonly operations: number; readonly records: number }> {
  if (isErased(standing.life) || (await isGivenUp(ports.log, name))) {
    return { operations: 0, records: 0 };
  }
  await payDeadLetters(ports, name);
  const bounds = await boundsOf(ports, name, standing);
  if (bounds === null) return { operations: 0, records: 0 };
  return {
    operations: 0,
    records: await ports.log.chunks.purge({ tenant: name, below: bounds.chunks }),
  };
}

/** Null for a tenant without a record. */
async function boundsOf(
  { log, cold }: MergePorts,
  tenant: TenantId,
  { young, life }: { readonly young: Young; readonly life: TenantLife | undefined },
): Promise<RetentionBounds | null> {
  const last = await log.chunks.last(tenant);
  if (last === null) return null;
  const manifest = (await log.manifests.get(tenant))?.manifest ?? emptyManifest;
  const markedTo = await markedBy({ log, cold }, tenant, { young, life });
  return retentionBounds({
    cursor: (await cursorOf(log, tenantOf(tenant))) ?? noVersion,
    confirmed: confirmedTo(manifest),
    markedTo,
    youngVersion: young.version,
    youngPosition: young.position,
  });
}

/** Up to where cold says that it holds the records. While it is away it proves nothing. */
async function markedBy(
  { log, cold }: Pick<MergePorts, "log" | "cold">,
  tenant: TenantId,
  { young, life }: { readonly young: Young; readonly life: TenantLife | undefined },
): Promise<Position> {
  const none = 0 as Position;
  try {
    if (life?.state !== "asleep") return (await cold.readMarker(tenant))?.to ?? none;
    // Cold is asked only where something would go: of most tenants that sleep nothing would.
    const first = await log.chunks.first(tenant);
    const isOld = first !== null && first.position < Math.min(life.to, young.position);
    return !isOld || (await cold.hasTenant(tenant)) ? life.to : none;
  } catch (thrown) {
    // Operations do not wait for it.
    if (thrown instanceof FreshetError && thrown.code === "cold_unavailable") return none;
    throw thrown;
  }
}

/**
 * RT3. Dead letters are written in the order of the operations: all below the newest have theirs.
 */
async function refusedBelow({ log }: MergePorts, token: TenantId, young: Young): Promise<Version> {
  const newest = await log.deadLetters.last(token);
  return Math.min(young.version, newest + 1) as Version;
}

/** RT4. An hour later than what they tell of: then each sweep of RT3 has seen them. */
async function purgeDeadLetters({ log, logger }: MergePorts, sinceMs: number): Promise<number> {
  try {
    return await log.deadLetters.purgeBefore(sinceMs - limits.retentionEveryMs);
  } catch (thrown) {
    const { code, message: cause } = toFreshetError(thrown);
    logger.warn({ code, cause }, "dead letters were not purged");
    return 0;
  }
}

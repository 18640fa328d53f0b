/**
 * Raw text of tenants that want it kept for less, or longer, than the replay window.
 *
 * Never: removes an operation before its record is in CHUNKS, whatever a tenant asks for.
 *
 *   XR1  ages are counted by the log's clock, and no operation goes before the window of message
 *        ids is over: a repetition is known by the operation that it repeats;
 *   XR2  a message is overwritten before it is removed: a purge leaves its bytes in the files;
 *   XR3  what an erase of a document still has to read stays until that erase is done, also one
 *        that began during this call;
 *   XR4  one call removes a bounded number of each tenant; the next one goes on.
 */

import { holdingNames } from "../../src/contract/generation.ts";
import { nextAfter, noVersion, type TenantId, type Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { rawKeptMs } from "../../src/contract/tenant-privacy.ts";
import type { Log } from "../../src/log/port.ts";
import { logNowMs, type MergePorts } from "../context.ts";
import { passingOver } from "../passing-over.ts";

async function thoseThatWish({ privacy }: Pick<Log, "privacy">): Promise<readonly TenantId[]> {
  const found: TenantId[] = [];
  for await (const stored of privacy.all()) {
    if (typeof rawKeptMs(stored.privacy) === "number") found.push(stored.tenant);
  }
  return found;
}

/** How many operations are gone. @throws FreshetError log_unavailable, log_identity */
export async function purgeRaw(ports: MergePorts): Promise<number> {
  const { log, metrics } = ports;
  let removed = 0;
  // By how long it is kept, once for all tenants; a time that is over a little keeps a little more.
  const youngFrom = new Map<number, Version>();
  const firstOf = async (keptMs: number): Promise<Version> => {
    const known = youngFrom.get(keptMs);
    if (known !== undefined) return known;
    const first = await log.docs.firstSince((await logNowMs(ports)) - keptMs);
    youngFrom.set(keptMs, first);
    return first;
  };
  for (const tenant of await thoseThatWish(log)) {
    ports.signal()?.throwIfAborted();
    removed +=
      (await passingOver(ports, { step: "retention", tenant }, () =>
        purgeTenant(ports, tenant, firstOf),
      )) ?? 0;
  }
  if (removed > 0) metrics.count("purged_total", { stream: "DOCS" }, removed);
  return removed;
}

/**
 * Everything up to it has a record in each generation that reads DOCS; undefined while one has
 * none.
 */
export async function cursorOf(
  { chunks, generations }: Pick<Log, "chunks" | "generations">,
  tenant: TenantId,
): Promise<Version | undefined> {
  let cursor = Number.POSITIVE_INFINITY;
  for (const name of holdingNames(tenant, (await generations.get(tenant)).generations)) {
    const last = await chunks.last(name);
    if (last === null) return undefined;
    cursor = Math.min(cursor, last.version);
  }
  return cursor as Version;
}

async function purgeTenant(
  ports: MergePorts,
  tenant: TenantId,
  youngFrom: (keptMs: number) => Promise<Version>,
): Promise<number> {
  const { docs, erasure } = ports.log;
  const oldest = await docs.nextVersion({ tenant, after: noVersion });
  if (oldest === noVersion) return 0;
  const cursor = await cursorOf(ports.log, tenant);
  if (cursor === undefined) return 0;
  // As it is now: while the sweep was at others it may have asked for another time, or to erase.
  const { privacy } = await ports.log.privacy.get(tenant);
  const keptMs = rawKeptMs(privacy);
  if (typeof keptMs !== "number") return 0;
  const held = privacy.heldFrom ?? Number.POSITIVE_INFINITY;
  const below = Math.min(nextAfter(cursor), await youngFrom(keptMs), held);
  if (oldest >= below) return 0;
  return erasure.remove({
    ...{ tenant, of: "operations", below, max: limits.rawPerSweepMax, signal: ports.signal() },
    onProgress: (done) => ports.heartbeat({ done, total: limits.rawPerSweepMax }),
  });
}

/**
 * The generations of a tenant beside the one under its own name: an erase finds what they hold, and
 * removes it.
 *
 *   EG1  each has a tombstone, or a confirmed delete, of its own before anything of it is removed;
 *   EG2  a generation that is built is waited for: it would append the document after its removal;
 *   EG3  a document's erase waits until generations that are given up are gone, which a sweep sees
 *        to: they may hold the document, and take no delete any more.
 */

import { storedNames } from "../../src/contract/generation.ts";
import { type Position, type TenantId, tenantOf, type Version } from "../../src/contract/ids.ts";
import type { ErasureCounts } from "../../src/contract/receipt.ts";
import type { Log } from "../../src/log/port.ts";
import { isTombstone } from "../../src/log/tombstone.ts";
import type { MergePorts } from "../context.ts";

/** Also those that are given up and not removed yet. @throws FreshetError log_unavailable */
export async function otherNames(
  { generations }: Pick<Log, "generations">,
  tenant: TenantId,
): Promise<readonly TenantId[]> {
  const { generations: record } = await generations.get(tenant);
  return storedNames(tenant, record).filter((name) => name !== tenant);
}

/** Whether it still has records that anybody reads: not one that is given up. */
export async function isLive({ generations }: Pick<Log, "generations">, name: TenantId) {
  const { generations: record } = await generations.get(name);
  return storedNames(tenantOf(name), { ...record, released: [] }).includes(name);
}

/** The others of which anybody reads. */
export async function liveOthers(
  log: Pick<Log, "generations">,
  tenant: TenantId,
): Promise<readonly TenantId[]> {
  const live: TenantId[] = [];
  for (const name of await otherNames(log, tenant)) {
    if (await isLive(log, name)) live.push(name);
  }
  return live;
}

/** Of an erased tenant's generation: all but its tombstone. */
export async function removeOther(ports: MergePorts, name: TenantId): Promise<void> {
  const { log, cold } = ports;
  const work = { tenant: name, signal: ports.signal() };
  const onProgress = (done: number): void => ports.heartbeat({ done, total: done });
  await log.erasure.remove({ ...work, of: "heads", onProgress });
  await log.erasure.remove({ ...work, of: "generation", onProgress });
  const below = await tombstoneAt(log, name);
  if (below !== undefined) await log.erasure.remove({ ...work, of: "records", below, onProgress });
  await cold.eraseTenant(name);
}

export async function countOther(
  { log, cold }: MergePorts,
  name: TenantId,
): Promise<Pick<ErasureCounts, "records" | "manifests" | "heads" | "cold">> {
  const below = await tombstoneAt(log, name);
  return {
    records: await log.erasure.count({ tenant: name, of: "records", below }),
    manifests: await log.erasure.count({ tenant: name, of: "generation" }),
    heads: await log.erasure.count({ tenant: name, of: "heads" }),
    cold: Number(await cold.hasTenant(name)),
  };
}

async function tombstoneAt(
  { chunks }: Pick<Log, "chunks">,
  name: TenantId,
): Promise<Position | undefined> {
  const last = await chunks.last(name).catch(() => null);
  return isTombstone(last) ? last?.position : undefined;
}

/** Where its record of an operation lies, or that of the first later one that is held. */
export async function positionOf(
  { log, signal }: Pick<MergePorts, "log" | "signal">,
  name: TenantId,
  version: Version,
): Promise<Position | undefined> {
  const [first, last] = [await log.chunks.first(name), await log.chunks.last(name)];
  if (first === null || last === null) return undefined;
  const range = { tenant: name, after: first.previous, to: last.position, signal: signal() };
  for await (const header of log.chunks.headers(range)) {
    if (header.version >= version) return header.position;
  }
  return undefined;
}

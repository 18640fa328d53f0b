/**
 * Removes generations that are given up, from every store. The record of their tenant says which;
 * whoever looks first removes them, and it may be done twice.
 *
 *   GR1  a tombstone is written first: what is late, of a build or of an owner that has not heard,
 *        appends nothing after it; a step of a merge does nothing for such a generation;
 *   GR2  it is struck from the record by a removal that began when requests of merges that were
 *        under way at its tombstone have ended: one may have written into the emptied stores, and
 *        then nobody would look there again, not even an erase of the tenant.
 */

import { isReleased, removed, type TenantGenerations } from "../../src/contract/generation.ts";
import { generationName, generationOf, type TenantId, tenantOf } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { changeGenerations } from "../../src/log/generations.ts";
import type { Log } from "../../src/log/port.ts";
import { isTombstone } from "../../src/log/tombstone.ts";
import { logNowMs, type MergePorts } from "../context.ts";
import { sealTenant } from "../erase/seal.ts";
import { payDeadLetters } from "../merge/dead-letters.ts";
import { passingOver } from "../passing-over.ts";

export interface RemovePorts extends MergePorts {
  /** How long requests of a merge may be under way; `limits.mergeConfirmMs` by default. */
  readonly confirmMs?: number | undefined;
  readonly cancelMerge: (name: TenantId) => Promise<unknown>;
}

/** How many are struck from the records. @throws FreshetError log_unavailable, log_identity */
export async function removeReleased(ports: RemovePorts): Promise<number> {
  const { log } = ports;
  let count = 0;
  for await (const { tenant, generations } of log.generations.all()) {
    for (const number of generations.released) {
      ports.signal()?.throwIfAborted();
      const name = generationName(tenant, number);
      const done = await passingOver(ports, { step: "retention", tenant: name }, async () => {
        const isLast = await removeGeneration(ports, name);
        if (!isLast) return false;
        await changeGenerations(log.generations, tenant, (record) => removed(record, number));
        return true;
      });
      if (done === true) count += 1;
    }
  }
  return count;
}

/** Resolves with whether nothing can come after it (GR2). */
async function removeGeneration(ports: RemovePorts, name: TenantId): Promise<boolean> {
  const { log, cold } = ports;
  await ports.cancelMerge(name);
  await payDeadLetters(ports, name);
  const { chunks: below } = await sealTenant(ports, { tenant: name });
  const isLast = await isSettled(ports, name);
  const signal = ports.signal();
  const onProgress = (done: number): void => ports.heartbeat({ done, total: done });
  await log.erasure.remove({ tenant: name, of: "heads", signal, onProgress });
  await log.erasure.remove({ tenant: name, of: "generation", signal, onProgress });
  await log.erasure.remove({ tenant: name, of: "records", below, signal, onProgress });
  await cold.eraseTenant(name);
  return isLast;
}

/** GR2. By the log's clock: the next look may be another worker's. */
async function isSettled(ports: RemovePorts, name: TenantId): Promise<boolean> {
  const last = await ports.log.chunks.last(name);
  if (last === null || !isTombstone(last)) return false;
  const { confirmMs = limits.mergeConfirmMs } = ports;
  return (await logNowMs(ports)) - last.atMs >= confirmMs;
}

/** Of all tenants, in one read. @throws FreshetError log_unavailable */
export async function givenUpNames({
  generations,
}: Pick<Log, "generations">): Promise<(name: TenantId) => boolean> {
  const known = new Map<TenantId, TenantGenerations>();
  for await (const stored of generations.all()) known.set(stored.tenant, stored.generations);
  return (name) => {
    const record = known.get(tenantOf(name));
    return record !== undefined && isReleased(record, generationOf(name));
  };
}

/** Whether nobody may write for it any more. @throws FreshetError log_unavailable */
export async function isGivenUp(
  { generations }: Pick<Log, "generations">,
  name: TenantId,
): Promise<boolean> {
  const { generations: record } = await generations.get(name);
  return isReleased(record, generationOf(name));
}

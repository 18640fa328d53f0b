/** Whether cold holds what records must have made in it: read back, several requests at a time. */

import { objectId } from "../../src/cold/object-id.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { VerifyRequest, VerifyResult } from "../../src/contract/merge-steps.ts";
import { forEachAtMost } from "../../src/runtime/for-each.ts";
import type { MergePorts } from "../context.ts";
import { chunksOf, type LiveUpsert, liveUpserts, readHeaders } from "./range.ts";

/**
 * Reads back the id and version of every object that the range makes. Only reads.
 * @throws FreshetError broken_chain, cold_unavailable, log_unavailable
 */
export async function verifyRange(ports: MergePorts, range: VerifyRequest): Promise<VerifyResult> {
  const refused = new Set(range.refused);
  const headers = await readHeaders(ports, range);
  const mustBe = liveUpserts(headers, range.expiredAtMs);
  const live = mustBe.filter(({ position }) => !refused.has(position));
  const { checked, missing, lost } = await readBack(ports, range.tenant, live);
  return { checked, missing: missing.size, rewriteAfter: lost[0]?.previous ?? null };
}

export interface ReadBack {
  /** Objects asked for. */
  readonly checked: number;
  /** Ids of those that a search does not find in their version. */
  readonly missing: ReadonlySet<string>;
  /** Records that made a missing object, in log order. */
  readonly lost: readonly LiveUpsert[];
}

/**
 * Reads back the id and version of every object of `live`. Only reads.
 * @throws FreshetError cold_unavailable
 */
export async function readBack(
  ports: MergePorts,
  tenant: TenantId,
  live: readonly LiveUpsert[],
): Promise<ReadBack> {
  const total = chunksOf(live);
  const lost = new Set<LiveUpsert>();
  const missing = new Set<string>();
  let checked = 0;
  const check = async (page: readonly ExpectedObject[]): Promise<void> => {
    ports.signal()?.throwIfAborted();
    const ids = page.map(({ id }) => id);
    const found = await ports.cold.versions(tenant, ids);
    const absent = page.filter(({ id, version }) => found.get(id) !== version);
    for (const { id, record } of absent) {
      missing.add(id);
      lost.add(record);
    }
    checked += page.length;
    ports.heartbeat({ done: checked, total });
  };
  await forEachAtMost(pagesOf(live), limits.mergePagesInFlight, check);
  return { checked, missing, lost: live.filter((record) => lost.has(record)) };
}

interface ExpectedObject {
  readonly id: string;
  readonly version: Version;
  readonly record: LiveUpsert;
}

function* pagesOf(live: readonly LiveUpsert[]): Generator<readonly ExpectedObject[]> {
  let page: ExpectedObject[] = [];
  for (const record of live) {
    const { tenant, documentId, version, chunkCount } = record;
    for (let chunk = 0; chunk < chunkCount; chunk += 1) {
      page.push({ id: objectId({ tenant, documentId, version, chunk }), version, record });
      if (page.length < limits.coldIdsPerRequestMax) continue;
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}

/**
 * The last record of an erased tenant. Pure.
 *
 * It is a reject like any other to a reader that does not know it, and takes the place of the
 * fence: whoever expects an earlier record is refused, and an owner that reads it does not begin.
 * It holds nothing of the tenant but its name.
 */

import { noEpoch, noVersion, type TenantId } from "../contract/ids.ts";
import type { ChunkRecord, RecordHeader } from "../contract/record.ts";

/** Epoch and version of the record before it: neither may lie beyond what the log has given. */
export function tombstoneOf(
  tenant: TenantId,
  last: Pick<RecordHeader, "version" | "epoch"> | null,
): ChunkRecord {
  return {
    kind: "reject",
    tenant,
    version: last?.version ?? noVersion,
    epoch: last?.epoch ?? noEpoch,
    documentId: null,
    reason: "tenant_erased",
    message: "the tenant was erased",
  };
}

export function isTombstone(last: Pick<RecordHeader, "kind" | "reason"> | null): boolean {
  return last?.kind === "reject" && last.reason === "tenant_erased";
}

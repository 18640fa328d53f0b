/** Pure: the record of CHUNKS that an operation's outcome becomes, under its owner's epoch. */

import type { Epoch, TenantId } from "../../src/contract/ids.ts";
import type { Outcome } from "../../src/contract/outcome.ts";
import type { ChunkRecord } from "../../src/contract/record.ts";
import type { StoredOperation } from "../../src/log/port.ts";

export interface RecordOptions {
  readonly tenant: TenantId;
  readonly epoch: Epoch;
  /** Fingerprint of the embedding graph, kept with the vectors. */
  readonly model: string;
}

export function recordOf(
  { tenant, epoch, model }: RecordOptions,
  { version, atMs: publishedAtMs }: Pick<StoredOperation, "version" | "atMs">,
  outcome: Outcome,
): ChunkRecord {
  const base = { tenant, version, epoch };
  switch (outcome.kind) {
    case "delete":
    case "reject":
    case "duplicate":
      return { ...base, ...outcome };
    case "upsert": {
      const { documentId, body } = outcome;
      const chunkCount = body.chunks.length;
      const info = { ...body.info, publishedAtMs };
      return { ...base, kind: "upsert", documentId, chunkCount, body: { ...body, info, model } };
    }
  }
}

/** Versions of documents as the log still has them, for replies that are verified. */

import { type KeptVersion, versionsOf } from "../../answer/verify.ts";
import type { TenantId } from "../../contract/ids.ts";
import type { Answer } from "../../contract/query.ts";
import type { PlacedRecord, RecordHeader } from "../../contract/record.ts";
import type { ChunksLog } from "../../log/port.ts";

export type ReadableChunks = Pick<ChunksLog, "first" | "last" | "headers" | "read">;

/**
 * One pass over the tenant's headers, and the bodies of what the replies name.
 * @throws FreshetError log_unavailable, broken_chain
 */
export async function keptVersions(
  chunks: ReadableChunks,
  asked: { readonly tenant: TenantId; readonly answers: readonly Pick<Answer, "sources">[] },
  signal: AbortSignal,
): Promise<(version: number) => KeptVersion> {
  const { tenant } = asked;
  const wanted = versionsOf(asked.answers);
  const [first, last] = [await chunks.first(tenant), await chunks.last(tenant)];
  const found = new Map<number, KeptVersion>();
  if (first !== null && last !== null) {
    const range = { tenant, after: first.previous, to: last.position, signal };
    for await (const header of chunks.headers(range)) {
      if (header.kind !== "upsert" || !wanted.has(header.version)) continue;
      found.set(header.version, await keptVersion(chunks, header, signal));
    }
  }
  // What is older than the oldest record was let go of, if ever anything was.
  const isPurged = (version: number): boolean =>
    first !== null && first.previous > 0 && version <= first.version;
  return (version) => found.get(version) ?? { kind: isPurged(version) ? "purged" : "absent" };
}

async function keptVersion(
  chunks: ReadableChunks,
  { tenant, previous: after, position: to }: RecordHeader,
  signal: AbortSignal,
): Promise<KeptVersion> {
  let record: PlacedRecord | undefined;
  for await (const each of chunks.read({ tenant, after, to, signal })) record = each;
  if (record?.kind !== "upsert") return { kind: "absent" };
  const kept = record.body.chunks.map(({ text, range }) => ({ text, range }));
  return { kind: "kept", documentId: record.documentId, chunks: kept };
}

/** What is there after an ingest, looked up and not inferred from what was sent. */
import type { Engine } from "../../src/cli/http-client.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { ChunksLog } from "../../src/log/port.ts";

/**
 * Chunks of the tenant's live documents, as far as the log still has their records: the newest of
 * each counts. What retention, or an operator, has removed is in cold alone.
 */
export async function countChunks(
  chunks: Pick<ChunksLog, "first" | "last" | "headers">,
  tenant: TenantId,
): Promise<number> {
  const first = await chunks.first(tenant);
  const last = await chunks.last(tenant);
  if (first === null || last === null) return 0;
  const live = new Map<string, number>();
  const range = { tenant, after: first.previous, to: last.position };
  for await (const { kind, documentId, chunkCount } of chunks.headers(range)) {
    if (documentId === null) continue;
    if (kind === "upsert") live.set(documentId, chunkCount);
    if (kind === "delete") live.delete(documentId);
  }
  return [...live.values()].reduce((sum, count) => sum + count, 0);
}

/** How many of the documents a question can find now. */
export async function countVisible(
  engine: Engine,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  let visible = 0;
  for (const id of ids) if (await engine.isVisible(id, signal)) visible += 1;
  return visible;
}

/** A tenant's whole stretch of CHUNKS, as a doubter reads it. */

import type { Position, TenantId } from "../../src/contract/ids.ts";
import type { PlacedRecord, RecordHeader } from "../../src/contract/record.ts";
import type { ChunksLog, ChunksRange } from "../../src/log/port.ts";

export function readRecords(chunks: ChunksLog, tenant: TenantId): Promise<readonly PlacedRecord[]> {
  return readAll(chunks, tenant, (range) => chunks.read(range));
}

/** The same without bodies. */
export function readHeaders(chunks: ChunksLog, tenant: TenantId): Promise<readonly RecordHeader[]> {
  return readAll(chunks, tenant, (range) => chunks.headers(range));
}

async function readAll<Item>(
  chunks: ChunksLog,
  tenant: TenantId,
  read: (range: ChunksRange) => AsyncIterable<Item>,
): Promise<readonly Item[]> {
  const last = await chunks.last(tenant);
  const items: Item[] = [];
  if (last === null) return items;
  const range = { tenant, after: 0 as Position, to: last.position };
  for await (const item of read(range)) items.push(item);
  return items;
}

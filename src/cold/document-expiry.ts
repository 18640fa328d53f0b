/** Whether one document of a cold shard has expired: heads know no expiry, each object has it. */

import type { DocumentId, TenantId, Version } from "../contract/ids.ts";
import { objectId } from "./object-id.ts";
import type { ColdShard } from "./port.ts";

/** @throws FreshetError cold_unavailable */
export async function documentHasExpired(
  cold: Pick<ColdShard, "expired">,
  document: {
    readonly tenant: TenantId;
    readonly documentId: DocumentId;
    readonly version: Version;
  },
  atMs: number,
): Promise<boolean> {
  const id = objectId({ ...document, chunk: 0 });
  return (await cold.expired(document.tenant, { atMs, limit: 1, id })).length > 0;
}

/** Labels of one document of a cold shard: heads know none, each object has them. */

import type { DocumentId, TenantId, Version } from "../contract/ids.ts";
import { objectId } from "./object-id.ts";
import type { ColdShard } from "./port.ts";

/** Of its first chunk, where that is there. @throws FreshetError cold_unavailable */
export async function documentLabels(
  cold: Pick<ColdShard, "labels">,
  document: {
    readonly tenant: TenantId;
    readonly documentId: DocumentId;
    readonly version: Version;
  },
): Promise<{ readonly labels: readonly string[] | undefined } | undefined> {
  const id = objectId({ ...document, chunk: 0 });
  const found = await cold.labels(document.tenant, [id]);
  return found.has(id) ? { labels: found.get(id) } : undefined;
}

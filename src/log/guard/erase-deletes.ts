/**
 * What an erase of documents begins with: their deletes are published, and held until the erase
 * itself does. What is refused has a code: the documents may be deleted then, and are not erased.
 */

import { type Deletes, eraseMarkerId } from "../../contract/erase.ts";
import { FreshetError } from "../../contract/errors.ts";
import type { DocumentId, TenantId, Version } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { checkServed } from "../../contract/tenant-life.ts";
import { hasRoomToHold } from "../../contract/tenant-privacy.ts";
import { forEachAtMost } from "../../runtime/for-each.ts";
import { hold } from "../holds.ts";
import type { Log } from "../port.ts";

export type EraseLog = Pick<Log, "docs" | "lives" | "privacy">;

export interface EraseRequest {
  readonly tenant: TenantId;
  /** At most `limits.eraseDocumentsMax`; one that is named twice counts once. */
  readonly ids: readonly DocumentId[];
}

/**
 * @throws FreshetError overloaded (so many are under way: later), invalid_request, tenant_erased,
 *   tenant_suspended, log_unavailable
 */
export async function publishDeletes(
  { docs, lives, privacy }: EraseLog,
  { tenant, ids }: EraseRequest,
): Promise<Deletes> {
  const documents = new Set(ids);
  if (documents.size === 0 || documents.size > limits.eraseDocumentsMax) {
    const told = `an erase is of 1 to ${limits.eraseDocumentsMax} documents: send the rest apart`;
    throw new FreshetError("invalid_request", told);
  }
  checkServed((await lives.get(tenant)).life);
  if (!hasRoomToHold((await privacy.get(tenant)).privacy, documents.size)) {
    throw new FreshetError("overloaded", "so many erases of this tenant are under way: ask later");
  }
  const publish = async (id: string): Promise<Version> => {
    const payload = new TextEncoder().encode(JSON.stringify({ id, op: "delete" }));
    return (await docs.publish({ tenant, payload })).seq;
  };
  const found: Version[] = [];
  await forEachAtMost(documents, limits.erasePublishesMax, async (id) => {
    found.push(await publish(id));
  });
  const versions = found.sort((one, other) => one - other);
  // The end of the chain is never removed: it must not name a document.
  const through = await publish(eraseMarkerId);
  if ((await hold(privacy, { tenant, versions })) !== undefined) return { versions, through };
  const told = "the documents are deleted, and not erased: so many erases are under way. Ask later";
  throw new FreshetError("overloaded", told);
}

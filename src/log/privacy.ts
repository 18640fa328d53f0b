/** Changes what a tenant asks for beyond redaction. */

import type { TenantId } from "../contract/ids.ts";
import type { TenantPrivacy } from "../contract/tenant-privacy.ts";
import { untilStored } from "./compare-and-set.ts";
import type { PrivacyStore } from "./privacy-port.ts";

/**
 * `next` says to what, from what is asked for now; undefined leaves it.
 * @throws FreshetError log_unavailable, and what `next` throws
 */
export async function changePrivacy(
  store: Pick<PrivacyStore, "get" | "put">,
  tenant: TenantId,
  next: (privacy: TenantPrivacy) => TenantPrivacy | undefined,
): Promise<TenantPrivacy> {
  return untilStored("what the tenant asks for changes all the time", async () => {
    const { privacy, revision } = await store.get(tenant);
    const wanted = next(privacy);
    if (wanted === undefined) return privacy;
    return (await store.put(tenant, wanted, revision)) ? wanted : undefined;
  });
}

/** Changes what a tenant asks for beyond redaction. */

import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import type { TenantPrivacy } from "../contract/tenant-privacy.ts";
import type { PrivacyStore } from "./privacy-port.ts";

const attemptsMax = 8;

/** @throws FreshetError log_unavailable, and what `next` throws */
export async function changePrivacy(
  store: Pick<PrivacyStore, "get" | "put">,
  tenant: TenantId,
  next: (privacy: TenantPrivacy) => TenantPrivacy,
): Promise<TenantPrivacy> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const { privacy, revision } = await store.get(tenant);
    const wanted = next(privacy);
    if (await store.put(tenant, wanted, revision)) return wanted;
  }
  throw new FreshetError("log_unavailable", "what the tenant asks for changes all the time");
}

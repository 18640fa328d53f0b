/** How long the raw text of a tenant stays, and its keys: one small record, beside the manifest. */

import type { TenantId } from "../contract/ids.ts";
import type { TenantPrivacy } from "../contract/tenant-privacy.ts";

export interface StoredPrivacy {
  readonly privacy: TenantPrivacy;
  /** For compare-and-set; 0 stands for "none yet". */
  readonly revision: number;
}

export interface NamedPrivacy extends StoredPrivacy {
  readonly tenant: TenantId;
}

export interface PrivacyStore {
  /** Of a tenant without a record: nothing special. */
  get(tenant: TenantId): Promise<StoredPrivacy>;
  /**
   * Compare-and-set; false when another was stored meanwhile.
   * @throws FreshetError log_unavailable
   */
  put(tenant: TenantId, privacy: TenantPrivacy, expectedRevision: number): Promise<boolean>;
  /** The newest record of each tenant that has one, up to now. */
  all(): AsyncIterable<NamedPrivacy>;
}

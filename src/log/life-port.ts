/** Which tenants sleep, are suspended or erased: one small record each, beside the manifests. */

import type { TenantId } from "../contract/ids.ts";
import type { TenantLife } from "../contract/tenant-life.ts";

export interface StoredLife {
  readonly life: TenantLife;
  /** For compare-and-set; 0 stands for "none yet". */
  readonly revision: number;
}

export interface NamedLife extends StoredLife {
  readonly tenant: TenantId;
}

export interface LifeStore {
  /** A tenant without a record is active. @throws FreshetError broken_chain (unreadable) */
  get(tenant: TenantId): Promise<StoredLife>;
  /**
   * Compare-and-set; false when another was stored meanwhile.
   * @throws FreshetError log_unavailable
   */
  put(tenant: TenantId, life: TenantLife, expectedRevision: number): Promise<boolean>;
  /** The newest record of each tenant that has one, up to now. */
  all(): AsyncIterable<NamedLife>;
  /** Those first, then every later one, until the signal aborts. */
  watch(signal: AbortSignal): AsyncIterable<NamedLife>;
}

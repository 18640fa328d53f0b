/** Which generations tenants have: one small record each, beside the manifests. */

import type { TenantGenerations } from "../contract/generation.ts";
import type { TenantId } from "../contract/ids.ts";

export interface StoredGenerations {
  readonly generations: TenantGenerations;
  /** For compare-and-set; 0 stands for "none yet". */
  readonly revision: number;
}

export interface NamedGenerations extends StoredGenerations {
  readonly tenant: TenantId;
}

export interface GenerationStore {
  /** A tenant without a record has the first alone. Any of its names may ask. */
  get(name: TenantId): Promise<StoredGenerations>;
  /**
   * Compare-and-set; false when another was stored meanwhile.
   * @throws FreshetError log_unavailable
   */
  put(tenant: TenantId, generations: TenantGenerations, expectedRevision: number): Promise<boolean>;
  /** The newest record of each tenant that has one, up to now. */
  all(): AsyncIterable<NamedGenerations>;
  /** Those first, then every later one, until the signal aborts. */
  watch(signal: AbortSignal): AsyncIterable<NamedGenerations>;
}

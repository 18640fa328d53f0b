/** Removal for good, of what other parts of the log never remove. */

import type { TenantId, Version } from "../contract/ids.ts";

/**
 * DOCS, CHUNKS, manifests and what lies beside them, heads pieces, dead letters, feedback, and the
 * keys under which DOCS holds what was published, with all else that the tenant asked for. Of one
 * generation `records`, `heads` and `generation` (its manifest and journal); `generations` is the
 * record of all of them.
 */
export const erasable = [
  "operations",
  "records",
  "manifests",
  "heads",
  "letters",
  "feedback",
  "keys",
  "generation",
  "generations",
] as const;
export type Erasable = (typeof erasable)[number];

export interface ErasureRequest {
  readonly tenant: TenantId;
  readonly of: Erasable;
  /** Only sequences below it; of letters: the version of the only one. All when absent. */
  readonly below?: number | undefined;
  readonly version?: Version | undefined;
  /** Sequences that stay, and do not count. */
  readonly except?: ReadonlySet<number> | undefined;
  /** The oldest so many, of each subject. */
  readonly max?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with how many are gone. */
  readonly onProgress?: ((removed: number) => void) | undefined;
}

export interface Erasure {
  /**
   * Overwrites and removes; how many. Repeated after any end it removes the rest.
   * @throws FreshetError log_identity, log_unavailable
   */
  remove(request: ErasureRequest): Promise<number>;
  /** How many are there, as the leader says. */
  count(request: ErasureRequest): Promise<number>;
}

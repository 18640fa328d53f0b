/**
 * Which tenants a node lets into its installation (I11).
 *
 * Owns: how many tenants the installation has, as far as this node knows. Never: turns away a
 * tenant that has records; what was acknowledged once is served.
 *
 *   CA1  while API keys name the tenants, no other tenant comes in: being allowed to publish to
 *        NATS is not enough;
 *   CA2  without keys there are at most `max`. Other nodes let tenants in at the same time: the
 *        bound is exceeded by at most what they let in within the time of one look.
 */

import type { TenantId } from "../contract/ids.ts";
import type { Log } from "./port.ts";

export interface TenantBounds {
  /** The tenants that keys name; undefined while no keys are configured. */
  readonly named?: Pick<ReadonlySet<TenantId>, "has"> | undefined;
  readonly max: number;
}

export type Admission =
  | { readonly kind: "admitted" }
  /** What the dead letter says. */
  | { readonly kind: "refused"; readonly message: string };

const admitted: Admission = { kind: "admitted" };
const unnamed: Admission = { kind: "refused", message: "no API key names this tenant" };
const full: Admission = {
  kind: "refused",
  message: "the installation has all the tenants that FRESHET_TENANTS_MAX lets it have",
};

export class TenantCatalogue {
  readonly #bounds: TenantBounds;
  readonly #chunks: Pick<Log["chunks"], "tenantCount">;
  /** Let in by this node; they may have no record yet. */
  readonly #admitted = new Set<TenantId>();
  /** Tenants of the installation: in CHUNKS at the last look, or let in here since. */
  #total = 0;
  #looking: Promise<void> | undefined;

  constructor(bounds: TenantBounds, chunks: Pick<Log["chunks"], "tenantCount">) {
    this.#bounds = bounds;
    this.#chunks = chunks;
  }

  /** False where only named tenants come in and this is none: then its records have to prove it. */
  isNamed(tenant: TenantId): boolean {
    return this.#bounds.named?.has(tenant) ?? true;
  }

  /** One request, shared by all callers meanwhile. @throws FreshetError log_unavailable */
  look(): Promise<void> {
    this.#looking ??= this.#chunks
      .tenantCount()
      .then((count) => {
        this.#total = Math.max(this.#total, count);
      })
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** What `admit` would say now; nobody comes in by it. */
  wouldAdmit(tenant: TenantId): Admission {
    const { named, max } = this.#bounds;
    if (named !== undefined) return named.has(tenant) ? admitted : unnamed;
    return this.#admitted.has(tenant) || this.#total < max ? admitted : full;
  }

  /** For a tenant without records. Answers at once, from the last look, and looks again. */
  admit(tenant: TenantId): Admission {
    const admission = this.wouldAdmit(tenant);
    if (this.#bounds.named !== undefined || admission.kind === "refused") return admission;
    if (this.#admitted.has(tenant)) return admitted;
    this.#total += 1;
    this.#admitted.add(tenant);
    // A look that fails leaves the bound where it was.
    void this.look().catch(() => {});
    return admitted;
  }
}

/**
 * Merges that are committed and that nobody confirms. Their workflow owes the second look, but it
 * may be gone (terminated, or with the store of Temporal), and a tenant without news asks for
 * nothing: hot and the log would keep what was merged, and erases would wait, for ever.
 *
 *   OQ1  a tenant whose confirmation has not moved for `patienceMs` is asked to merge, and again
 *        after as long: its plan then says what is unconfirmed.
 *
 * State of one worker without time of its own: what it forgets only begins to wait anew.
 */

import type { Position, TenantId } from "../../src/contract/ids.ts";
import { confirmedTo, type Manifest } from "../../src/contract/manifest.ts";

interface Standstill {
  readonly confirmed: Position;
  readonly sinceMs: number;
}

export class OwedConfirmations {
  readonly #patienceMs: number;
  readonly #waiting = new Map<TenantId, Standstill>();

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** How long the tenant has its time to confirm; infinite when it owes nothing. */
  dueIn(tenant: TenantId, manifest: Manifest, nowMs: number): number {
    const confirmed = confirmedTo(manifest);
    if (confirmed >= manifest.to) {
      this.#waiting.delete(tenant);
      return Number.POSITIVE_INFINITY;
    }
    const known = this.#waiting.get(tenant);
    const sinceMs = known?.confirmed === confirmed ? known.sinceMs : nowMs;
    this.#waiting.set(tenant, { confirmed, sinceMs });
    return sinceMs + this.#patienceMs - nowMs;
  }

  asked(tenant: TenantId): void {
    this.#waiting.delete(tenant);
  }

  /** Those that nobody looks at any more: erased, or asleep. */
  forgetOld(nowMs: number): void {
    for (const [tenant, { sinceMs }] of this.#waiting) {
      if (nowMs - sinceMs > 4 * this.#patienceMs) this.#waiting.delete(tenant);
    }
  }
}

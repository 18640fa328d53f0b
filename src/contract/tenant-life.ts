/** What a tenant is at: serving, asleep, suspended, or erased. One small record a tenant. */

import { FreshetError } from "./errors.ts";
import type { Position, TenantId, Version } from "./ids.ts";
import type { ErasureCounts, SignedReceipt } from "./receipt.ts";

export type TenantLife =
  /** As a tenant without a record. `forgetAtMs`: what nodes keep of it was void then. */
  | { readonly state: "active"; readonly forgetAtMs?: number | undefined }
  /** No actors, no memory. All up to `version` and `to` is in cold for good. */
  | {
      readonly state: "asleep";
      readonly atMs: number;
      readonly version: Version;
      readonly to: Position;
    }
  /** Keeps its data, takes and answers nothing. */
  | { readonly state: "suspended"; readonly atMs: number }
  /** `found`: what was there when it began, once that is counted. */
  | {
      readonly state: "erasing";
      readonly atMs: number;
      readonly found?: ErasureCounts | undefined;
    }
  /** For good: the name is never used again. */
  | { readonly state: "erased"; readonly atMs: number; readonly receipt: SignedReceipt };

export type LifeState = TenantLife["state"];

export const activeLife: TenantLife = { state: "active" };

export function isErased(life: TenantLife | undefined): boolean {
  return life?.state === "erasing" || life?.state === "erased";
}

/** Whether something may be set up for it, that works once it is served. @throws FreshetError */
export function checkNotErased(life: TenantLife | undefined): void {
  if (isErased(life)) throw new FreshetError("tenant_erased");
}

/** Whether the tenant may publish and ask; asleep it wakes. @throws FreshetError */
export function checkServed(life: TenantLife | undefined): void {
  checkNotErased(life);
  if (life?.state === "suspended") throw new FreshetError("tenant_suspended");
}

/** A tenant that this node does not serve now, and why. */
export interface RestingTenant {
  readonly tenant: TenantId;
  readonly state: Exclude<LifeState, "active">;
  /** Unix milliseconds. */
  readonly since: number;
}

export interface LifeSummary {
  readonly asleep: number;
  readonly suspended: number;
  readonly erasing: number;
  readonly erased: number;
  /** Some of them, those that somebody may have to look at first. */
  readonly tenants: readonly RestingTenant[];
}

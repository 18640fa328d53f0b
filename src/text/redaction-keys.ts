/**
 * Keys of redaction: one secret of the installation, and from it a key for each tenant (HKDF), so
 * that one tenant's placeholders say nothing of another's documents.
 */

import { type TenantId, tenantOf } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { derivedKey } from "./digest.ts";

export interface RedactionKeys {
  of(tenant: string): Uint8Array;
}

export function redactionKeys(secret: Uint8Array): RedactionKeys {
  const known = new Map<string, Uint8Array>();
  return {
    of(name) {
      // A tenant's generations hold the same placeholders.
      const tenant = tenantOf(name as TenantId);
      const earlier = known.get(tenant);
      if (earlier !== undefined) return earlier;
      const key = derivedKey(secret, `freshet redaction tenant ${tenant}`);
      if (known.size >= limits.redactionKeysKeptMax) known.clear();
      known.set(tenant, key);
      return key;
    },
  };
}

/** Tells secrets apart without telling one: what two engines of a deployment compare. */
export function secretCheck(secret: Uint8Array): string {
  return Buffer.from(derivedKey(secret, "freshet redaction check")).toString("hex").slice(0, 16);
}

/** What stands between a payload as it was published and as DOCS holds it. */

import type { TenantId } from "../contract/ids.ts";
import type { StoredOperation } from "./port.ts";

export interface SealedPayload {
  readonly payload: Uint8Array;
  /** Format and key, for the message's header; undefined for what stays plain text. */
  readonly sealed?: string | undefined;
}

export interface PayloadVault {
  /**
   * As the tenant wants it stored.
   * @throws FreshetError payload_key_unavailable, log_unavailable
   */
  seal(message: {
    readonly tenant: TenantId;
    readonly payload: Uint8Array;
    readonly messageId?: string | undefined;
  }): Promise<SealedPayload>;
  /**
   * As it was published. @throws FreshetError payload_key_unavailable, log_unavailable (passing);
   * payload_unreadable, payload_plain (they never pass)
   */
  open(operation: StoredOperation): Promise<Uint8Array>;
}

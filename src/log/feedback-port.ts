/** The stream of feedback: messages of a tenant, opaque here, the oldest of which leave. */

import type { TenantId } from "../contract/ids.ts";

export interface FeedbackMessage {
  readonly seq: number;
  /** Server time, unix milliseconds. */
  readonly atMs: number;
  readonly data: Uint8Array;
}

/**
 * Invariants that every adapter keeps and the conformance suite checks:
 *   FB1  one that was appended is stored; a tenant's newest push out its own oldest and no other's;
 *   FB2  a page that is short has all that the leader had after `after`, in order;
 *   FB3  what an erase removes is gone (erasure-port.ts).
 */
export interface FeedbackLog {
  /**
   * Its sequence. The stream is made with the first one.
   * @throws FreshetError log_unavailable, overloaded (no room)
   */
  append(tenant: TenantId, data: Uint8Array): Promise<number>;
  /** At most `max` after a sequence, oldest first. @throws FreshetError log_unavailable */
  read(page: {
    readonly tenant: TenantId;
    readonly after: number;
    readonly max: number;
  }): Promise<readonly FeedbackMessage[]>;
}

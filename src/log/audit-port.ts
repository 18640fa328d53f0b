/** The stream of the audit trail: blocks of entries, a chain for each node. */

import type { AuditBlock } from "../contract/audit-chain.ts";

/** The end of a chain. */
export interface AuditTail {
  /** Its newest block that can be read, and where that lies; null when there is none. */
  readonly newest: { readonly block: AuditBlock; readonly seq: number } | null;
  /** Sequence of the newest message under the chain's name, also of a foreign one; 0 for none. */
  readonly seq: number;
}

/** One message of the stream, unchecked. */
export interface AuditMessage {
  readonly chain: string;
  readonly seq: number;
  readonly data: Uint8Array;
}

/** What the stream holds, as its leader says. */
export interface AuditHoldings {
  /** Of the oldest message that is held, and of the newest that there ever was; 0 for none. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly bytes: number;
  readonly bytesMax: number;
}

/**
 * Invariants that every adapter keeps and the conformance suite checks:
 *   AP1  an append lands only directly after the message that it expects on its chain; one that
 *        returned a sequence is stored;
 *   AP2  nothing of it can be changed or removed through the log; what is older or more than the
 *        stream may hold leaves from its beginning;
 *   AP3  a read that ends has everything that the stream's leader had when it began, in order.
 */
export interface AuditLog {
  /**
   * Begins the stream where there is none and this process may create it.
   * @returns whether there is one
   * @throws FreshetError log_unavailable, overloaded (no room)
   */
  ensure(): Promise<boolean>;
  /** @throws FreshetError log_unavailable, log_identity (there is no stream) */
  tail(chain: string): Promise<AuditTail>;
  /**
   * Its sequence, or null when another message came before it.
   * @throws FreshetError log_unavailable: then it may be stored or not, which the tail shows
   */
  append(block: {
    readonly chain: string;
    readonly data: Uint8Array;
    readonly expectedLast: number;
  }): Promise<number | null>;
  /** Oldest first, of one chain or of all. @throws FreshetError log_unavailable, log_identity */
  read(chain?: string): AsyncIterable<AuditMessage>;
  /** Null when there is no stream. @throws FreshetError log_unavailable */
  holdings(): Promise<AuditHoldings | null>;
}

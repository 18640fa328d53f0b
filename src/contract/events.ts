/** What happened to a published operation; core NATS, `events.<tenant>`, at most once. */

import type { ErrorCode } from "./errors.ts";

export type DocumentStatus = "visible" | "deleted" | "superseded" | "rejected";

export interface DocumentEvent {
  /** The document's id; null when the payload was too broken to hold one. */
  readonly id: string | null;
  readonly seq: number;
  readonly status: DocumentStatus;
  /** Set for `rejected`. */
  readonly reason?: ErrorCode | undefined;
  readonly message?: string | undefined;
  /** From the DOCS timestamp to now. */
  readonly ms: number;
}

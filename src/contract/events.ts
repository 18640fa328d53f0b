/**
 * What happens to a publish: the receipt, and the event (core NATS, `events.<tenant>`, at most
 * once).
 */

import type { ErrorCode } from "./errors.ts";
import type { Version } from "./ids.ts";

/** What a publisher gets back at once; the event follows when the operation is applied. */
export interface PublishResult {
  readonly seq: Version;
}

/**
 * `superseded`: a repetition of an earlier publish under its message id, which counts in its place.
 */
export type DocumentStatus = "visible" | "deleted" | "superseded" | "rejected";

/** Of the durable stream (`GET /v1/events`): what the log says became of an operation. */
export interface StoredEvent {
  /** Null when the payload was too broken to hold one, and of a repetition. */
  readonly id: string | null;
  /** DOCS sequence of the operation; it grows from event to event. */
  readonly seq: number;
  readonly status: DocumentStatus;
  /** Set for `rejected`. */
  readonly reason?: ErrorCode | undefined;
  readonly message?: string | undefined;
  /** When it was decided, by the log's clock, RFC 3339. */
  readonly at: string;
}

export interface DocumentEvent {
  /** The document's id; null when the payload was too broken to hold one, and of a repetition. */
  readonly id: string | null;
  readonly seq: number;
  readonly status: DocumentStatus;
  /** Set for `rejected`. */
  readonly reason?: ErrorCode | undefined;
  readonly message?: string | undefined;
  /** From the DOCS timestamp to now. */
  readonly ms: number;
}

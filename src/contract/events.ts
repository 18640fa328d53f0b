/**
 * What happens to a publish: the receipt, and the event: a notice on core NATS (`events.<tenant>`,
 * at most once), and one of the durable stream.
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

/** What became of an operation. */
interface OperationEvent {
  /** The document's id; null when the payload was too broken to hold one, and of a repetition. */
  readonly id: string | null;
  /** DOCS sequence of the operation. */
  readonly seq: number;
  readonly status: DocumentStatus;
  /** Set for `rejected`. */
  readonly reason?: ErrorCode | undefined;
  readonly message?: string | undefined;
}

/** Of the durable stream (`GET /v1/events`), as the log says it; `seq` grows event by event. */
export interface StoredEvent extends OperationEvent {
  /** When it was decided, by the log's clock, RFC 3339. */
  readonly at: string;
}

/** The notice on core NATS. */
export interface DocumentEvent extends OperationEvent {
  /** From the DOCS timestamp to now. */
  readonly ms: number;
}

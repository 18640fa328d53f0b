/** A message of the log that a reader could not use. */

/**
 * `foreign`: this log did not write it, so it means nothing and is passed over. `unreadable`: it
 * claims a place in a tenant's chain but cannot be read; its tenant stops, because continuing could
 * bring a deleted document back.
 */
export type QuarantineReason = "foreign" | "unreadable";

export interface QuarantinedRecord {
  readonly stream: string;
  readonly seq: number;
  readonly subject: string;
  readonly why: QuarantineReason;
}

/** A message of the log that a reader could not use. */

/**
 * `foreign`: nobody of this log wrote it, so it stands for nothing and is passed over. `unreadable`: it claims its place
 * in the chain of a tenant and does not say what it did there; its tenant stops, because going on could bring a deleted
 * document back.
 */
export type QuarantineReason = "foreign" | "unreadable";

export interface QuarantinedRecord {
  readonly stream: string;
  readonly seq: number;
  readonly subject: string;
  readonly why: QuarantineReason;
}

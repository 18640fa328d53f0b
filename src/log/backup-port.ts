/**
 * Whole streams, out of a log and into an empty NATS, with sequences and times as they are.
 *
 *   XL1  a copy holds what the stream held between two sequences that were fixed when it began;
 *        what is purged meanwhile may be missing in it;
 *   XL2  a stream is written as a whole or the call fails; what a failed call left is removed by
 *        `remove`.
 */

import type { CopiedMessage, CopiedState } from "../contract/backup.ts";

export interface StreamHead extends CopiedState {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface StreamCopy extends StreamHead {
  /**
   * In the order of their sequences; to be read once, and at once.
   * @throws FreshetError log_unavailable (cut off, or taken too slowly), internal (damaged)
   */
  readonly content: AsyncIterable<CopiedMessage>;
}

export interface StreamToWrite extends CopiedState {
  readonly config: Readonly<Record<string, unknown>>;
  /** Entries of an archive, whole ones, in the order of their sequences. */
  readonly entries: AsyncIterable<Uint8Array>;
}

/** All may throw FreshetError log_unavailable. */
export interface StreamCopies {
  /** Of the server. */
  readonly version: string;
  /** Of the account, all of them. */
  names(): Promise<readonly string[]>;
  /** Null: there is no such stream. */
  describe(name: string): Promise<StreamHead | null>;
  /** Null: there is no such stream. @throws FreshetError not_ready (an older server) */
  read(name: string): Promise<StreamCopy | null>;
  /** @throws FreshetError overloaded (no room), invalid_request (the stream is there) */
  write(stream: StreamToWrite): Promise<void>;
  /** Nothing where there is none. */
  remove(name: string): Promise<void>;
  /** How many engines answer on this NATS. */
  enginesThere(): Promise<number>;
  /**
   * From now until `close` a restore that asks here hears of this one; how many others there are.
   * Of two that ask at the same moment both hear of the other.
   */
  otherRestores(): Promise<number>;
  /** What a restore that was cut off left: the id of its backup. */
  restoring(): Promise<string | null>;
  /** Null: it has ended. */
  setRestoring(id: string | null): Promise<void>;
  close(): Promise<void>;
}

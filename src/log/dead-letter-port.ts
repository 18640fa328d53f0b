/** Dead letters: what was refused and why; and the journal that finds what ends its process. */

import type { ErrorCode } from "../contract/errors.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "../contract/ids.ts";

/** Pointer, error class and counts; never document text (I10). */
export interface DeadLetter {
  readonly tenant: string;
  readonly version: Version;
  readonly documentId: DocumentId | null;
  readonly reason: ErrorCode;
  readonly message: string;
  /** Unix milliseconds. */
  readonly atMs: number;
  /** Of the reject record; undefined where there is none, because the tenant is refused. */
  readonly position?: Position | undefined;
}

/**
 * Dead letters are a view that no other part waits for: the reject record in CHUNKS says what
 * became of an operation. A store that cannot take a letter now gets it later, from the record.
 */
export interface DeadLetterLog {
  /**
   * Idempotent by tenant and version, as long as the letter is kept: a second publish of the same
   * is success.
   * @throws FreshetError overloaded (full), log_unavailable
   */
  publish(letter: DeadLetter): Promise<void>;
  /**
   * Those of a tenant, or of a subject's token that is none: at most `max` with a version above
   * `after`, in the order of versions, whenever they were written.
   */
  list(tenant: string, max: number, after?: Version): Promise<readonly DeadLetter[]>;
  get(tenant: string, version: Version): Promise<DeadLetter | null>;
  /** Version of the letter that was written last; 0 for none. */
  last(tenant: string): Promise<Version>;
  /** Removes a tenant's oldest letters above its share of the store; how many. */
  trim(tenant: string): Promise<number>;
  /** Removes every letter that was written before a moment (unix milliseconds); how many. */
  purgeBefore(atMs: number): Promise<number>;
  owed(tenant: TenantId): Promise<OwedLetters>;
  /** Compare-and-set; false when another was noted meanwhile. Stored before it returns. */
  owe(tenant: TenantId, owed: OwedLetters): Promise<boolean>;
}

/** Dead letters of rejects that a merge passed without them. */
export interface OwedLetters {
  /** They are missing after this record; null when none are. */
  readonly after: Position | null;
  /** Of the note, for compare-and-set; 0 for none yet. */
  readonly revision: number;
}

/** What a tenant's owners had in hand, so that operations which end their process are found. */
export interface Attempts {
  /** Version of the last operation that may have been in hand. */
  readonly upTo: Version;
  /** Owners in a row that began with these operations. */
  readonly lives: number;
  /** Of the newest of them. */
  readonly epoch: Epoch;
}

/** One entry a tenant; the last writer wins: a wrong count costs time and never a document. */
export interface AttemptJournal {
  /** Null also when the entry cannot be read: counting begins anew. */
  get(tenant: TenantId): Promise<Attempts | null>;
  /** Stored before it returns. @throws FreshetError log_unavailable, overloaded */
  put(tenant: TenantId, attempts: Attempts): Promise<void>;
}

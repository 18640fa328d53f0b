/** What becomes of an operation, before it has a place in CHUNKS. */

import type { ErrorCode } from "./errors.ts";
import type { DocumentId, Version } from "./ids.ts";
import type { RecordBody } from "./record.ts";

export type Outcome =
  | {
      readonly kind: "upsert";
      readonly documentId: DocumentId;
      readonly body: Omit<RecordBody, "model">;
    }
  | DeleteOutcome
  | RejectOutcome
  | { readonly kind: "duplicate"; readonly of: Version };

export interface DeleteOutcome {
  readonly kind: "delete";
  readonly documentId: DocumentId;
}

export interface RejectOutcome {
  readonly kind: "reject";
  readonly documentId: DocumentId | null;
  readonly reason: ErrorCode;
  readonly message: string;
}

/** After the attempts that an operation has: its text stays out of the message (I10). */
export function failedOutcome(documentId: DocumentId | null): RejectOutcome {
  const message = "the document could not be processed";
  return { kind: "reject", documentId, reason: "document_failed", message };
}

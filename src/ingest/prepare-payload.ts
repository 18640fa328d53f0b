/**
 * An operation from its bytes to what is embedded: parse, check, prepare. Pure but for its
 * preparer.
 */

import { parseOperation } from "../contract/document.ts";
import type { DocumentId } from "../contract/ids.ts";
import type { DeleteOutcome, RejectOutcome } from "../contract/outcome.ts";
import type { PreparedDocument, Preparer } from "./preparer.ts";

export type Prepared =
  | RejectOutcome
  | DeleteOutcome
  | {
      readonly kind: "prepared";
      readonly documentId: DocumentId;
      /** With at least one chunk. */
      readonly document: PreparedDocument;
    };

export interface PrepareSteps {
  readonly documentTextBytesMax: number;
  readonly prepare: Preparer;
  /** Called as soon as the document's id is known, before anything is done with its text. */
  readonly named: (id: DocumentId) => void;
}

/** A bad document is an outcome. @throws whatever the preparer throws */
export async function preparePayload(payload: Uint8Array, steps: PrepareSteps): Promise<Prepared> {
  const parsed = parseOperation(payload, steps.documentTextBytesMax);
  if (!parsed.ok) {
    const { code: reason, message } = parsed.error;
    const documentId = (parsed.id ?? null) as DocumentId | null;
    return { kind: "reject", documentId, reason, message };
  }
  const { operation } = parsed;
  const documentId = operation.id;
  steps.named(documentId);
  if (operation.op === "delete") return { kind: "delete", documentId };
  const document = await steps.prepare(operation);
  if (document.refusal !== undefined) {
    // Its record must not name it either.
    const message = document.refusal;
    return { kind: "reject", documentId: null, reason: "invalid_document", message };
  }
  if (document.chunks.length > 0) return { kind: "prepared", documentId, document };
  const message = "text: nothing is left of it to index";
  return { kind: "reject", documentId, reason: "invalid_document", message };
}

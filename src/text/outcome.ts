/**
 * One operation to what becomes of it: parse, redact, chunk, embed. The same steps in the engine and in the process
 * that suspects are handed to, so that what one refuses the other refuses too.
 */

import { parseOperation } from "../contract/document.ts";
import { FreshetError } from "../contract/errors.ts";
import type { DocumentId } from "../contract/ids.ts";
import type { Outcome } from "../contract/outcome.ts";
import type { EmbedInput } from "../embedding/port.ts";
import type { PreparedDocument, Preparer } from "./prepare.ts";

export interface OutcomeSteps {
  readonly documentTextBytesMax: number;
  readonly prepare: Preparer;
  readonly embed: (inputs: readonly EmbedInput[]) => Promise<readonly Float32Array[]>;
  /** Called as soon as the document's id is known, before anything is done with its text. */
  readonly named: (id: DocumentId) => void;
}

/** A bad document is an outcome. @throws whatever a step throws: nothing is decided then */
export async function outcomeOf(payload: Uint8Array, steps: OutcomeSteps): Promise<Outcome> {
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
  const prepared = steps.prepare(operation);
  if (prepared.chunks.length === 0) {
    const message = "text: nothing is left of it to index";
    return { kind: "reject", documentId, reason: "invalid_document", message };
  }
  const vectors = await steps.embed(inputsOf(prepared));
  return { kind: "upsert", documentId, body: bodyOf(prepared, vectors) };
}

function inputsOf({ chunks }: PreparedDocument): readonly EmbedInput[] {
  return chunks.map(({ text, heading, tokens }) => ({
    text: heading === undefined ? text : `${heading}\n${text}`,
    tokens,
  }));
}

function bodyOf({ info, chunks, redactor }: PreparedDocument, vectors: readonly Float32Array[]) {
  const embedded = chunks.map(({ text, heading }, index) => {
    const vector = vectors[index];
    if (vector === undefined) throw new FreshetError("internal", "a chunk has no vector");
    return { text, heading, vector };
  });
  return { info, chunks: embedded, redactor };
}

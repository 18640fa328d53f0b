/**
 * One operation to what becomes of it: prepare, embed. The same steps in the engine and in the process that suspects
 * are handed to, so that what one refuses the other refuses too.
 */

import { FreshetError } from "../contract/errors.ts";
import type { Outcome } from "../contract/outcome.ts";
import type { EmbedInput } from "../embedding/port.ts";
import type { PreparedDocument } from "./prepare.ts";
import { type Prepared, type PrepareSteps, preparedOf } from "./prepared.ts";

export type Embed = (inputs: readonly EmbedInput[]) => Promise<readonly Float32Array[]>;

/** A bad document is an outcome. @throws whatever a step throws: nothing is decided then */
export async function processOperation(
  payload: Uint8Array,
  { embed, ...steps }: PrepareSteps & { readonly embed: Embed },
): Promise<Outcome> {
  return embedPrepared(preparedOf(payload, steps), embed);
}

/** @throws whatever embedding throws */
export async function embedPrepared(prepared: Prepared, embed: Embed): Promise<Outcome> {
  if (prepared.kind !== "prepared") return prepared;
  const { documentId, document } = prepared;
  const vectors = await embed(inputsOf(document));
  return { kind: "upsert", documentId, body: bodyOf(document, vectors) };
}

function inputsOf({ chunks }: PreparedDocument): readonly EmbedInput[] {
  return chunks.map(({ text, heading, tokens }) => ({
    text: heading === undefined ? text : `${heading}\n${text}`,
    tokens,
  }));
}

function bodyOf({ info, chunks, redactor }: PreparedDocument, vectors: readonly Float32Array[]) {
  const embedded = chunks.map(({ text, heading, terms }, index) => {
    const vector = vectors[index];
    if (vector === undefined) throw new FreshetError("internal", "a chunk has no vector");
    return { text, heading, vector, ...(terms === undefined ? {} : { terms }) };
  });
  return { info, chunks: embedded, redactor };
}

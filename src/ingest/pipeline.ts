/**
 * A document's way from bytes to an outcome: `prepare-payload.ts` parses it and has it prepared
 * (`preparer.ts`), then its chunks are embedded here. The engine and the process of suspects take
 * the same steps, so that what one refuses the other refuses too.
 *
 * Where they run: `preparation/` prepares in threads, `isolation/` does all of it in a process.
 */

import { FreshetError } from "../contract/errors.ts";
import type { Outcome } from "../contract/outcome.ts";
import { embeddedTexts } from "../contract/record.ts";
import type { SparseVector } from "../contract/sparse.ts";
import type { EmbedInput } from "../embedding/port.ts";
import { type Prepared, type PrepareSteps, preparePayload } from "./prepare-payload.ts";
import type { PreparedDocument } from "./preparer.ts";

export type Embed = (inputs: readonly EmbedInput[]) => Promise<readonly Float32Array[]>;

/** Never rejects: undefined where the signal is off, or was not to be had for this document. */
export type EncodeSparse = (
  inputs: readonly EmbedInput[],
) => Promise<readonly SparseVector[] | undefined>;

/** A bad document is an outcome. @throws whatever a step throws: nothing is decided then */
export async function processOperation(
  payload: Uint8Array,
  { embed, ...steps }: PrepareSteps & { readonly embed: Embed },
): Promise<Outcome> {
  return embedPrepared(await preparePayload(payload, steps), embed);
}

/** @throws whatever embedding throws */
export async function embedPrepared(
  prepared: Prepared,
  embed: Embed,
  encodeSparse?: EncodeSparse,
): Promise<Outcome> {
  if (prepared.kind !== "prepared") return prepared;
  const { documentId, document } = prepared;
  const inputs = inputsOf(document);
  const [vectors, sparse] = await Promise.all([embed(inputs), encodeSparse?.(inputs)]);
  return { kind: "upsert", documentId, body: bodyOf(document, { vectors, sparse }) };
}

function inputsOf({ chunks }: PreparedDocument): readonly EmbedInput[] {
  const texts = embeddedTexts(chunks);
  return chunks.map(({ tokens }, index) => ({ text: texts[index] ?? "", tokens }));
}

interface Made {
  readonly vectors: readonly Float32Array[];
  readonly sparse: readonly SparseVector[] | undefined;
}

function bodyOf({ info, chunks, redactor }: PreparedDocument, { vectors, sparse = [] }: Made) {
  const embedded = chunks.map(({ text, heading, range, terms }, index) => {
    const vector = vectors[index];
    if (vector === undefined) throw new FreshetError("internal", "a chunk has no vector");
    const own = sparse[index];
    return {
      ...{ text, heading, range, vector },
      // A text without a term of the vocabulary has none.
      ...(own === undefined || own.length === 0 ? {} : { sparse: own }),
      ...(terms === undefined ? {} : { terms }),
    };
  });
  return { info, chunks: embedded, redactor };
}

/** What the engine and a thread that prepares documents say to each other. */

import type { ErrorBody } from "../../contract/errors.ts";
import type { DocumentId } from "../../contract/ids.ts";
import type { DocumentInfo } from "../../contract/record.ts";
import type { ClassifierFiles } from "../../embedding/port.ts";
import { countTerms, indexedText, unpackTerms } from "../../text/chunk-terms.ts";
import type { Chunk } from "../../text/chunking.ts";
import type { Prepared } from "../prepare-payload.ts";
import type { IdPolicy } from "../preparer.ts";

export interface PrepareWorkerSettings {
  /** Where the model's tokenizer lies. */
  readonly modelDir: string;
  readonly ids: IdPolicy;
  /** The model of names; undefined where that lane is off. */
  readonly names?: ClassifierFiles | undefined;
}

export interface PrepareWorkerData extends PrepareWorkerSettings {
  /** Of the owner's `NativeGateKeeper`. */
  readonly gate: SharedArrayBuffer;
}

/** One at a time: the next follows the last reply. */
export interface PrepareRequest {
  readonly payload: Uint8Array;
  readonly documentTextBytesMax: number;
  /** The tenant's. */
  readonly redactionKey: Uint8Array;
}

export type PrepareReply =
  | { readonly kind: "ready" }
  | { readonly kind: "named"; readonly documentId: DocumentId }
  | { readonly kind: "prepared"; readonly prepared: PackedPrepared; readonly ms: number }
  | { readonly kind: "failed"; readonly error: ErrorBody };

/** Hundreds of chunks as a few arrays: cloning so many objects would cost what the thread saves. */
export type PackedPrepared =
  | Exclude<Prepared, { kind: "prepared" }>
  | {
      readonly kind: "prepared";
      readonly documentId: DocumentId;
      readonly info: DocumentInfo;
      readonly redactor: string;
      readonly texts: readonly string[];
      readonly headings: readonly (string | undefined)[];
      /** Start and end of each chunk's text, in turn. */
      readonly ranges: Uint32Array;
      /** Tokens of all chunks, one after another, and where each chunk's end. */
      readonly tokens: Int32Array;
      readonly tokenEnds: Uint32Array;
      /** Different terms of the document; chunks name them by their place here. */
      readonly vocabulary: readonly string[];
      /**
       * A term's place and how often the chunk holds it, for all terms of all chunks, and where
       * each chunk's end.
       */
      readonly counts: Uint32Array;
      readonly countEnds: Uint32Array;
      /** Terms of each chunk, repetitions included. */
      readonly lengths: Uint32Array;
    };

/** @returns the message, and what of it is transferred instead of copied */
export function packPrepared(prepared: Prepared): {
  readonly packed: PackedPrepared;
  readonly transfer: readonly ArrayBuffer[];
} {
  if (prepared.kind !== "prepared") return { packed: prepared, transfer: [] };
  const { documentId, document } = prepared;
  const { info, chunks, redactor } = document;
  const tokenEnds = endsOf(chunks.map(({ tokens }) => tokens.length));
  const tokens = new Int32Array(tokenEnds.at(-1) ?? 0);
  for (const [index, chunk] of chunks.entries())
    tokens.set(chunk.tokens, index === 0 ? 0 : tokenEnds[index - 1]);
  const ranges = Uint32Array.from(chunks.flatMap(({ range }) => range));
  const terms = countTerms(chunks.map((chunk) => indexedText(info.title, chunk)));
  const { counts, countEnds, lengths } = terms;
  const packed = {
    kind: "prepared",
    documentId,
    info,
    redactor,
    texts: chunks.map(({ text }) => text),
    headings: chunks.map(({ heading }) => heading),
    ranges,
    tokens,
    tokenEnds,
    ...terms,
  } as const;
  const arrays = [ranges, tokens, tokenEnds, counts, countEnds, lengths];
  return { packed, transfer: arrays.map(({ buffer }) => buffer) };
}

export function unpackPrepared(packed: PackedPrepared): Prepared {
  if (packed.kind !== "prepared") return packed;
  const { documentId, info, redactor, texts, headings, ranges, tokens, tokenEnds } = packed;
  const terms = unpackTerms(packed);
  const chunks = texts.map((text, index): Chunk => {
    const heading = headings[index];
    return {
      text,
      ...(heading === undefined ? {} : { heading }),
      range: [ranges[index * 2] as number, ranges[index * 2 + 1] as number],
      tokens: tokens.subarray(index === 0 ? 0 : tokenEnds[index - 1], tokenEnds[index]),
      terms: terms[index],
    };
  });
  return { kind: "prepared", documentId, document: { info, redactor, chunks } };
}

function endsOf(lengths: readonly number[]): Uint32Array<ArrayBuffer> {
  let end = 0;
  return Uint32Array.from(lengths, (length) => {
    end += length;
    return end;
  });
}

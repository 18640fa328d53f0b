/**
 * One record of CHUNKS: what became of one operation. The header fields travel as NATS headers, so
 * a reader of heads never touches a body; the body (upserts only) is JSON followed by raw vectors
 * (record-body.ts).
 */

import type { Metadata } from "./document.ts";
import { type ErrorCode, FreshetError } from "./errors.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "./ids.ts";
import type { SparseVector } from "./sparse.ts";

interface RecordBase {
  readonly tenant: TenantId;
  /** The DOCS sequence that this record answers. A fence repeats that of the record before it. */
  readonly version: Version;
  readonly epoch: Epoch;
}

export interface UpsertRecord extends RecordBase {
  readonly kind: "upsert";
  readonly documentId: DocumentId;
  readonly chunkCount: number;
  readonly body: RecordBody;
}

export interface DeleteRecord extends RecordBase {
  readonly kind: "delete";
  readonly documentId: DocumentId;
}

/** The operation was refused. `documentId` is what could be salvaged from it. */
export interface RejectRecord extends RecordBase {
  readonly kind: "reject";
  readonly documentId: DocumentId | null;
  readonly reason: ErrorCode;
  readonly message: string;
}

/**
 * The operation repeats an earlier one of its tenant: the same message id within the duplicate
 * window, the same content. It changes nothing: the record of the first says what became of it.
 */
export interface DuplicateRecord extends RecordBase {
  readonly kind: "duplicate";
  /** Version of the operation that it repeats. */
  readonly of: Version;
}

/**
 * Written by a new owner before anything else: from now on an older epoch can append nothing (I6).
 */
export interface FenceRecord extends RecordBase {
  readonly kind: "fence";
}

export type ChunkRecord =
  | UpsertRecord
  | DeleteRecord
  | RejectRecord
  | DuplicateRecord
  | FenceRecord;

/**
 * Where a record lies. `previous` is the tenant's record before it (0 for the first): the chain.
 */
export interface Placed {
  readonly position: Position;
  readonly previous: Position;
}

export type PlacedRecord = ChunkRecord & Placed;

/** A record without its body: enough for heads, ownership and planning. */
export interface RecordHeader extends Placed {
  readonly kind: ChunkRecord["kind"];
  readonly tenant: TenantId;
  readonly version: Version;
  readonly epoch: Epoch;
  readonly documentId: DocumentId | null;
  /** Of a reject. */
  readonly reason?: ErrorCode | undefined;
  readonly message?: string | undefined;
  readonly chunkCount: number;
  /** Of an upsert whose document expires, unix milliseconds. */
  readonly expiresAtMs?: number | undefined;
  /** Server time of the append, unix milliseconds. */
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * Whether a record says something new about its document after a version: what makes a replay of
 * that version void. A void replay and a repetition say nothing new; the rest of a newer version
 * does.
 */
export function isLaterOperation(
  { version, reason, kind }: Pick<RecordHeader, "version" | "reason" | "kind">,
  than: Version,
): boolean {
  return kind !== "fence" && kind !== "duplicate" && version > than && reason !== "replay_void";
}

/** What is known of a document besides its chunks; its texts are redacted. */
export interface DocumentInfo {
  readonly title?: string | undefined;
  readonly source?: string | undefined;
  /** What the author says, unix milliseconds. */
  readonly timestamp?: number | undefined;
  /** When DOCS stored it, by the server's clock, unix milliseconds. */
  readonly publishedAtMs?: number | undefined;
  /** From then on it is found no more, unix milliseconds. */
  readonly expiresAtMs?: number | undefined;
  /** BCP 47, canonical. */
  readonly language?: string | undefined;
  /** Labels of who may read it (access.ts), sorted: names, so not redacted. */
  readonly acl?: readonly string[] | undefined;
  /** Of what was published (content-hash.ts), before redaction: for who wants to compare. */
  readonly contentHash?: string | undefined;
  readonly metadata?: Metadata | undefined;
}

/** UTF-16 units from and up to; the end is not in it. */
export type TextRange = readonly [start: number, end: number];

export interface RecordChunk {
  /** Redacted text as it is shown and embedded, without the heading. */
  readonly text: string;
  /** Path of headings above the chunk, joined with " > "; embedded in front of the text. */
  readonly heading?: string | undefined;
  /** Where `text` lies in the document's cleaned and redacted text of this version. */
  readonly range?: TextRange | undefined;
  /** Unit norm, `dimensions` long. */
  readonly vector: Float32Array;
  /** Of the same text; absent where none was made of it. */
  readonly sparse?: SparseVector | undefined;
  /** Where they were counted already: what the chunk is found by. Not stored. */
  readonly terms?: ChunkTerms | undefined;
  /** Fields that a later Freshet wrote: kept, never read. */
  readonly extra?: UnknownFields | undefined;
}

export type UnknownFields = Readonly<Record<string, unknown>>;

/** Shared arrays of a whole document, and this chunk's part of them. */
export interface ChunkTerms {
  readonly vocabulary: readonly string[];
  /**
   * Place in the vocabulary and number of times, in turn, in the order in which the terms first
   * occur.
   */
  readonly counts: Uint32Array;
  /** Terms with repetitions. */
  readonly length: number;
}

export interface RecordBody {
  readonly info: DocumentInfo;
  readonly chunks: readonly RecordChunk[];
  /** Fingerprint of what computed the vectors, for a person who looks into a record. */
  readonly model: string;
  /** Version of the redaction rules that the text went through. */
  readonly redactor: string;
  /** What a later Freshet wrote into it: kept, never read. */
  readonly extra?: UnknownFields | undefined;
  readonly extraSections?: readonly BodySection[] | undefined;
}

/** Binary data after the dense vectors of a body. */
export interface BodySection {
  readonly name: string;
  readonly data: Uint8Array;
}

/** What a model is given of each chunk. */
export function embeddedTexts(
  chunks: readonly Pick<RecordChunk, "text" | "heading">[],
): readonly string[] {
  return chunks.map(({ text, heading }) => (heading === undefined ? text : `${heading}\n${text}`));
}

/** The same chunks under another model. @throws FreshetError internal when one has no vector */
export function withVectors<Body extends { readonly chunks: readonly RecordChunk[] }>(
  body: Body,
  vectors: readonly Float32Array[],
): Body {
  const chunks = body.chunks.map((chunk, index) => {
    const vector = vectors[index];
    if (vector === undefined) throw new FreshetError("internal", "a chunk has no vector");
    return { ...chunk, vector };
  });
  return { ...body, chunks };
}

/**
 * One record of CHUNKS: what became of one operation. The header fields travel as NATS headers, so
 * a reader of heads never touches a body; the body (upserts only) is JSON followed by raw vectors.
 */

import type { Metadata } from "./document.ts";
import { type ErrorCode, FreshetError } from "./errors.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "./ids.ts";

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
  readonly chunkCount: number;
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

/** What is known of a document besides its chunks; redacted. `timestamp` is unix milliseconds. */
export interface DocumentInfo {
  readonly title?: string | undefined;
  readonly source?: string | undefined;
  readonly timestamp?: number | undefined;
  readonly metadata?: Metadata | undefined;
}

export interface RecordChunk {
  /** Redacted text as it is shown and embedded, without the heading. */
  readonly text: string;
  /** Path of headings above the chunk, joined with " > "; embedded in front of the text. */
  readonly heading?: string | undefined;
  /** Unit norm, `dimensions` long. */
  readonly vector: Float32Array;
  /** Where they were counted already: what the chunk is found by. Not stored. */
  readonly terms?: ChunkTerms | undefined;
}

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
}

const bodyFormat = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

interface BodyJson {
  readonly format: number;
  readonly info: DocumentInfo;
  readonly chunks: readonly { readonly text: string; readonly heading?: string | undefined }[];
  readonly dimensions: number;
  readonly model: string;
  readonly redactor: string;
}

/**
 * Layout, little-endian: u32 length of the JSON, the JSON, zero padding to a multiple of 4, then
 * `chunks x dimensions` float32. Vectors stay binary: as JSON they would be five times larger and
 * would dominate the cost of a replay.
 */
export function encodeBody(body: RecordBody): Uint8Array {
  const dimensions = body.chunks[0]?.vector.length ?? 0;
  const json = encoder.encode(
    JSON.stringify({
      format: bodyFormat,
      info: body.info,
      chunks: body.chunks.map(({ text, heading }) => ({ text, heading })),
      dimensions,
      model: body.model,
      redactor: body.redactor,
    } satisfies BodyJson),
  );
  const vectorsAt = align4(4 + json.length);
  const bytes = new Uint8Array(vectorsAt + body.chunks.length * dimensions * 4);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  const vectors = new Float32Array(bytes.buffer, vectorsAt);
  body.chunks.forEach((chunk, index) => {
    if (chunk.vector.length !== dimensions) {
      throw new FreshetError("internal", "the vectors of a record differ in length");
    }
    vectors.set(chunk.vector, index * dimensions);
  });
  return bytes;
}

/** @throws FreshetError internal when the bytes are not what `encodeBody` writes */
export function decodeBody(bytes: Uint8Array): RecordBody {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const jsonLength = view.getUint32(0, true);
    const json = JSON.parse(decoder.decode(bytes.subarray(4, 4 + jsonLength))) as unknown;
    if (!isBodyJson(json)) throw new RangeError("body shape or format");
    const { dimensions } = json;
    const vectorsAt = align4(4 + jsonLength);
    if (bytes.byteLength !== vectorsAt + json.chunks.length * dimensions * 4) {
      throw new RangeError("body length");
    }
    // A copy: a message's bytes are rarely aligned to 4, and a subarray would keep the whole
    // message alive. Not by `slice`: that of a Buffer, which a socket hands out, copies nothing.
    const copy = new Uint8Array(bytes.byteLength - vectorsAt);
    copy.set(bytes.subarray(vectorsAt));
    const vectors = new Float32Array(copy.buffer);
    return {
      info: json.info,
      chunks: json.chunks.map(({ text, heading }, index) => ({
        text,
        heading,
        vector: vectors.subarray(index * dimensions, (index + 1) * dimensions),
      })),
      model: json.model,
      redactor: json.redactor,
    };
  } catch (cause) {
    throw new FreshetError("internal", "a record body is malformed", { cause });
  }
}

/** Cheap enough for every record of a replay: a body that is not ours must not become an index. */
function isBodyJson(json: unknown): json is BodyJson {
  if (typeof json !== "object" || json === null) return false;
  const { format, info, chunks, dimensions, model, redactor } = json as Record<string, unknown>;
  return (
    format === bodyFormat &&
    typeof info === "object" &&
    info !== null &&
    Array.isArray(chunks) &&
    chunks.every((chunk) => typeof (chunk as { text?: unknown } | null)?.text === "string") &&
    Number.isSafeInteger(dimensions) &&
    (dimensions as number) >= 0 &&
    typeof model === "string" &&
    typeof redactor === "string"
  );
}

function align4(bytes: number): number {
  return (bytes + 3) & ~3;
}

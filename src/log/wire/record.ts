/** A record as it is stored: its headers on the wire, and back (its body: record-body.ts). */

import { type ErrorCode, errorTable, FreshetError } from "../../contract/errors.ts";
import {
  type DocumentId,
  type Epoch,
  epoch,
  type Position,
  position,
  type TenantId,
  type Version,
  version,
} from "../../contract/ids.ts";
import type {
  ChunkRecord,
  Placed,
  PlacedRecord,
  RecordHeader,
  RejectRecord,
} from "../../contract/record.ts";
import { decodeBody } from "../../contract/record-body.ts";

/** Where and when a record was stored. */
export interface Place extends Placed {
  readonly tenant: TenantId;
  readonly atMs: number;
}

export type WireHeaders = Readonly<Record<string, string>>;

const names = {
  kind: "Freshet-Kind",
  version: "Freshet-Version",
  epoch: "Freshet-Epoch",
  document: "Freshet-Document",
  chunks: "Freshet-Chunks",
  expires: "Freshet-Expires",
  bytes: "Freshet-Bytes",
  reason: "Freshet-Reason",
  message: "Freshet-Message",
  repeats: "Freshet-Repeats",
  previous: "Freshet-Previous",
} as const;

/** The server keeps an append's condition with the message: it is the link to the record before. */
const conditionHeader = "Nats-Expected-Last-Subject-Sequence";

/**
 * A duplicate travels as the reject of a used message id with one more header: to a reader that
 * does not know duplicates it is a refused operation, which changes nothing either, and at most a
 * dead letter too many.
 *
 * Ids and messages are percent-encoded: header values lose outer spaces and may hold no line break.
 */
export function wireHeaders(record: ChunkRecord, bytes: number): WireHeaders {
  const headers: Record<string, string> = {
    [names.kind]: record.kind === "duplicate" ? "reject" : record.kind,
    [names.version]: String(record.version),
    [names.epoch]: String(record.epoch),
    [names.bytes]: String(bytes),
  };
  if ("documentId" in record && record.documentId !== null) {
    headers[names.document] = encodeURIComponent(record.documentId);
  }
  if (record.kind === "upsert") {
    headers[names.chunks] = String(record.chunkCount);
    const { expiresAtMs } = record.body.info;
    // A time before 1970 has expired as surely as 1970 has.
    if (expiresAtMs !== undefined) headers[names.expires] = String(Math.max(0, expiresAtMs));
  }
  if (record.kind === "reject") {
    headers[names.reason] = record.reason;
    headers[names.message] = encodeURIComponent(record.message.toWellFormed());
  }
  if (record.kind === "duplicate") {
    headers[names.reason] = "duplicate_id" satisfies ErrorCode;
    headers[names.message] = encodeURIComponent("the operation repeats an earlier one");
    headers[names.repeats] = String(record.of);
  }
  return headers;
}

/**
 * The link to the record before, where foreign messages lie between: then the condition has to name
 * the last of those, and the chain continues by this header.
 */
export function linkHeaders(previous: Position): WireHeaders {
  return { [names.previous]: String(previous) };
}

/** What the server keeps of an append's condition. */
export function conditionHeaders(expectedLast: number): WireHeaders {
  return { [conditionHeader]: String(expectedLast) };
}

/** Undefined for a header that a message does not have. */
export type ReadHeader = (name: string) => string | undefined;

/**
 * No owner writes without a condition, or without a kind. A message that lacks one was not written
 * by any, and means nothing; one that has both stands in the chain, whether it can be read or not.
 */
export function isRecord(read: ReadHeader): boolean {
  return read(conditionHeader) !== undefined && read(names.kind) !== undefined;
}

/** @throws FreshetError internal */
export function previousIn(read: ReadHeader): Position {
  return position(integerOf(read(names.previous) ?? read(conditionHeader)));
}

/** @throws FreshetError internal when the headers are not what `wireHeaders` writes */
export function headerFromWire(read: ReadHeader, place: Place): RecordHeader {
  const document = read(names.document);
  const expires = read(names.expires);
  const kind = kindOf(read);
  return {
    ...place,
    kind,
    ...(kind === "reject" ? rejectionIn(read) : {}),
    version: version(integerOf(read(names.version))),
    epoch: epoch(integerOf(read(names.epoch))),
    documentId: document === undefined ? null : (decodeURIComponent(document) as DocumentId),
    chunkCount: integerOf(read(names.chunks) ?? "0"),
    ...(expires === undefined ? {} : { expiresAtMs: integerOf(expires) }),
    bytes: integerOf(read(names.bytes)),
  };
}

/** Whose record it is and what it answers; for a look at a record of an unknown tenant. */
export function writerOf(read: ReadHeader): { readonly version: Version; readonly epoch: Epoch } {
  return {
    version: version(integerOf(read(names.version))),
    epoch: epoch(integerOf(read(names.epoch))),
  };
}

/** @throws FreshetError internal when headers or body are malformed */
export function recordFromWire(read: ReadHeader, place: Place, body: Uint8Array): PlacedRecord {
  const header = headerFromWire(read, place);
  const { kind, documentId, chunkCount } = header;
  const common = {
    ...{ tenant: header.tenant, version: header.version, epoch: header.epoch },
    ...{ position: header.position, previous: header.previous },
  };
  switch (kind) {
    case "upsert":
      return {
        ...common,
        kind,
        documentId: present(documentId),
        chunkCount,
        body: decodeBody(body),
      };
    case "delete":
      return { ...common, kind, documentId: present(documentId) };
    case "reject":
      return { ...common, kind, documentId, ...rejectionIn(read) };
    case "duplicate":
      return { ...common, kind, of: version(integerOf(read(names.repeats))) };
    case "fence":
      return { ...common, kind };
  }
}

function rejectionIn(read: ReadHeader): Pick<RejectRecord, "reason" | "message"> {
  const message = decodeURIComponent(read(names.message) ?? "");
  return { reason: reasonOf(read(names.reason)), message };
}

function kindOf(read: ReadHeader): ChunkRecord["kind"] {
  const value = read(names.kind);
  switch (value) {
    case "upsert":
    case "delete":
    case "fence":
      return value;
    case "reject":
      return read(names.repeats) === undefined ? "reject" : "duplicate";
    default:
      throw malformed("kind");
  }
}

/** A code of a later Freshet, which was taken back: the operation stays refused, and says why. */
function reasonOf(value: string | undefined): ErrorCode {
  if (value === undefined || !/^[a-z_]{1,64}$/.test(value)) throw malformed("reason");
  return Object.hasOwn(errorTable, value) ? (value as ErrorCode) : "internal";
}

function integerOf(value: string | undefined): number {
  const number = Number(value ?? Number.NaN);
  if (!Number.isSafeInteger(number) || number < 0) throw malformed("number");
  return number;
}

function present(documentId: DocumentId | null): DocumentId {
  if (documentId === null) throw malformed("document");
  return documentId;
}

function malformed(what: string): FreshetError {
  return new FreshetError("internal", `a record's headers are malformed: ${what}`);
}

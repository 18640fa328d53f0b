/** Documents as publishers send them, and the records that they become. */

import { documentIdBytesMax } from "../ids.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { GiB, KiB, MiB } from "./units.ts";

export const documentLimits = {
  /** Text of one document. Its record (text, overlap, vectors) stays below `recordBytesMax`. */
  documentTextBytesMax: 256 * KiB,
  /**
   * A record is at worst this many times its text. A chunk of 256 tokens brings at least 190 new
   * ones (the rest is overlap, heading and two marks), of one byte each at worst, and makes 1,536
   * bytes of vector, 444 of text (every byte escaped), 53 of JSON: 10.7 times; the remainder is 817
   * bytes of heading, repeated with every chunk. With 4 MiB a record, 256 KiB of text still fit:
   * (4 MiB - 128 KiB) / 15 = 264 KiB.
   */
  recordBytesPerTextByteMax: 15,
  /** NATS `max_payload` of the server that we ship; above 8 MiB the vendor advises against. */
  recordBytesMax: 4 * MiB,
  /** Room for headers, title and metadata in a payload. */
  recordOverheadBytesMax: 128 * KiB,
  titleCharsMax: 1_000,
  sourceCharsMax: 2_000,
  /** A time as text: nanoseconds and an offset take 35, and decimals may be any number. */
  timeCharsMax: 64,
  metadataKeysMax: 64,
  metadataKeyCharsMax: 64,
  metadataValueCharsMax: 1_000,
  metadataListMax: 32,
  /** Labels of who may read a document: groups and roles, as an identity provider lists them. */
  aclLabelsMax: 64,
  aclLabelCharsMax: 128,
  /** RFC 5646, section 4.4.1: 35 are enough for any tag in use; extensions get some room. */
  languageCharsMax: 64,
  /** Metadata as JSON: with title and source it must fit into `recordOverheadBytesMax`. */
  metadataBytesMax: 64 * KiB,
  /** A body of one document: every character escaped as \uXXXX at worst, and its metadata. */
  httpDocumentBytesMax: 2 * MiB,
  /** An NDJSON body: what one request may hold in memory; longer imports send several. */
  httpNdjsonBytesMax: 32 * MiB,
  /** A message of DOCS: the largest body of a document, and headers. NATS refuses a larger one. */
  docsMessageBytesMax: 2 * MiB + 16 * KiB,
  docsBytesMax: 16 * GiB,
  chunksBytesMax: 32 * GiB,
  /** Attempts to process a document before it is rejected with `document_failed`. */
  documentAttemptsMax: 3,
  /**
   * Tenants of one installation: two actors and 20 KB each on their node, and a shard of Weaviate.
   */
  tenantsMax: 10_000,
} as const;

/** JSON writes a character as \uXXXX at worst. */
export const jsonBytesPerChar = 6;

const {
  documentTextBytesMax,
  recordBytesPerTextByteMax,
  recordBytesMax,
  recordOverheadBytesMax,
  titleCharsMax,
  sourceCharsMax,
  metadataKeysMax,
  metadataKeyCharsMax,
  metadataValueCharsMax,
  metadataBytesMax,
  aclLabelsMax,
  aclLabelCharsMax,
  httpDocumentBytesMax,
  httpNdjsonBytesMax,
} = documentLimits;
/** A label has no control characters: three bytes of UTF-8 a character, quotes and a comma. */
const aclBytes = aclLabelsMax * (aclLabelCharsMax * 3 + 3);
const infoBytes = (titleCharsMax + sourceCharsMax) * jsonBytesPerChar + metadataBytesMax + aclBytes;
const shortValueBytes = metadataKeyCharsMax * 2 + 6;

export const documentRelations: Relations = {
  "a record of the largest document fits": [
    atMost(
      documentTextBytesMax * recordBytesPerTextByteMax + recordOverheadBytesMax,
      recordBytesMax,
    ),
  ],
  "title, source, metadata, labels and id fit into what is set aside for them": [
    // An id is percent-encoded in a header: three characters a byte.
    below(infoBytes + documentIdBytesMax * 3, recordOverheadBytesMax),
  ],
  "a record stays below what the NATS vendor advises against": [atMost(recordBytesMax, 8 * MiB)],
  "the largest document, every character escaped, fits into an HTTP body and a DOCS message": [
    atMost(documentTextBytesMax * jsonBytesPerChar + recordOverheadBytesMax, httpDocumentBytesMax),
    atMost(httpDocumentBytesMax, recordBytesMax),
    atMost(httpDocumentBytesMax, httpNdjsonBytesMax),
  ],
  "a short value can be the value of each key that is allowed": [
    atMost(metadataKeysMax * shortValueBytes, metadataBytesMax),
    atMost(metadataValueCharsMax * jsonBytesPerChar, metadataBytesMax),
  ],
};

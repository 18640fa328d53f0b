/**
 * The body of an upsert record, to bytes and back. Layout, little-endian: u32 length of the JSON,
 * the JSON, then `chunks x dimensions` float32, then the sections that the JSON lists. Each part
 * starts at a multiple of 4. Vectors stay binary: as JSON they would be five times larger and would
 * dominate the cost of a replay.
 *
 *   RB1  a format is read for ever: what it lacks is absent;
 *   RB2  within a format only optional fields and sections are added. A reader keeps those that it
 *        does not know, so that they survive when it writes the body again;
 *   RB3  the number goes up only for what an older reader would understand wrongly. A higher number
 *        is refused with the way out, never read as if it were known.
 *
 * Format 1 had no ranges, no sections, and of `info` title, source, timestamp and metadata
 * (ops/decisions/0031-record-format-2.md).
 */

import { FreshetError } from "./errors.ts";
import type {
  BodySection,
  DocumentInfo,
  RecordBody,
  RecordChunk,
  TextRange,
  UnknownFields,
} from "./record.ts";
import { isSparse, type SparseVector, sparseTermBytes } from "./sparse.ts";

export const bodyFormat = 2;
/** The model that weighs the words: another one's would be another section. */
const sparseSection = "splade-tiny";
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

interface ChunkJson {
  readonly text: string;
  readonly heading?: string | undefined;
  readonly range?: TextRange | undefined;
}

interface SectionJson {
  readonly name: string;
  readonly bytes: number;
}

interface BodyJson {
  readonly format: number;
  readonly info: DocumentInfo;
  readonly chunks: readonly ChunkJson[];
  readonly dimensions: number;
  readonly model: string;
  readonly redactor: string;
  /** In the order in which they lie after the dense vectors. */
  readonly sections?: readonly SectionJson[] | undefined;
}

/** A record of a later Freshet: its message says what to do. */
export class RecordFormatError extends FreshetError {
  constructor(format: number) {
    const message =
      `a record was written by a later Freshet (record format ${format}, this one reads up to ` +
      `${bodyFormat}): start the later version again; the log cannot be taken back to this one`;
    super("internal", message, { details: { format, supported: bodyFormat } });
  }
}

// --- writing -----------------------------------------------------------------------------------

export function encodeBody(body: RecordBody): Uint8Array {
  const dimensions = body.chunks[0]?.vector.length ?? 0;
  const sections = [...sparseSections(body.chunks), ...(body.extraSections ?? [])];
  const json = encoder.encode(
    JSON.stringify({
      ...body.extra,
      format: bodyFormat,
      info: body.info,
      chunks: body.chunks.map(({ extra, text, heading, range }) => ({
        ...extra,
        ...{ text, heading, range },
      })),
      dimensions,
      model: body.model,
      redactor: body.redactor,
      ...(sections.length === 0 ? {} : { sections: sections.map(sectionJson) }),
    } satisfies BodyJson),
  );
  const vectorsAt = align4(4 + json.length);
  const sectionsAt = vectorsAt + body.chunks.length * dimensions * 4;
  const sectionBytes = sections.reduce((sum, { data }) => sum + align4(data.byteLength), 0);
  const bytes = new Uint8Array(sectionsAt + sectionBytes);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  const vectors = new Float32Array(bytes.buffer, vectorsAt, body.chunks.length * dimensions);
  for (const [index, { vector }] of body.chunks.entries()) {
    if (vector.length !== dimensions) {
      throw new FreshetError("internal", "the vectors of a record differ in length");
    }
    vectors.set(vector, index * dimensions);
  }
  let at = sectionsAt;
  for (const { data } of sections) {
    bytes.set(data, at);
    at += align4(data.byteLength);
  }
  return bytes;
}

function sectionJson({ name, data }: BodySection): SectionJson {
  return { name, bytes: data.byteLength };
}

/** How many terms each chunk has, then the vectors; absent where no chunk has one. */
function sparseSections(chunks: readonly RecordChunk[]): readonly BodySection[] {
  if (chunks.every(({ sparse }) => sparse === undefined)) return [];
  const counts = chunks.map(({ sparse }) => (sparse?.length ?? 0) / sparseTermBytes);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const data = new Uint8Array(4 * chunks.length + sparseTermBytes * total);
  const view = new DataView(data.buffer);
  let at = 4 * chunks.length;
  for (const [index, { sparse }] of chunks.entries()) {
    view.setUint32(4 * index, counts[index] as number, true);
    if (sparse === undefined) continue;
    if (!isSparse(sparse)) throw new FreshetError("internal", "a sparse vector is malformed");
    data.set(sparse, at);
    at += sparse.length;
  }
  return [{ name: sparseSection, data }];
}

// --- reading -----------------------------------------------------------------------------------

/**
 * @throws RecordFormatError for a format of a later Freshet; FreshetError internal when the bytes
 *   are not what any `encodeBody` wrote
 */
export function decodeBody(bytes: Uint8Array): RecordBody {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const jsonLength = view.getUint32(0, true);
    const json = JSON.parse(decoder.decode(bytes.subarray(4, 4 + jsonLength))) as unknown;
    if (!isBodyJson(json)) throw new RangeError("body shape or format");
    return bodyOf(json, bytes, align4(4 + jsonLength));
  } catch (cause) {
    if (cause instanceof RecordFormatError) throw cause;
    throw new FreshetError("internal", "a record body is malformed", { cause });
  }
}

function bodyOf(json: BodyJson, bytes: Uint8Array, vectorsAt: number): RecordBody {
  const { format, info, chunks, dimensions, model, redactor, sections = [], ...extra } = json;
  const denseBytes = chunks.length * dimensions * 4;
  const ends = sectionEnds(sections, denseBytes);
  if (bytes.byteLength !== vectorsAt + (ends.at(-1) ?? denseBytes)) {
    throw new RangeError("body length");
  }
  // A copy: a message's bytes are rarely aligned to 4, and a subarray would keep the whole
  // message alive. Not by `slice`: that of a Buffer, which a socket hands out, copies nothing.
  const copy = new Uint8Array(bytes.byteLength - vectorsAt);
  copy.set(bytes.subarray(vectorsAt));
  const vectors = new Float32Array(copy.buffer, 0, chunks.length * dimensions);
  const found = sections.map(({ name, bytes: length }, index): BodySection => {
    const from = index === 0 ? denseBytes : (ends[index - 1] as number);
    return { name, data: copy.subarray(from, from + length) };
  });
  const sparse = found.find(({ name }) => name === sparseSection);
  const sparseVectors = sparse === undefined ? [] : sparseVectorsOf(sparse.data, chunks.length);
  const others = found.filter((section) => section !== sparse);
  return {
    info,
    chunks: chunks.map(({ text, heading, range, ...unknown }, index) => ({
      text,
      heading,
      ...(range === undefined ? {} : { range }),
      vector: vectors.subarray(index * dimensions, (index + 1) * dimensions),
      ...(sparseVectors[index] === undefined ? {} : { sparse: sparseVectors[index] }),
      ...extraOf(unknown),
    })),
    model,
    redactor,
    ...extraOf(extra),
    ...(others.length === 0 ? {} : { extraSections: others }),
  };
}

function extraOf(unknown: UnknownFields): { readonly extra?: UnknownFields } {
  for (const _ in unknown) return { extra: unknown };
  return {};
}

function sectionEnds(sections: readonly SectionJson[], start: number): readonly number[] {
  let end = start;
  return sections.map(({ bytes }) => {
    end += align4(bytes);
    return end;
  });
}

function sparseVectorsOf(data: Uint8Array, count: number): readonly (SparseVector | undefined)[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = 4 * count;
  const vectors = Array.from({ length: count }, (_, index) => {
    const from = at;
    at += sparseTermBytes * view.getUint32(4 * index, true);
    if (at > data.byteLength) throw new RangeError("sparse");
    const vector = data.subarray(from, at);
    if (!isSparse(vector)) throw new RangeError("sparse");
    // No term at all is no vector: one without terms would match nothing.
    return vector.length === 0 ? undefined : vector;
  });
  if (at !== data.byteLength) throw new RangeError("sparse");
  return vectors;
}

// --- checking ----------------------------------------------------------------------------------

/**
 * Cheap enough for every record of a replay: a body that is not ours must not become an index.
 * @throws RecordFormatError
 */
function isBodyJson(json: unknown): json is BodyJson {
  if (typeof json !== "object" || json === null) return false;
  const { format, info, chunks, dimensions, model, redactor, sections } = json as UnknownFields;
  if (!Number.isSafeInteger(format) || (format as number) < 1) return false;
  if ((format as number) > bodyFormat) throw new RecordFormatError(format as number);
  return (
    typeof info === "object" &&
    info !== null &&
    Array.isArray(chunks) &&
    chunks.every(isChunkJson) &&
    isCount(dimensions) &&
    typeof model === "string" &&
    typeof redactor === "string" &&
    (sections === undefined || (Array.isArray(sections) && sections.every(isSectionJson)))
  );
}

function isChunkJson(chunk: unknown): chunk is ChunkJson {
  const { text, range } = (chunk ?? {}) as { readonly text?: unknown; readonly range?: unknown };
  return typeof text === "string" && (range === undefined || isRange(range));
}

function isRange(range: unknown): range is TextRange {
  if (!Array.isArray(range) || range.length !== 2) return false;
  const [start, end] = range as readonly unknown[];
  return isCount(start) && isCount(end) && start <= end;
}

function isSectionJson(section: unknown): section is SectionJson {
  const { name, bytes } = (section ?? {}) as { readonly name?: unknown; readonly bytes?: unknown };
  return typeof name === "string" && isCount(bytes);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function align4(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/**
 * The hot shard of one tenant (port.ts, H1-H4).
 *
 * Owns the entries, their vectors, the inverted index, the filter index and the graphs. Never reads
 * a clock, a file or the log. Receives documents in log order from the tenant's owner; sends build
 * jobs to a GraphBuilder.
 *
 *   HH1  every live row is in exactly one block: of the tail, or of a graph;
 *   HH2  a row is dead from the moment its document is replaced, deleted or dropped: every search
 *       looks.
 */

import { admits } from "../contract/access.ts";
import type { Candidate, LexicalMatch, Passage, Wanted } from "../contract/candidate.ts";
import type { Filter } from "../contract/filter.ts";
import { type DocumentId, noPosition, type Position } from "../contract/ids.ts";
import type { ChunkTerms, DocumentInfo } from "../contract/record.ts";
import { sparseProduct } from "../contract/sparse.ts";
import { countTerms, indexedText, unpackTerms } from "../text/chunk-terms.ts";
import { queryTerms, titleTerms } from "../text/lexical.ts";
import { AccessIndex, type Admission, isAdmitted } from "./access-index.ts";
import type { Placed } from "./block.ts";
import { checkVector } from "./check-vector.ts";
import { FilterIndex } from "./filter-index.ts";
import { Graphs, type GraphsOptions } from "./graphs.ts";
import { LexicalIndex } from "./lexical-index.ts";
import { nearestRows, scanBelowDefault } from "./nearest.ts";
import type { HotDocument, HotQuery, HotShard, HotStats } from "./port.ts";
import type { Entry, Row } from "./rows.ts";
import { sparseAt, sparseBlockBytes, sparseBlockOf } from "./sparse-block.ts";
import { Tail } from "./tail.ts";
import { createTopK } from "./top-k.ts";

/** Objects as V8 lays them out on 64 bits, with what refers to them; measured. */
const entryBytes = 240;
const rowBytes = 130;
const stringHeadBytes = 20;
const wideCharPattern = /[^\0-\xff]/;
const noRange = [-1, -1] as const;

export function createHotShard(options: GraphsOptions): HotShard {
  return new IndexedHotShard(options);
}

class IndexedHotShard implements HotShard {
  readonly #options: GraphsOptions;
  readonly #entries = new Map<DocumentId, Entry>();
  /** Those that are not kept only, in log order. */
  readonly #unmerged = new Map<DocumentId, Entry>();
  readonly #tail: Tail;
  readonly #lexical = new LexicalIndex();
  readonly #filters = new FilterIndex();
  readonly #access = new AccessIndex();
  readonly #graphs: Graphs;
  #rowCount = 0;
  #textBytes = 0;
  #keptThrough = noPosition;
  readonly #kept = { documents: 0, chunks: 0, bytes: 0 };

  constructor(options: GraphsOptions) {
    this.#options = options;
    this.#tail = new Tail(options.memory, options.dimensions);
    this.#graphs = new Graphs(options, this.#tail);
  }

  upsert(document: HotDocument): void {
    // All vectors first: a document is in the index whole or not at all.
    for (const { vector } of document.chunks) checkVector(vector, this.#options.dimensions);
    const known = this.#entries.get(document.documentId);
    if (known !== undefined && known.version > document.version) return;
    if (known !== undefined) this.#remove(known);
    this.#insert(document);
    this.#graphs.consider();
  }

  delete(documentId: DocumentId): void {
    const known = this.#entries.get(documentId);
    if (known !== undefined) this.#remove(known);
  }

  keepThrough(watermark: Position): void {
    if (watermark <= this.#keptThrough) return;
    this.#keptThrough = watermark;
    for (const entry of this.#unmerged.values()) {
      if (entry.position <= watermark) this.#keep(entry);
    }
  }

  dropThrough(watermark: Position): void {
    for (const entry of this.#entries.values()) {
      if (entry.position <= watermark) this.#remove(entry);
    }
  }

  search(query: HotQuery): readonly Candidate[] {
    const { vector, text, limit, filter, access, wanted = {}, sparse } = query;
    checkVector(vector, this.#options.dimensions);
    const admission = access && this.#access.admission(access);
    if (admission?.rows === 0) return [];
    const picked = filter === undefined ? admission : this.#select(filter, admission);
    const search = this.#filters.search;
    const accepts = ({ entry }: Row): boolean =>
      filter === undefined ? entry.alive : entry.matched === search;
    const { simd } = this.#options.memory;
    const { scanBelow = scanBelowDefault } = this.#options;
    const blocks = [...this.#graphs.blocks, ...this.#tail.blocks];
    const dense = nearestRows(simd, blocks, { vector, limit, picked, scanBelow });
    const lexical = createTopK<Row>(limit);
    const queried = queryTerms(text);
    this.#lexical.search(queried, { accepts, corpus: admission }, lexical);
    const found = [...new Set([...dense.map(({ row }) => row), ...lexical.items()])];
    const matches = this.#lexical.matches(queried, found);
    const { dimensions } = this.#options;
    // One array for all: a hundred of their own cost a question more than its whole search.
    const vectors =
      wanted.vectors === true ? new Float32Array(found.length * dimensions) : undefined;
    // Measured as cold measures it, not as SIMD adds up: they differ by a last bit, and with it
    // would what stands first.
    return found.map((row, index) => {
      const place = row.block.placeOf(row.index);
      const own = vectors?.subarray(index * dimensions, (index + 1) * dimensions);
      const cosine = simd.precise(place, dimensions, own);
      const theirs = sparse && sparseAt(row.entry.sparse, row.chunk);
      const shared = theirs && sparse && sparseProduct(sparse, theirs);
      const lexical = matches[index] as LexicalMatch;
      return candidate(row, { cosine, vector: own, lexical, sparse: shared }, wanted);
    });
  }

  /** Documents come in log order, and one that is replaced goes to the end of the entries. */
  documents({ after, limit, access }: Parameters<HotShard["documents"]>[0]): readonly Entry[] {
    const page: Entry[] = [];
    for (const entry of this.#unmerged.values()) {
      if (entry.position <= after || !admits(access, entry.info.acl)) continue;
      page.push(entry);
      if (page.length === limit) break;
    }
    return page;
  }

  has(documentId: DocumentId): boolean {
    return this.#entries.has(documentId);
  }

  infoOf(documentId: DocumentId): DocumentInfo | undefined {
    return this.#entries.get(documentId)?.info;
  }

  held(): Iterable<Entry> {
    return this.#entries.values();
  }

  get size(): number {
    return this.#entries.size;
  }

  stats(): HotStats {
    const named = this.#filters.bytes + this.#access.bytes;
    const indexBytes = this.#tail.bytes + this.#graphs.bytes + this.#lexical.bytes() + named;
    return {
      documents: this.#entries.size,
      chunks: this.#rowCount,
      bytes: this.#textBytes + indexBytes,
      kept: {
        ...this.#kept,
        // Rows share blocks, graphs and postings: each counts for its part of them.
        bytes: Math.round(
          this.#kept.bytes + indexBytes * (this.#kept.chunks / (this.#rowCount || 1)),
        ),
      },
    };
  }

  close(): void {
    this.#graphs.clear();
    this.#tail.clear();
    this.#entries.clear();
    this.#unmerged.clear();
    this.#lexical.clear();
    this.#filters.clear();
    this.#access.clear();
    this.#rowCount = 0;
    this.#textBytes = 0;
    Object.assign(this.#kept, { documents: 0, chunks: 0, bytes: 0 });
  }

  /** Documents that a filter matches and the reader is let in to. */
  #select(filter: Filter, admission: Admission | undefined): Entry[] {
    const admits = admission && ((entry: Entry): boolean => isAdmitted(entry.labels, admission));
    return this.#filters.select(filter, () => this.#entries.values(), admits);
  }

  #insert(document: HotDocument): void {
    const { info, chunks } = document;
    // Of exactly this length: an array that grows keeps room for more.
    const rows = new Array<Row>(chunks.length);
    const counts = chunks.map(
      ({ text, heading, terms }) =>
        terms ?? countedHere(indexedText(info.title, { heading, text })),
    );
    const terms = counts.reduce((sum, { length }) => sum + length, 0);
    const labels = this.#access.take(info.acl, { rows: rows.length, terms });
    const entry = createEntry(document, { rows, labels, terms });
    const title = titleTerms(info.title);
    let heading: string | undefined;
    for (const [chunk, { text, range, vector, ...own }] of chunks.entries()) {
      // A heading is the same for many chunks in turn, and each came with a copy.
      if (own.heading !== heading) heading = own.heading;
      const [start, end] = range ?? noRange;
      const said = { entry, chunk, text, heading, start, end };
      const row = this.#tail.append((at) => rowOf(said, at), vector, labels.number);
      rows[chunk] = row;
      this.#lexical.add(row, counts[chunk] as ChunkTerms, title);
    }
    this.#entries.set(document.documentId, entry);
    this.#filters.add(entry);
    this.#rowCount += rows.length;
    this.#textBytes += entry.bytes;
    this.#unmerged.set(entry.documentId, entry);
    if (entry.position <= this.#keptThrough) this.#keep(entry);
  }

  #keep(entry: Entry): void {
    entry.kept = true;
    this.#unmerged.delete(entry.documentId);
    this.#countKept(entry, 1);
  }

  #countKept({ rows, bytes }: Entry, by: 1 | -1): void {
    this.#kept.documents += by;
    this.#kept.chunks += by * rows.length;
    this.#kept.bytes += by * bytes;
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.documentId);
    if (entry.kept) this.#countKept(entry, -1);
    else this.#unmerged.delete(entry.documentId);
    entry.alive = false;
    this.#filters.remove(entry);
    this.#access.give(entry.labels, { rows: entry.rows.length, terms: entry.terms });
    for (const row of entry.rows) {
      this.#lexical.remove(row);
      const { block } = row;
      block.remove(row);
      if (block.graph === null) this.#tail.tidy(block);
      else this.#graphs.tidy(block);
    }
    this.#rowCount -= entry.rows.length;
    this.#textBytes -= entry.bytes;
  }
}

function countedHere(text: string): ChunkTerms {
  return unpackTerms(countTerms([text]))[0] as ChunkTerms;
}

/** Rows are all made here, with their fields in one order: so V8 keeps one layout for them. */
function rowOf(
  { entry, chunk, text, heading, start, end }: Omit<Row, "block" | "index" | "place">,
  { block, index }: Placed<Row>,
): Row {
  return { entry, chunk, text, heading, start, end, block, index, place: undefined };
}

function createEntry(document: HotDocument, own: Pick<Entry, "rows" | "labels" | "terms">): Entry {
  const { documentId, version, position, info, chunks } = document;
  let bytes = entryBytes + stringBytes(documentId) + stringBytes(JSON.stringify(info));
  let before: string | undefined;
  for (const { text, heading } of chunks) {
    bytes += rowBytes + stringBytes(text);
    if (heading !== undefined && heading !== before) bytes += stringBytes(heading);
    before = heading;
  }
  const sparse = sparseBlockOf(chunks);
  bytes += sparseBlockBytes(sparse);
  const named = { documentId, version, position, info, ...own };
  return { ...named, sparse, bytes, kept: false, alive: true, matched: 0 };
}

/** V8 takes one byte for each character where all are of Latin-1, else two. */
function stringBytes(text: string): number {
  return stringHeadBytes + (wideCharPattern.test(text) ? 2 : 1) * text.length;
}

/** One literal: a question makes a hundred, and all of one layout are read fastest. */
function candidate(
  row: Row,
  measured: Pick<Candidate, "cosine" | "vector" | "lexical" | "sparse">,
  wanted: Wanted,
): Candidate {
  const { documentId, version, info, rows } = row.entry;
  return {
    shard: "hot",
    documentId,
    version,
    chunk: row.chunk,
    text: row.text,
    heading: row.heading,
    range: rangeOf(row),
    info,
    cosine: measured.cosine,
    lexical: measured.lexical,
    sparse: measured.sparse,
    vector: measured.vector,
    // Texts of a version never change: they may be read after the step that found it.
    siblings: wanted.siblings === true ? () => rows.map(passageOf) : undefined,
  };
}

function passageOf(row: Row): Passage {
  return { chunk: row.chunk, text: row.text, range: rangeOf(row) };
}

function rangeOf({ start, end }: Row): Passage["range"] {
  return start < 0 ? undefined : [start, end];
}

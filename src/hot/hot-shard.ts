/**
 * The hot shard of one tenant (port.ts, H1-H4).
 *
 * Owns the entries, their vectors, the inverted index and the graphs. Never reads a clock, a file or the
 * log. Receives documents in log order from the tenant's owner; sends build jobs to a GraphBuilder.
 *
 *   S1  every live row is in the tail or in exactly one segment, and its vector is in the slabs;
 *   S2  a row is dead from the moment its document is replaced, deleted or dropped: every search looks;
 *   S3  a build works on a snapshot; its graph is swapped in within one synchronous step, without the rows
 *       that died meanwhile. Rows that arrived meanwhile stay in the tail;
 *   S4  a failed build costs speed only: the tail is scanned exactly, and a later size tries again.
 */

import type { Candidate } from "../contract/candidate.ts";
import { matchesFilter } from "../contract/filter.ts";
import type { DocumentId, Position } from "../contract/ids.ts";
import { checkVector } from "./check-vector.ts";
import { FlatTail } from "./flat-tail.ts";
import { Graphs, type GraphsOptions } from "./graphs.ts";
import { LexicalIndex } from "./lexical-index.ts";
import type { HotDocument, HotQuery, HotShard, HotStats } from "./port.ts";
import type { Entry, Row } from "./rows.ts";
import { createTopK } from "./top-k.ts";

/** Strings are counted as two bytes a character, objects as V8 lays them out on 64 bits. */
const charBytes = 2;
const entryBytes = 300;
const rowBytes = 160;

export function createHotShard(options: GraphsOptions): HotShard {
  return new IndexedHotShard(options);
}

class IndexedHotShard implements HotShard {
  readonly #dimensions: number;
  readonly #entries = new Map<DocumentId, Entry>();
  readonly #tail: FlatTail;
  readonly #lexical = new LexicalIndex();
  readonly #graphs: Graphs;
  #rowCount = 0;
  #textBytes = 0;

  constructor(options: GraphsOptions) {
    this.#dimensions = options.dimensions;
    this.#tail = new FlatTail(options.dimensions);
    this.#graphs = new Graphs(options, this.#tail);
  }

  upsert(document: HotDocument): void {
    // All vectors first: a document is in the index whole or not at all.
    for (const { vector } of document.chunks) checkVector(vector, this.#dimensions);
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

  dropThrough(watermark: Position): void {
    for (const entry of this.#entries.values()) {
      if (entry.position <= watermark) this.#remove(entry);
    }
  }

  search(query: HotQuery): readonly Candidate[] {
    checkVector(query.vector, this.#dimensions);
    const accepts = accepting(query);
    const dense = createTopK<Row>(query.limit);
    this.#tail.scan(query.vector, accepts, dense);
    this.#graphs.search({ ...query, accepts }, dense);
    const lexical = createTopK<Row>(query.limit);
    this.#lexical.search(query.text, accepts, lexical);
    const union = new Set([...dense.items(), ...lexical.items()]);
    return [...union].map((row) => candidate(row, this.#tail.cosine(row, query.vector)));
  }

  stats(): HotStats {
    const indexBytes = this.#tail.bytes() + this.#lexical.bytes() + this.#graphs.bytes();
    return {
      documents: this.#entries.size,
      chunks: this.#rowCount,
      bytes: this.#textBytes + indexBytes,
    };
  }

  close(): void {
    this.#graphs.close();
    this.#entries.clear();
    this.#tail.clear();
    this.#lexical.clear();
    this.#rowCount = 0;
    this.#textBytes = 0;
  }

  #insert(document: HotDocument): void {
    const rows: Row[] = [];
    const entry = createEntry(document, rows);
    for (const [chunk, { text, heading, vector }] of document.chunks.entries()) {
      // `append` sets the slab; until then the row is known to nobody.
      const place = { segment: null, index: 0, label: 0, indexed: null };
      const row = { entry, chunk, text, heading, alive: true, ...place } as unknown as Row;
      this.#tail.append(row, vector);
      rows.push(row);
      this.#lexical.add(row, [document.info.title, heading, text].filter(Boolean).join("\n"));
    }
    this.#entries.set(document.documentId, entry);
    this.#rowCount += rows.length;
    this.#textBytes += entry.bytes;
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.documentId);
    for (const row of entry.rows) row.alive = false;
    for (const row of entry.rows) {
      this.#lexical.remove(row);
      this.#graphs.leave(row);
      this.#tail.free(row);
    }
    this.#rowCount -= entry.rows.length;
    this.#textBytes -= entry.bytes;
  }
}

function createEntry(document: HotDocument, rows: readonly Row[]): Entry {
  const { documentId, version, position, info, chunks } = document;
  const chars = chunks.reduce(
    (sum, { text, heading }) => sum + text.length + (heading ?? "").length,
    0,
  );
  const infoChars = documentId.length + JSON.stringify(info).length;
  const bytes = (chars + infoChars) * charBytes + entryBytes + chunks.length * rowBytes;
  return { documentId, version, position, info, rows, bytes };
}

/** A filter is asked once per document, not once per chunk. */
function accepting(query: HotQuery): (row: Row) => boolean {
  const { filter } = query;
  if (filter === undefined) return (row) => row.alive;
  const verdicts = new Map<Entry, boolean>();
  return (row) => {
    if (!row.alive) return false;
    const { entry } = row;
    let verdict = verdicts.get(entry);
    if (verdict === undefined) {
      verdict = matchesFilter({ id: entry.documentId, ...entry.info }, filter);
      verdicts.set(entry, verdict);
    }
    return verdict;
  };
}

function candidate(row: Row, cosine: number): Candidate {
  const { documentId, version, info } = row.entry;
  const { chunk, text, heading } = row;
  return { shard: "hot", documentId, version, chunk, text, heading, info, cosine };
}

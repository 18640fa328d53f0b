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
import type { DocumentId } from "../contract/ids.ts";
import { checkVector } from "./check-vector.ts";
import { createFlatTail, type FlatTail } from "./flat-tail.ts";
import type { Graph, GraphBuilder, GraphInput } from "./graph.ts";
import {
  createSegment,
  dissolve,
  isMostlyDead,
  searchSegment,
  segmentsToFold,
} from "./graph-segment.ts";
import { createLexicalIndex } from "./lexical-index.ts";
import type { HotDocument, HotQuery, HotShard } from "./port.ts";
import type { Entry, Row, Segment } from "./rows.ts";
import { createTopK } from "./top-k.ts";

export interface HotShardOptions {
  readonly dimensions: number;
  /** Rows outside of graphs above which one is built. */
  readonly flatMax: number;
  /** None: always exact. */
  readonly builder?: GraphBuilder | undefined;
  readonly onBuildFailed?: ((error: unknown) => void) | undefined;
}

/** Strings are counted as two bytes a character, objects as V8 lays them out on 64 bits. */
const charBytes = 2;
const entryBytes = 300;
const rowBytes = 160;

export function createHotShard(options: HotShardOptions): HotShard {
  const { dimensions } = options;
  const entries = new Map<DocumentId, Entry>();
  const tail = createFlatTail(dimensions);
  const lexical = createLexicalIndex();
  const graphs = createGraphs(options, tail);
  let rowCount = 0;
  let textBytes = 0;

  function insert(document: HotDocument): void {
    const rows: Row[] = [];
    const entry = createEntry(document, rows);
    for (const [chunk, { text, heading, vector }] of document.chunks.entries()) {
      const row = {
        entry,
        chunk,
        text,
        heading,
        alive: true,
        segment: null,
        index: 0,
        label: 0,
      } as Row;
      tail.append(row, vector);
      rows.push(row);
      lexical.add(row, [document.info.title, heading, text].filter(Boolean).join("\n"));
    }
    entries.set(document.documentId, entry);
    rowCount += rows.length;
    textBytes += entry.bytes;
  }

  function remove(entry: Entry): void {
    entries.delete(entry.documentId);
    for (const row of entry.rows) row.alive = false;
    for (const row of entry.rows) {
      lexical.remove(row);
      graphs.leave(row);
      tail.free(row);
    }
    rowCount -= entry.rows.length;
    textBytes -= entry.bytes;
  }

  return {
    upsert(document) {
      // All vectors first: a document is in the index whole or not at all.
      for (const { vector } of document.chunks) checkVector(vector, dimensions);
      const known = entries.get(document.documentId);
      if (known !== undefined && known.version > document.version) return;
      if (known !== undefined) remove(known);
      insert(document);
      graphs.consider();
    },
    delete(documentId) {
      const known = entries.get(documentId);
      if (known !== undefined) remove(known);
    },
    dropThrough(watermark) {
      for (const entry of entries.values()) {
        if (entry.position <= watermark) remove(entry);
      }
    },
    search(query) {
      checkVector(query.vector, dimensions);
      const accepts = accepting(query);
      const dense = createTopK<Row>(query.limit);
      tail.scan(query.vector, accepts, dense);
      graphs.search({ ...query, accepts }, dense);
      const lexicalBest = createTopK<Row>(query.limit);
      lexical.search(query.text, accepts, lexicalBest);
      const union = new Set([...dense.items(), ...lexicalBest.items()]);
      return [...union].map((row) => candidate(row, tail.cosine(row, query.vector)));
    },
    stats: () => ({
      documents: entries.size,
      chunks: rowCount,
      bytes: textBytes + tail.bytes() + lexical.bytes() + graphs.bytes(),
    }),
    close() {
      graphs.close();
      entries.clear();
      tail.clear();
      lexical.clear();
      rowCount = 0;
      textBytes = 0;
    },
  };
}

interface GraphQuery {
  readonly vector: Float32Array;
  readonly limit: number;
  readonly accepts: (row: Row) => boolean;
}

/** The graphs of a shard: when to build, what to fold, when to give up on one. */
function createGraphs(options: HotShardOptions, tail: FlatTail) {
  const { builder, dimensions, flatMax, onBuildFailed } = options;
  let segments: readonly Segment[] = [];
  let cancel: (() => void) | null = null;
  /** Grows when a build fails, so that a broken builder is not asked at every insert. */
  let buildAbove = flatMax;

  function start(submitTo: GraphBuilder): void {
    let folded: readonly Segment[] = [];
    let rows: readonly Row[] = [];
    cancel = submitTo.submit({
      input() {
        if (tail.tailCount() <= flatMax) {
          cancel = null;
          return null;
        }
        folded = segmentsToFold(tail.tailCount(), segments);
        rows = [...folded.flatMap(liveRows), ...tail.tailRows()];
        return graphInput(rows, dimensions);
      },
      done(graph) {
        cancel = null;
        buildAbove = flatMax;
        swapIn(graph, { rows, folded });
        // The job outlives this call in the builder's queue; the rows must not.
        rows = [];
        folded = [];
        consider();
      },
      failed(error) {
        cancel = null;
        buildAbove = tail.tailCount() + flatMax;
        onBuildFailed?.(error);
      },
    });
  }

  function swapIn(graph: Graph, built: { rows: readonly Row[]; folded: readonly Segment[] }): void {
    const segment = createSegment(graph, built.rows);
    const kept = segments.filter((other) => !built.folded.includes(other));
    segments = [...kept, segment];
    dissolveDead(segment);
  }

  function dissolveDead(segment: Segment): void {
    if (!isMostlyDead(segment)) return;
    dissolve(segment);
    segments = segments.filter((other) => other !== segment);
  }

  function consider(): void {
    if (builder === undefined || cancel !== null || tail.tailCount() <= buildAbove) return;
    start(builder);
  }

  return {
    consider,
    /** Takes a dead row out of its segment; its vector is still in the slabs. */
    leave(row: Row): void {
      const { segment } = row;
      if (segment === null) return;
      segment.rows[row.label] = undefined;
      segment.live -= 1;
      dissolveDead(segment);
    },
    search(query: GraphQuery, best: ReturnType<typeof createTopK<Row>>): void {
      for (const segment of segments) {
        searchSegment(segment, { ...query, cosine: tail.cosine }, best);
      }
    },
    bytes: () => segments.reduce((sum, { graph, rows }) => sum + graph.bytes + rows.length * 8, 0),
    close(): void {
      cancel?.();
      cancel = null;
      buildAbove = Number.POSITIVE_INFINITY;
      segments = [];
    },
  };
}

function liveRows(segment: Segment): Row[] {
  return segment.rows.filter((row): row is Row => row !== undefined);
}

function graphInput(rows: readonly Row[], dimensions: number): GraphInput {
  const blocks = new Map<Float32Array, number>();
  const blockOf = new Uint32Array(rows.length);
  const places = new Uint32Array(rows.length);
  for (const [label, { slab, index }] of rows.entries()) {
    let block = blocks.get(slab.vectors);
    if (block === undefined) {
      block = blocks.size;
      blocks.set(slab.vectors, block);
    }
    blockOf[label] = block;
    places[label] = index;
  }
  return { dimensions, blocks: [...blocks.keys()], blockOf, places };
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

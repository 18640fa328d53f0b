/** Pure: whether a reply says what the oracle says (I3, I4, I5, I6, I8, I12). */

import { type Coverage, isWhole } from "../../src/contract/query.ts";
import { documentsOf } from "./operations.ts";
import type { TenantOracle } from "./oracle.ts";

export interface ObservedSource {
  readonly id: string;
  readonly version: number;
  readonly chunk: number;
  readonly shard: "hot" | "cold";
}

export interface Observation {
  readonly tenant: string;
  readonly bucket: string;
  /** The node that was asked. */
  readonly node: string;
  /** Highest `visible_seq` of a reply that had come before this question was sent. */
  readonly floor: number;
  readonly minSeq: number;
  /** Of the reply; the first one where it says nothing. */
  readonly generation?: number | undefined;
  /** When the reply had come, unix milliseconds. */
  readonly atMs: number;
  readonly result:
    | {
        readonly kind: "found";
        readonly visible: number;
        readonly cold: Coverage["cold"];
        readonly sources: readonly ObservedSource[];
      }
    /** A typed "nothing matches": it names no version, so it must be right for one that it can have seen. */
    | { readonly kind: "nothing"; readonly lastPublished: number };
}

/** Chunks of a version of a document; undefined when CHUNKS has no such record. */
export type ChunkCounts = (version: number) => number | undefined;

/** What is wrong with a reply, one line each; empty when nothing is. */
export function checkAnswer(
  observed: Observation,
  oracle: TenantOracle,
  chunksOf: ChunkCounts,
): readonly string[] {
  const { result } = observed;
  switch (result.kind) {
    case "nothing":
      return checkNothing(observed, oracle, result.lastPublished);
    case "found":
      return [
        ...checkVisible(observed, oracle, result.visible),
        ...checkSources(observed, { oracle, chunksOf, ...result }),
      ];
  }
}

function checkVisible(
  { floor, minSeq }: Observation,
  oracle: TenantOracle,
  visible: number,
): readonly string[] {
  const wrong: string[] = [];
  if (visible < floor) wrong.push(`visible_seq went back from ${floor} to ${visible}`);
  // Sequences are everybody's: a tenant that has nothing up to there sees all of it.
  const wanted = oracle.lastThrough(minSeq);
  if (visible < wanted) wrong.push(`min_seq ${minSeq} was not waited for: visible is ${visible}`);
  return wrong;
}

function checkSources(
  { bucket }: Observation,
  found: {
    readonly oracle: TenantOracle;
    readonly chunksOf: ChunkCounts;
    readonly visible: number;
    readonly cold: Coverage["cold"];
    readonly sources: readonly ObservedSource[];
  },
): readonly string[] {
  const { oracle, chunksOf, visible, cold, sources } = found;
  const live = oracle.liveAt(documentsOf(bucket), visible);
  const wrong: string[] = [];
  const seen = new Map<string, Set<number>>();
  for (const { id, version, chunk, shard } of sources) {
    const newest = live.get(id);
    if (newest === undefined) wrong.push(`${id}@${version} (${shard}) is deleted at ${visible}`);
    else if (version < newest)
      wrong.push(`${id}@${version} (${shard}) is old: ${newest} is visible`);
    else if (version > newest)
      wrong.push(`${id}@${version} (${shard}) is above visible ${visible}`);
    const chunks = seen.get(id) ?? new Set();
    if (chunks.has(chunk)) wrong.push(`${id}@${version}#${chunk} is there twice`);
    seen.set(id, chunks.add(chunk));
  }
  if (!isWhole(cold)) return wrong;
  for (const [id, version] of live) {
    const [there, count] = [seen.get(id)?.size ?? 0, chunksOf(version)];
    if (there < (count ?? 1)) {
      wrong.push(
        `${id}@${version} is missing: ${there} of ${count ?? "some"} chunks (cold ${cold})`,
      );
    }
  }
  return wrong;
}

function checkNothing(
  { bucket, floor, minSeq }: Observation,
  oracle: TenantOracle,
  lastPublished: number,
): readonly string[] {
  const documents = documentsOf(bucket);
  const from = Math.max(floor, oracle.lastThrough(minSeq));
  const candidates = [from, ...oracle.changes(documents, from, lastPublished)];
  if (candidates.some((version) => oracle.liveAt(documents, version).size === 0)) return [];
  return [
    `nothing was found, but at each version from ${from} to ${lastPublished} there is something`,
  ];
}

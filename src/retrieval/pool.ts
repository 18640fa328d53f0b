/** What fusion ranks: the candidates of both shards, each chunk once (F1). Pure. */

import type { Candidate } from "../contract/candidate.ts";
import type { DocumentId } from "../contract/ids.ts";
import { cosineStep } from "./likeness.ts";

/** F1. What comes first stays. */
export function newestOnce(candidates: readonly Candidate[]): Candidate[] {
  const documents = new Map<DocumentId, Candidate[]>();
  for (const candidate of candidates) {
    const known = documents.get(candidate.documentId);
    const version = known?.[0]?.version;
    if (known === undefined || version === undefined || candidate.version > version) {
      documents.set(candidate.documentId, [candidate]);
    } else if (candidate.version === version && !hasChunk(known, candidate.chunk)) {
      known.push(candidate);
    }
  }
  const newest: Candidate[] = [];
  for (const chunks of documents.values()) for (const chunk of chunks) newest.push(chunk);
  return newest;
}

function hasChunk(known: readonly Candidate[], chunk: number): boolean {
  for (const candidate of known) if (candidate.chunk === chunk) return true;
  return false;
}

export interface Pooled {
  readonly candidate: Candidate;
  readonly exact: number;
  /** In steps: as it is scored. */
  readonly cosine: number;
}

export function pooled(candidate: Candidate): Pooled {
  const { cosine } = candidate;
  const exact = Number.isFinite(cosine) ? cosine : -1;
  return { candidate, exact, cosine: Math.round(exact / cosineStep) * cosineStep };
}

export function lacksSparse({ candidate }: Pooled): boolean {
  return candidate.sparse === undefined;
}

/** By the cosines themselves, as each shard picks its nearest. */
export function compareNearness(left: Pooled, right: Pooled): number {
  return right.exact - left.exact || compareIdentity(left.candidate, right.candidate);
}

export function compareIdentity(left: Candidate, right: Candidate): number {
  if (left.documentId !== right.documentId) return left.documentId < right.documentId ? -1 : 1;
  return left.chunk - right.chunk;
}

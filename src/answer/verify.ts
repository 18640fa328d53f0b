/**
 * Whether a reply says the truth about its sources, by the log alone: no engine is asked.
 *
 *   VY1  it passes only if each source is in the log as it is shown, in this version, of this
 *        tenant and deployment, and its citations are those that its answer and its sources give;
 *   VY2  what the log has let go of is neither true nor false;
 *   VY3  what fails is named by its kind; no text is repeated.
 */

import type { z } from "zod";
import { type Citation, originSchema } from "../contract/citation.ts";
import { type Answer, answerSchema, type Source } from "../contract/query.ts";
import type { TextRange } from "../contract/record.ts";
import { citedNumbers } from "./citations.ts";
import { citationsOf } from "./references.ts";

export type ProblemKind =
  /** It is of another log. */
  | "deployment"
  /** It is another tenant's. */
  | "tenant"
  /** No such version is, or was, in the tenant's log. */
  | "version"
  /** The version is another document's. */
  | "document"
  | "chunk"
  | "text"
  | "range"
  /** The sequence is not that of the version. */
  | "seq"
  /** Markers of the answer and its citations differ. */
  | "marker"
  /** The citation is not what answer and source give: another place, sentence or verdict. */
  | "citation";

export interface Problem {
  readonly kind: ProblemKind;
  /** `sources[0]`, `citations[2]`, `origin`, `answer`. */
  readonly place: string;
}

export type Verdict =
  | { readonly outcome: "passed"; readonly sources: number; readonly citations: number }
  | { readonly outcome: "failed"; readonly problems: readonly Problem[] }
  /** `versions`: what the log does not hold any more. */
  | { readonly outcome: "unverifiable"; readonly versions: readonly number[] };

/** A version as CHUNKS has it. */
export type KeptVersion =
  | {
      readonly kind: "kept";
      readonly documentId: string;
      readonly chunks: readonly { readonly text: string; readonly range?: TextRange | undefined }[];
    }
  | { readonly kind: "purged" }
  /** It never was, or published no document. */
  | { readonly kind: "absent" };

export interface VerifiedLog {
  readonly tenant: string;
  readonly deployment: string;
  version(version: number): KeptVersion;
}

/** What a reply has to say to be verified: one of an older engine says less. */
export const verifiableSchema = answerSchema.extend({
  citations: answerSchema.shape.citations.unwrap(),
  origin: originSchema,
});
export type Verifiable = z.infer<typeof verifiableSchema>;

export function verifyAnswer(answer: Verifiable, log: VerifiedLog): Verdict {
  const { origin, sources, citations } = answer;
  const problems: Problem[] = [];
  if (origin.deployment !== log.deployment) problems.push({ kind: "deployment", place: "origin" });
  if (origin.tenant !== log.tenant) problems.push({ kind: "tenant", place: "origin" });
  // The versions mean nothing in another log.
  if (problems.length > 0) return { outcome: "failed", problems };
  const purged = new Set<number>();
  for (const [index, source] of sources.entries()) {
    const kept = log.version(source.version);
    if (kept.kind === "purged") purged.add(source.version);
    const kind = kept.kind === "purged" ? undefined : sourceProblem(source, kept);
    if (kind !== undefined) problems.push({ kind, place: `sources[${index}]` });
  }
  problems.push(...citationProblems(answer));
  if (problems.length > 0) return { outcome: "failed", problems };
  if (purged.size > 0) return { outcome: "unverifiable", versions: [...purged] };
  return { outcome: "passed", sources: sources.length, citations: citations.length };
}

function sourceProblem(
  { id, chunk, text, start, end }: Source,
  kept: Exclude<KeptVersion, { kind: "purged" }>,
): ProblemKind | undefined {
  if (kept.kind === "absent") return "version";
  if (kept.documentId !== id) return "document";
  const stored = kept.chunks[chunk];
  if (stored === undefined) return "chunk";
  if (stored.text !== text) return "text";
  return stored.range?.[0] === start && stored.range?.[1] === end ? undefined : "range";
}

/** By the function that made them: the same answer and sources give the same. */
function citationProblems({ answer, sources, citations }: Verifiable): Problem[] {
  const right = citationsOf(answer, sources);
  const problems: Problem[] = [];
  const strangers = citedNumbers(answer).filter((number) => sources[number - 1] === undefined);
  if (strangers.length > 0 || right.length !== citations.length) {
    problems.push({ kind: "marker", place: "answer" });
  }
  for (const [index, citation] of citations.entries()) {
    const kind = citationProblem(citation, right[index]);
    if (kind !== undefined) problems.push({ kind, place: `citations[${index}]` });
  }
  return problems;
}

function citationProblem(claimed: Citation, right: Citation | undefined): ProblemKind | undefined {
  if (claimed.seq !== claimed.version) return "seq";
  if (right === undefined || claimed.marker !== right.marker) return "marker";
  if (claimed.id !== right.id) return "document";
  if (claimed.version !== right.version) return "version";
  if (claimed.chunk !== right.chunk) return "chunk";
  if (claimed.start !== right.start || claimed.end !== right.end) return "range";
  const { sentence, support, shard } = right;
  const isSame =
    claimed.sentence.start === sentence.start &&
    claimed.sentence.end === sentence.end &&
    claimed.support === support &&
    claimed.shard === shard;
  return isSame ? undefined : "citation";
}

/** Versions that have to be looked up. */
export function versionsOf(answers: readonly Pick<Answer, "sources">[]): ReadonlySet<number> {
  return new Set(answers.flatMap(({ sources }) => sources.map(({ version }) => version)));
}

/** Small parts of a question: its limits, redaction, stopwatch, and the shapes of its reply. */

import type { Written } from "../../src/answer/port.ts";
import { type Access, shownLabels } from "../../src/contract/access.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import { type ErrorCode, FreshetError } from "../../src/contract/errors.ts";
import { type Filter, filterValues, mapFilter, normalFilter } from "../../src/contract/filter.ts";
import { generationOf, type TenantId, tenantOf } from "../../src/contract/ids.ts";
import {
  type Answer,
  type Coverage,
  isWhole,
  type Question,
  type Source,
} from "../../src/contract/query.ts";
import type { Explanation, Relevance } from "../../src/contract/ranking.ts";
import type { Scalar } from "../../src/contract/scalar.ts";
import { noSpan, type Span } from "../../src/contract/tracing.ts";
import { raceAbort } from "../../src/runtime/race-abort.ts";
import { ask, type Reply } from "../../src/runtime/reply.ts";
import type { NameRedactor, NamesText } from "../../src/text/names.ts";
import { type FieldRedactor, labelOf } from "../../src/text/redact-fields.ts";
import type { TenantEntry } from "../directory/directory.ts";
import type { TenantViewMessage } from "../messages.ts";

export interface QuestionLimits {
  readonly candidatesPerShard: number;
  readonly coldSearchMs: number;
  readonly coldRefillRoundsMax: number;
  readonly coldRestartsMax: number;
  /** How often a tenant that does not exist yet is looked for while `min_seq` waits. */
  readonly pollMs: number;
  /** Characters that are redacted before others have their turn. */
  readonly redactionSliceChars: number;
  /**
   * Part of the deadline kept for what follows the model: checks, fallback sentences, the reply.
   */
  readonly replyMs: number;
  /** Least time between two proofs of a streamed answer's words. */
  readonly pieceEveryMs: number;
}

export interface RedactionWork {
  readonly redactor: FieldRedactor;
  readonly sliceChars: number;
  readonly turn: () => Promise<void>;
  /** Behind the recognisers, where that lane is on. */
  readonly names?: NameRedactor["redact"] | undefined;
}

/** I10: before anything else sees it. In slices, so that others have their turn in between. */
export async function redactedQuestion(
  { query, filter: input }: Pick<Question, "query" | "filter">,
  work: RedactionWork,
): Promise<{ readonly text: string; readonly filter: Filter | undefined }> {
  const filter = input && normalFilter(input);
  const { redactor, sliceChars, turn } = work;
  const redacted = new Map<string, RedactedValue>();
  const keyOf = (field: string, value: Scalar): string => `${typeof value} ${field}\0${value}`;
  let slice = 0;
  const others = async (chars: number): Promise<void> => {
    if (slice > 0 && slice + chars > sliceChars) {
      await turn();
      slice = 0;
    }
    slice += chars;
  };
  await others(query.length);
  const text = redactor.line(query);
  for (const { field, value } of filterValues(filter)) {
    await others(field.length + String(value).length);
    const own = { field, value: redactedValue(redactor, field, value) };
    redacted.set(keyOf(field, value), own);
  }
  return {
    text: work.names === undefined ? text : await withoutNames(text, redacted, work.names),
    filter:
      filter &&
      mapFilter(filter, {
        field: (field) => redactedField(redactor, field),
        value: (field, value) => redacted.get(keyOf(field, value))?.value ?? value,
      }),
  };
}

interface RedactedValue {
  readonly field: string;
  value: Scalar;
}

/** Changes the values in place. @returns the question */
async function withoutNames(
  question: string,
  values: ReadonlyMap<string, RedactedValue>,
  names: NameRedactor["redact"],
): Promise<string> {
  const asked: NamesText[] = [{ text: question, charsBefore: question.length }];
  const fields: RedactedValue[] = [];
  for (const each of values.values()) {
    const label = namesLabel(each.field);
    if (label === undefined || typeof each.value !== "string") continue;
    asked.push({ text: each.value, charsBefore: each.value.length, label });
    fields.push(each);
  }
  const [text, ...others] = await names(asked);
  if (text === undefined || others.length !== fields.length)
    throw new FreshetError("internal", "a text was not looked at");
  for (const [index, field] of fields.entries()) field.value = others[index] as string;
  return text;
}

/** As documents are asked about; other fields than these are not changed there. */
function namesLabel(field: string): string | undefined {
  if (field.startsWith(metadataPrefix)) return labelOf(field.slice(metadataPrefix.length));
  return field === "title" || field === "source" ? "" : undefined;
}

const metadataPrefix = "metadata.";

function redactedField(redactor: FieldRedactor, field: string): string {
  if (!field.startsWith(metadataPrefix)) return field;
  return metadataPrefix + redactor.name(field.slice(metadataPrefix.length));
}

/** As the preparer redacted what it is compared with. */
function redactedValue(redactor: FieldRedactor, field: string, value: Scalar): Scalar {
  if (field.startsWith(metadataPrefix))
    return redactor.value(field.slice(metadataPrefix.length), value);
  return typeof value === "string" ? redactor.line(value) : value;
}

/** Stopwatch of a question: milliseconds by stage, each stage may run more than once. */
export class Stopwatch {
  readonly span: Span;
  readonly #now: () => number;
  readonly #begun: number;
  readonly ms = { embed: 0, hot: 0, cold: 0, fuse: 0, llm: 0 };
  failedIn: keyof Stopwatch["ms"] | undefined;

  /** @param span of the question, whose children the stages are */
  constructor(now: () => number, span: Span = noSpan) {
    this.span = span;
    this.#now = now;
    this.#begun = now();
  }

  async time<Value>(
    stage: keyof Stopwatch["ms"],
    work: () => Promise<Value> | Value,
  ): Promise<Value> {
    const begun = this.#now();
    try {
      return await work();
    } catch (thrown) {
      this.failedIn = stage;
      throw thrown;
    } finally {
      this.ms[stage] += this.#now() - begun;
    }
  }

  elapsedMs(): number {
    return this.#now() - this.#begun;
  }

  timings(): Answer["timings"] {
    return { ...this.ms, total: this.#now() - this.#begun };
  }
}

/** What is away for longer than a question may take ends it with no error of its own. */
export function lateError(tenant: TenantId, failedIn: Stopwatch["failedIn"]): FreshetError {
  const why =
    failedIn === "embed"
      ? "deadline_ms passed before the question had its vector: the embedder is away, or has too much to do"
      : undefined;
  return new FreshetError("deadline_exceeded", why, { details: { tenant } });
}

/** Whose an answer is. */
export function originOf(name: TenantId, deployment: string): Answer["origin"] {
  const generation = generationOf(name);
  const origin = { tenant: tenantOf(name), deployment };
  return generation === 1 ? origin : { ...origin, generation };
}

/** When the first of the candidates expires: from then on the ranks of the others may differ. */
export function firstExpiryMs(candidates: readonly Candidate[]): number {
  return candidates.reduce(
    (first, { info }) => Math.min(first, info.expiresAtMs ?? Infinity),
    Infinity,
  );
}

type Writable<Value> = { -readonly [Field in keyof Value]: Value[Field] };

/** @param access of the reader, who is not told for whom else a document is */
export function sourceOf(candidate: Candidate, score: number, access: Access | undefined): Source {
  const { documentId: id, version, chunk, text, shard, info } = candidate;
  const source: Writable<Source> = { id, version, chunk, score, text, shard };
  const { range, heading } = candidate;
  // An absent field is left out of the reply, not sent as null.
  if (range !== undefined) [source.start, source.end] = range;
  if (heading !== undefined) source.heading = heading;
  if (info.title !== undefined) source.title = info.title;
  if (info.source !== undefined) source.source = info.source;
  if (info.language !== undefined) source.language = info.language;
  if (info.metadata !== undefined) source.metadata = info.metadata;
  if (info.timestamp !== undefined) source.timestamp = rfc3339(info.timestamp);
  if (info.publishedAtMs !== undefined) source.published_at = rfc3339(info.publishedAtMs);
  if (info.expiresAtMs !== undefined) source.expires_at = rfc3339(info.expiresAtMs);
  if (info.acl !== undefined) source.acl = [...shownLabels(access, info.acl)];
  return source;
}

function rfc3339(atMs: number): string {
  return new Date(atMs).toISOString();
}

/**
 * Asks a tenant view and waits for its answer, until the signal aborts.
 * @throws FreshetError overloaded (its mailbox is full), cancelled, and what the view answers with
 */
export function askView<Value>(
  { view }: Pick<TenantEntry, "view">,
  signal: AbortSignal,
  message: (reply: Reply<Value>) => TenantViewMessage,
): Promise<Value> {
  const asked = ask<Value, TenantViewMessage>({
    message,
    send: (built) => view.tryPut(built),
    refused: () => new FreshetError("overloaded"),
  });
  return raceAbort(asked, signal);
}

export function notVisible(minSeq: number, visible: number): FreshetError {
  const details = { min_seq: minSeq, visible_seq: visible };
  return new FreshetError("not_visible_yet", undefined, { details });
}

const hidden =
  "nothing that matches is among the nearest chunks; the filter, or newer versions of their documents, hide too many to look at all: name a field by equality";

/** Where "Weaviate does not answer" would not be true. */
const lacking: Partial<Record<Coverage["cold"], string>> = {
  stale: "Weaviate lacks a part of what was merged: the merge worker writes it again",
  timeout: "Weaviate did not answer in time",
};

/** I12: nothing found in half of the data is not "nothing matches": the caller should ask again. */
export function nothingFound(coverage: Coverage["cold"], visible: number): FreshetError {
  const details = { coverage, visible_seq: visible };
  // Asked again it would end in the same way, at least until a merge cleans what is superseded.
  if (coverage === "partial") return new FreshetError("no_results", hidden, { details });
  if (isWhole(coverage)) return new FreshetError("no_results", undefined, { details });
  return new FreshetError("cold_unavailable", lacking[coverage], { details });
}

/** As `nothingFound`: what is not covered may hold what is relevant. */
export function nothingRelevant(
  coverage: Coverage["cold"],
  visible: number,
  { score, threshold }: Relevance,
): FreshetError {
  if (!isWhole(coverage)) return nothingFound(coverage, visible);
  const told = { reason: "not_relevant", relevance: score, threshold };
  const details = { coverage, visible_seq: visible, ...told };
  return new FreshetError("no_results", undefined, { details });
}

/** A search shows what there is, with its relevance, unless it says that it wants none of it. */
export function declinesOf(
  { decline, mode }: Pick<Question, "decline" | "mode">,
  byDefault: boolean | undefined,
): boolean {
  return decline ?? (mode === "answer" && byDefault === true);
}

/**
 * A generation that was given up while the question was embedded has nothing any more, which says
 * nothing of the tenant. Asked again, the one that answers is asked.
 * @param vectors what embeds its questions
 * @throws FreshetError not_ready
 */
export function checkFed(vectors: object | undefined): void {
  if (vectors !== undefined) return;
  throw new FreshetError("not_ready", "the generation that was asked is given up: ask again");
}

/** A question that is explained is worked on by itself, or there would be nothing to tell. */
export function mayShare({ cache, explain }: Pick<Question, "cache" | "explain">): boolean {
  return cache !== false && explain !== true;
}

/** What `explain` says of the prompt; nothing where no model was asked. */
export function promptOf({ prompt }: Written): Pick<Explanation, "prompt"> {
  return prompt === undefined ? {} : { prompt };
}

const toldOfTenant = new Set<ErrorCode>([
  "no_results",
  "cold_unavailable",
  "not_visible_yet",
  "too_stale",
  "outside_window",
  "history_too_large",
]);

/**
 * Errors that say something about a tenant's documents are answers: only its owner may give them
 * (I6).
 */
export function tellsOfTenant(thrown: unknown): boolean {
  return thrown instanceof FreshetError && toldOfTenant.has(thrown.code);
}

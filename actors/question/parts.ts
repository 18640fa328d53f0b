/** Small parts of a question: its limits, redaction, stopwatch, and the shapes of its reply. */

import type { Candidate } from "../../src/contract/candidate.ts";
import { type ErrorCode, FreshetError } from "../../src/contract/errors.ts";
import { type Filter, filterValues, mapFilter, normalFilter } from "../../src/contract/filter.ts";
import {
  type Answer,
  type Coverage,
  isWhole,
  type Question,
  type Source,
} from "../../src/contract/query.ts";
import type { Scalar } from "../../src/contract/scalar.ts";
import { raceAbort } from "../../src/runtime/race-abort.ts";
import { ask, type Reply } from "../../src/runtime/reply.ts";
import type { FieldRedactor } from "../../src/text/redact-fields.ts";
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

/** I10: before anything else sees it. In slices, so that others have their turn in between. */
export async function redactedQuestion(
  { query, filter: input }: Pick<Question, "query" | "filter">,
  work: {
    readonly redactor: FieldRedactor;
    readonly sliceChars: number;
    readonly turn: () => Promise<void>;
  },
): Promise<{ readonly text: string; readonly filter: Filter | undefined }> {
  const filter = input && normalFilter(input);
  const { redactor, sliceChars, turn } = work;
  const redacted = new Map<string, Scalar>();
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
    redacted.set(keyOf(field, value), redactedValue(redactor, field, value));
  }
  return {
    text,
    filter:
      filter &&
      mapFilter(filter, {
        field: (field) => redactedField(redactor, field),
        value: (field, value) => redacted.get(keyOf(field, value)) ?? value,
      }),
  };
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
  readonly #now: () => number;
  readonly #begun: number;
  readonly ms = { embed: 0, hot: 0, cold: 0, fuse: 0, llm: 0 };

  constructor(now: () => number) {
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

export function sourceOf(candidate: Candidate, score: number): Source {
  const { documentId: id, version, chunk, text, heading, info, shard } = candidate;
  const { title, source, language, acl, metadata } = info;
  const described = {
    ...{ heading, title, source, language, metadata },
    timestamp: rfc3339(info.timestamp),
    published_at: rfc3339(info.publishedAtMs),
    expires_at: rfc3339(info.expiresAtMs),
    acl: acl && [...acl],
  };
  // An absent field is left out of the reply, not sent as null.
  const present = Object.fromEntries(
    Object.entries(described).filter(([, value]) => value !== undefined),
  ) as Partial<Source>;
  return { id, version, chunk, score, text, ...present, shard };
}

function rfc3339(atMs: number | undefined): string | undefined {
  return atMs === undefined ? undefined : new Date(atMs).toISOString();
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

/** I12: nothing found in half of the data is not "nothing matches": the caller should ask again. */
export function nothingFound(coverage: Coverage["cold"]): FreshetError {
  const code = isWhole(coverage) ? "no_results" : "cold_unavailable";
  return new FreshetError(code, undefined, { details: { coverage } });
}

const toldOfTenant = new Set<ErrorCode>(["no_results", "cold_unavailable", "not_visible_yet"]);

/**
 * Errors that say something about a tenant's documents are answers: only its owner may give them
 * (I6).
 */
export function tellsOfTenant(thrown: unknown): boolean {
  return thrown instanceof FreshetError && toldOfTenant.has(thrown.code);
}

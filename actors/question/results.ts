/**
 * What searches have found, kept for equal questions of the same tenant while nothing has changed
 * that could change it, and one search for equal questions that are asked at once.
 *
 * A question comes here with the snapshot of its tenant's view, taken after its `min_seq` was
 * visible. A result counts only under the snapshot's revision, which changes with everything that
 * could change a search's answer; so it is what a search would find now. The proof of the lease is
 * not here: each question makes its own (I6).
 *
 *   QR1  a result counts only at the revision at which its search masked and searched (I4, I5),
 *        and until the first of the candidates it was ranked among expires;
 *   QR2  a search that left anything out (`coverage`) is not kept: the next one may find it (I12);
 *   QR3  a question whose turn it is to look for the marker in cold searches: with kept results
 *        alone nobody would notice that cold has lost documents;
 *   QR4  ranks that depend on the time of the question (`recency`) are not kept;
 *   QR5  a caller that leaves does not end the search for the others;
 *   QR6  kept apart by tenant: neither its bytes nor its timing are another's (I9);
 *   QR7  and by the clause of the reader's groups: what one was shown is no other's, nor whether
 *        it was asked at all.
 */

import type { Access } from "../../src/contract/access.ts";
import type { Filter } from "../../src/contract/filter.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import type { Metrics } from "../../src/contract/observation.ts";
import {
  type Answer,
  type Coverage,
  isWhole,
  type Question,
  type Source,
} from "../../src/contract/query.ts";
import type { Explanation, Relevance, rankingFields } from "../../src/contract/ranking.ts";
import { ByteCache, type ByteCacheOptions, type Keep } from "../../src/runtime/byte-cache.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { SharedWorks } from "../../src/runtime/shared-work.ts";
import type { Snapshot } from "../messages.ts";
import { mayShare } from "./parts.ts";

/** What one search found. */
export interface Retrieved {
  readonly sources: readonly Source[];
  readonly coverage: Coverage["cold"];
  readonly visible: Version;
  /** Of the view, in the step that searched. */
  readonly revision: number;
  /** When the first of its candidates expires, unix milliseconds; Infinity when none does. */
  readonly expiresAtMs: number;
  readonly relevance: Relevance;
  /** What the ranking covered; absent parts were not asked for. */
  readonly also: Pick<Coverage, "rerank" | "context" | "sparse">;
  /** Only where the question asks for it, and then nothing is kept. */
  readonly explain?: Omit<Explanation, "prompt"> | undefined;
}

/** A question as its search depends on it. */
export interface SearchAsked {
  readonly tenant: TenantId;
  /** Redacted, as are the texts of the filter. */
  readonly text: string;
  readonly filter: Filter | undefined;
  /** Of the reader (QR7). */
  readonly access: Access | undefined;
  readonly question: Pick<Question, "top_k" | "recency" | "cache" | keyof typeof rankingFields>;
  readonly snapshot: Snapshot;
  /** Aborts when the question is over. */
  readonly signal: AbortSignal;
}

export type SearchKept = NonNullable<Answer["cache"]>["search"];

export interface SearchResultsOptions {
  readonly kept: ByteCacheOptions;
  readonly clock: Pick<Clock, "nowMs">;
  readonly metrics: Metrics;
  /** False: every question searches. */
  readonly isOn: boolean;
}

interface Outcome {
  readonly retrieved: Retrieved;
  readonly kept: SearchKept;
}

export class SearchResults {
  readonly #options: SearchResultsOptions;
  readonly #kept: ByteCache<Retrieved>;
  readonly #underWay = new SharedWorks<Retrieved>();

  constructor(options: SearchResultsOptions) {
    this.#options = options;
    this.#kept = new ByteCache(options.kept);
  }

  /** All that is kept of a tenant. */
  forget(tenant: string): void {
    this.#kept.forget(tenant);
  }

  /** @param search finds it anew; its signal aborts when no question waits for it any more */
  async of(
    asked: SearchAsked,
    search: (signal: AbortSignal) => Promise<Retrieved>,
  ): Promise<Outcome> {
    const { question, snapshot, signal } = asked;
    const isOff = !this.#options.isOn || !mayShare(question);
    if (isOff || question.recency !== undefined) {
      this.#count("off");
      return { retrieved: await search(signal), kept: "off" };
    }
    const searchAndKeep = (all: AbortSignal): Promise<Retrieved> =>
      this.#kept.making(asked.tenant, async (keep) => {
        const retrieved = await search(all);
        this.#keep(keep, asked, retrieved);
        return retrieved;
      });
    const looks = snapshot.coldExists && !snapshot.isResident && snapshot.markerSeen === undefined;
    if (looks) {
      this.#count("miss");
      return { retrieved: await searchAndKeep(signal), kept: "miss" }; // QR3
    }
    const { revision } = snapshot;
    const key = keyOf(asked);
    const known = this.#kept.get(asked.tenant, key);
    if (known?.revision === revision && this.#isFresh(known)) {
      return this.#hit("hit", known, snapshot);
    }
    const place = `${asked.tenant} ${revision} ${key}`;
    const work = await this.#underWay.do(place, searchAndKeep, signal);
    if (!work.isShared) {
      this.#count("miss");
      return { retrieved: work.value, kept: "miss" };
    }
    if (this.#isFresh(work.value)) return this.#hit("shared", work.value, snapshot);
    this.#count("miss");
    return { retrieved: await searchAndKeep(signal), kept: "miss" };
  }

  #hit(outcome: "hit" | "shared", found: Retrieved, { visible }: Snapshot): Outcome {
    this.#count(outcome);
    // What became visible since and changed no search is covered as well.
    const covered = Math.max(found.visible, visible) as Version;
    return { retrieved: { ...found, visible: covered }, kept: "hit" };
  }

  #isFresh({ expiresAtMs }: Retrieved): boolean {
    return this.#options.clock.nowMs() < expiresAtMs;
  }

  #keep(keep: Keep<Retrieved>, asked: SearchAsked, retrieved: Retrieved): void {
    if (!coversAll(retrieved) || !this.#isFresh(retrieved)) return;
    const key = keyOf(asked);
    // Revisions of a node grow: what another question has kept meanwhile may be newer.
    const known = this.#kept.get(asked.tenant, key);
    if (known !== undefined && known.revision > retrieved.revision) return;
    keep(key, { value: retrieved, bytes: bytesOf(retrieved.sources) });
    this.#options.metrics.set("question_cache_bytes", this.#kept.bytes, { cache: "searches" });
  }

  #count(outcome: string): void {
    this.#options.metrics.count("question_cache_total", { cache: "searches", outcome });
  }
}

/** QR2 */
function coversAll({ coverage, also: { rerank, context, sparse } }: Retrieved): boolean {
  const hasReranked = rerank === undefined || rerank === "complete";
  const isRanked = hasReranked && sparse !== "unavailable";
  return isWhole(coverage) && isRanked && context !== "partial";
}

/**
 * Without the revision: of each question the newest result is kept and no older one. The mode plays
 * no part: the sources of an answer are those of a search, and so is whether they are relevant.
 */
function keyOf({ text, filter, access, question }: SearchAsked): string {
  const { top_k, rank_by, min_cosine, diversity, context, rerank } = question;
  const ranked = JSON.stringify([top_k, rank_by, min_cosine, diversity, context, rerank]);
  return `${ranked} ${access?.key ?? "all"} ${filterKey(filter)}\n${text}`;
}

/** JSON has no sets, whose order says nothing, and no bound that is open. */
export function filterKey(filter: Filter | undefined): string {
  return JSON.stringify(filter ?? null, (_name, value: unknown) => {
    if (value instanceof Set) {
      return [...(value as ReadonlySet<unknown>)].map((each) => JSON.stringify(each)).sort();
    }
    return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  });
}

/** What a source costs besides its texts. */
const sourceBytes = 512;

/** Two bytes a character, as V8 keeps all that is not Latin. */
function bytesOf(sources: readonly Source[]): number {
  return sources.reduce((sum, { text, heading, title, source, acl, metadata, context }) => {
    const around = context?.text.length ?? 0;
    const short = (heading ?? "").length + (title ?? "").length + (source ?? "").length;
    const described = JSON.stringify({ acl, metadata }).length;
    return sum + sourceBytes + 2 * (text.length + around + short + described);
  }, 0);
}

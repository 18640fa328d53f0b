/**
 * The search of one question: cold first, then the tenant view, again while the answer would have a
 * gap (Q1-Q3, Q5).
 */

import type { ColdQuery, ColdShard } from "../../src/cold/port.ts";
import type { Access } from "../../src/contract/access.ts";
import type { Candidate, Wanted } from "../../src/contract/candidate.ts";
import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import { hasExpired } from "../../src/contract/expiry.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import type { Coverage } from "../../src/contract/query.ts";
import { spanned } from "../../src/contract/tracing.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { Deadline } from "../../src/runtime/deadline.ts";
import { raceAbort } from "../../src/runtime/race-abort.ts";
import type { TenantEntry } from "../directory/directory.ts";
import type { SearchOutcome, Snapshot } from "../messages.ts";
import { askView, type QuestionLimits, type Stopwatch } from "./parts.ts";

export interface SearchOptions {
  readonly cold: Pick<ColdShard, "search" | "readMarker">;
  readonly limits: Pick<
    QuestionLimits,
    "candidatesPerShard" | "coldSearchMs" | "coldRefillRoundsMax" | "coldRestartsMax"
  >;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** What is searched for, and until when. */
export interface Searched
  extends Pick<ColdQuery, "tenant" | "vector" | "text" | "filter" | "sparse"> {
  readonly entry: TenantEntry;
  /** Of the reader: both shards apply it inside. Undefined: it sees everything. */
  readonly access: Access | undefined;
  readonly wanted?: Wanted | undefined;
  /** Live hits that the question wants. */
  readonly topK: number;
  /** Aborts when the question is over. */
  readonly signal: AbortSignal;
}

export type Found = Extract<SearchOutcome, { kind: "found" }>;

/** What of cold's hits the heads hid in the last search, and how many searches there were. */
export interface Hidden {
  readonly superseded: number;
  readonly expired: number;
  readonly coldSearches: number;
}

/** What cold contributed to a question, and why not more. */
interface ColdResult {
  readonly hits: readonly Candidate[];
  readonly coverage: Coverage["cold"];
}

const inCold = { "db.system.name": "weaviate", "db.operation.name": "search" };

export class QuestionSearch {
  readonly #options: SearchOptions;
  readonly #searched: Searched;
  readonly #clock: Clock;
  readonly #stages: Stopwatch;

  constructor(
    options: SearchOptions,
    searched: Searched,
    { clock, stages }: { readonly clock: Clock; readonly stages: Stopwatch },
  ) {
    this.#options = options;
    this.#searched = searched;
    this.#clock = clock;
    this.#stages = stages;
  }

  /**
   * @throws FreshetError overloaded (hot dropped again and again), not_ready, cancelled, internal
   */
  async run(begun: Snapshot): Promise<{
    readonly found: Found;
    readonly coverage: Coverage["cold"];
    readonly hidden: Hidden;
  }> {
    const { limits } = this.#options;
    const { topK } = this.#searched;
    let snapshot = begun;
    let limit = limits.candidatesPerShard;
    let restarts = 0;
    let refills = 0;
    for (;;) {
      // What has expired is masked, as what is stale; only where that hid too much is cold told.
      const aliveAtMs = refills === 0 ? undefined : this.#clock.nowMs();
      const asked = { limit, aliveAtMs };
      const cold = await this.#stages.time("cold", () => this.#searchCold(snapshot, asked));
      const outcome = await spanned(this.#stages.span.child("search hot"), () =>
        this.#maskAndSearchHot(snapshot, cold),
      );
      if (outcome.kind === "dropped") {
        restarts += 1;
        if (restarts > limits.coldRestartsMax) throw new FreshetError("overloaded");
        snapshot = outcome.snapshot; // Q2
        continue;
      }
      this.#stages.ms.hot += outcome.hotMs;
      const hidden = cold.hits.length - outcome.cold.length;
      const isShort = hidden > 0 && cold.hits.length >= limit && outcome.cold.length < topK;
      if (!isShort || refills >= limits.coldRefillRoundsMax) {
        // Behind all that is hidden may lie what matches (I12).
        const isCut = isShort && cold.coverage === "complete";
        const coverage = isCut ? "partial" : cold.coverage;
        this.#options.metrics.count("searches_total", { cold: coverage });
        const isAsked = coverage !== "empty" && coverage !== "resident";
        const coldSearches = isAsked ? 1 + restarts + refills : 0;
        return {
          found: outcome,
          coverage,
          hidden: { ...this.#hiddenOf(cold.hits, outcome.cold), coldSearches },
        };
      }
      refills += 1; // Q3
      limit *= 2;
    }
  }

  #hiddenOf(
    hits: readonly Candidate[],
    shown: readonly Candidate[],
  ): Pick<Hidden, "superseded" | "expired"> {
    const nowMs = this.#clock.nowMs();
    const left = new Set(shown);
    const hidden = hits.filter((hit) => !left.has(hit));
    const expired = hidden.filter(({ info }) => hasExpired(info, nowMs)).length;
    return { expired, superseded: hidden.length - expired };
  }

  /** Q1: one step at the tenant view. */
  #maskAndSearchHot(
    { watermark }: Snapshot,
    { hits: coldHits, coverage }: ColdResult,
  ): Promise<SearchOutcome> {
    const { entry, vector, text, filter, access, wanted, sparse, signal } = this.#searched;
    const limit = this.#options.limits.candidatesPerShard;
    return askView<SearchOutcome>(entry, signal, (reply) => ({
      type: "search",
      watermark,
      mustBeResident: coverage === "resident",
      coldHits,
      vector,
      text,
      limit,
      filter,
      access,
      wanted,
      sparse,
      reply,
    }));
  }

  /**
   * Q5: what cold cannot do is said in `coverage`.
   * @throws FreshetError internal, which is a bug
   */
  async #searchCold(
    snapshot: Snapshot,
    asked: Pick<ColdQuery, "limit" | "aliveAtMs">,
  ): Promise<ColdResult> {
    if (!snapshot.coldExists) return { hits: [], coverage: "empty" };
    if (snapshot.isResident) return { hits: [], coverage: "resident" };
    const { cold, limits, metrics } = this.#options;
    const { tenant, vector, text, filter, access, wanted, sparse, signal } = this.#searched;
    const span = this.#stages.span.child("search cold", inCold);
    const budget = new Deadline(this.#clock, limits.coldSearchMs, signal);
    const begun = this.#clock.monotonicMs();
    try {
      const { traceparent } = span;
      const found = { tenant, vector, text, filter, access, wanted, sparse };
      const query = { ...found, ...asked, signal: budget.signal, traceparent };
      const [{ hits, isCut, isUnknown }, isMarked] = await raceAbort(
        Promise.all([cold.search(query), this.#markerIsCurrent(snapshot)]),
        budget.signal,
      );
      const mustLook = snapshot.markerSeen === true && hits.length < asked.limit;
      const isCurrent =
        isMarked &&
        isUnknown !== true &&
        (!mustLook || (await raceAbort(this.#findsMarker(snapshot), budget.signal)));
      metrics.observe("cold_search_seconds", (this.#clock.monotonicMs() - begun) / 1000);
      span.set({ "freshet.hits": hits.length });
      span.end();
      if (isUnknown === true) this.#missesMarker(snapshot);
      if (!isCurrent) return { hits, coverage: "stale" };
      return { hits, coverage: isCut ? "partial" : "complete" };
    } catch (thrown) {
      metrics.count("cold_errors_total", { operation: "search" });
      span.end(budget.isOver ? "cold_unavailable" : toFreshetError(thrown).code);
      if (budget.isOver) return { hits: [], coverage: "timeout" };
      this.#throwBug(thrown);
      return { hits: [], coverage: "unavailable" };
    } finally {
      budget.clear();
    }
  }

  /** Q6: answered as "unavailable", a bug would look like an outage that never ends. */
  #throwBug(thrown: unknown): void {
    const error = toFreshetError(thrown);
    if (error.code !== "internal") return;
    const { tenant } = this.#searched;
    this.#options.logger.error({ tenant, err: thrown }, "the search in cold broke an invariant");
    throw error;
  }

  /**
   * Whether cold holds the marker of this watermark: looked up now and then, remembered by the
   * tenant view in between. A shard that lost its disk since has less to show than is asked for:
   * then the memory does not count.
   */
  async #markerIsCurrent(snapshot: Snapshot): Promise<boolean> {
    return snapshot.markerSeen ?? (await this.#findsMarker(snapshot));
  }

  async #findsMarker({ watermark }: Pick<Snapshot, "watermark">): Promise<boolean> {
    const { tenant, entry } = this.#searched;
    const lookedAtMs = this.#clock.monotonicMs();
    const marker = await this.#options.cold.readMarker(tenant);
    const seen = marker !== null && marker.to >= watermark;
    entry.view.tryPut({ type: "marker", watermark, seen, lookedAtMs });
    return seen;
  }

  /**
   * It is looked for again by each question: the repair that the view asks for writes it without a
   * new manifest.
   */
  #missesMarker({ watermark }: Pick<Snapshot, "watermark">): void {
    const lookedAtMs = this.#clock.monotonicMs();
    this.#searched.entry.view.tryPut({ type: "marker", watermark, seen: false, lookedAtMs });
  }
}

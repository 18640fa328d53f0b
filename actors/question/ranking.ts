/**
 * From what both shards found to the sources of a reply: fused, reranked where that is set up,
 * freed of repetitions and given their context where the question asks for it.
 *
 *   QK1  what a reranker or cold fails to give costs its part and is said in the coverage (I12);
 *        the order without it stands;
 *   QK2  only what is stored, which is redacted, and the redacted question leave for a reranker
 *        (I10);
 *   QK3  a context is of the version that was found, so that masks and filters hold for it, too.
 */

import { objectId } from "../../src/cold/object-id.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import type { Access } from "../../src/contract/access.ts";
import type { Candidate, Passage, Wanted } from "../../src/contract/candidate.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import type { Coverage, Question, Source } from "../../src/contract/query.ts";
import type { Explanation, Relevance } from "../../src/contract/ranking.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
import { type Context, contextsOf, neighboursOf } from "../../src/retrieval/context.ts";
import { type Diverse, diversify } from "../../src/retrieval/diversity.ts";
import { explanationOf } from "../../src/retrieval/explain.ts";
import { type Fused, type Ranking, rank } from "../../src/retrieval/fusion.ts";
import { relevanceOf, relevanceThreshold } from "../../src/retrieval/relevance.ts";
import { inOrderOf } from "../../src/retrieval/rerank-order.ts";
import type { Reranker } from "../../src/retrieval/rerank-port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { Deadline } from "../../src/runtime/deadline.ts";
import { raceAbort } from "../../src/runtime/race-abort.ts";
import { type QuestionLimits, sourceOf } from "./parts.ts";
import type { Found, Hidden } from "./search.ts";

export interface Reranking {
  readonly reranker: Reranker;
  /** After it the fused order stands. */
  readonly deadlineMs: number;
}

export interface RankingParts {
  readonly reranking?: Reranking | undefined;
  readonly cold: Pick<ColdShard, "stored">;
  readonly limits: Pick<QuestionLimits, "candidatesPerShard" | "coldSearchMs">;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Pick<Logger, "warn">;
}

export interface RankingAsked {
  readonly tenant: TenantId;
  /** Redacted. */
  readonly text: string;
  readonly question: Question;
  /** Of the reader: a source shows it no labels but its own. */
  readonly access: Access | undefined;
  readonly found: Pick<Found, "hot" | "cold">;
  readonly hidden: Hidden;
  /** Of the question. */
  readonly sparse?: SparseVector | undefined;
  /** It should have one. */
  readonly lacksSparse?: true | undefined;
  readonly signal: AbortSignal;
}

export interface Ranked {
  readonly sources: readonly Source[];
  readonly relevance: Relevance;
  readonly coverage: Pick<Coverage, "rerank" | "context" | "sparse">;
  readonly explain?: Omit<Explanation, "prompt"> | undefined;
}

/** What the shards have to bring for this question's ranking. */
export function wantedBy({ diversity, context, rank_by }: Question): Wanted | undefined {
  const vectors = diversity !== undefined || (rank_by ?? "hybrid") === "hybrid";
  const siblings = context === "window" || context === "document";
  return vectors || siblings ? { vectors, siblings } : undefined;
}

export class QuestionRanking {
  readonly #parts: RankingParts;
  readonly #asked: RankingAsked;

  constructor(parts: RankingParts, asked: RankingAsked) {
    this.#parts = parts;
    this.#asked = asked;
  }

  /** @throws FreshetError cancelled */
  async run(): Promise<Ranked> {
    const { question, found, hidden } = this.#asked;
    const ranking = this.#fuse();
    const reranked = await this.#rerank(ranking.fused);
    const { shown, folded } = this.#diversify(reranked.fused);
    const contexts = await this.#contexts(shown.map(({ candidate }) => candidate));
    const sources = shown.map((each, index) =>
      this.#sourceOf(each, {
        context: contexts.of[index],
        rerank: reranked.scores?.get(each.candidate),
      }),
    );
    const { relevance } = ranking;
    const explained = {
      ...{ rankBy: question.rank_by ?? "hybrid", ranking, folded, hidden },
      found: { hot: found.hot.length, cold: found.cold.length },
      shown: shown.map(({ candidate }) => candidate),
      reranked: reranked.scores && [...reranked.scores.keys()],
    } as const;
    return {
      sources,
      relevance: { score: relevanceOf(relevance), threshold: relevanceThreshold, ...relevance },
      coverage: {
        ...this.#sparseCoverage(ranking),
        ...(reranked.coverage && { rerank: reranked.coverage }),
        ...(contexts.coverage && { context: contexts.coverage }),
      },
      ...(question.explain === true && { explain: explanationOf(explained) }),
    };
  }

  /**
   * Where passages that differ are preferred the signal plays no part: it lowers the score of all
   * that it says nothing of, and among those what one shard's list of words had room for, and not
   * another's, would be picked because it differs (F2).
   */
  get #sparse(): SparseVector | undefined {
    return this.#asked.question.diversity === undefined ? this.#asked.sparse : undefined;
  }

  #sparseCoverage({ counts }: Ranking): Pick<Coverage, "sparse"> {
    const { question, lacksSparse } = this.#asked;
    const sparse = this.#sparse;
    const isFused = (question.rank_by ?? "hybrid") === "hybrid";
    if (!isFused || question.diversity !== undefined) return {};
    if (lacksSparse) return { sparse: "unavailable" };
    if (sparse === undefined) return {};
    return { sparse: counts.withoutSparse === 0 ? "complete" : "partial" };
  }

  get #reranking(): Reranking | undefined {
    return this.#asked.question.rerank === false ? undefined : this.#parts.reranking;
  }

  #fuse(): Ranking {
    const { question, found, text } = this.#asked;
    const { limits: own, clock, metrics } = this.#parts;
    const begun = clock.monotonicMs();
    const limit = Math.max(
      question.top_k,
      this.#reranking === undefined ? 0 : limits.rerankCandidates,
      question.diversity === undefined ? 0 : limits.diversityPoolMax,
    );
    const ranking = rank({
      ...{ question: text, hot: found.hot, cold: found.cold, limit },
      perList: own.candidatesPerShard,
      recency: question.recency && { recency: question.recency, nowMs: clock.nowMs() },
      ...{ rankBy: question.rank_by, sparse: this.#sparse },
      minCosine: question.min_cosine,
    });
    metrics.observe("fusion_seconds", (clock.monotonicMs() - begun) / 1000);
    return ranking;
  }

  /** QK1, QK2. */
  async #rerank(fused: readonly Fused[]): Promise<{
    readonly fused: readonly Fused[];
    readonly scores?: ReadonlyMap<Candidate, number> | undefined;
    readonly coverage?: Coverage["rerank"];
  }> {
    const reranking = this.#reranking;
    const asked = fused.slice(0, limits.rerankCandidates);
    if (reranking === undefined || asked.length === 0) return { fused };
    const { clock, metrics, logger } = this.#parts;
    const { text: query, signal, tenant } = this.#asked;
    const budget = new Deadline(clock, reranking.deadlineMs, signal);
    const begun = clock.monotonicMs();
    try {
      const texts = asked.map(({ candidate }) => readText(candidate));
      const request = { query, texts, signal: budget.signal };
      const scores = await raceAbort(reranking.reranker.scores(request), budget.signal);
      metrics.observe("rerank_seconds", (clock.monotonicMs() - begun) / 1000);
      return { ...inOrderOf(fused, scores), coverage: "complete" };
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      const outcome = budget.isOver ? "timeout" : "unavailable";
      metrics.count("rerank_errors_total", { outcome });
      const { code, details } = toFreshetError(thrown);
      logger.warn({ tenant, code, outcome, ...details }, "the reranker did not rank");
      return { fused, coverage: outcome };
    } finally {
      budget.clear();
    }
  }

  #diversify(fused: readonly Fused[]): {
    readonly shown: readonly (Fused & Partial<Diverse>)[];
    readonly folded: number;
  } {
    const { diversity, top_k: limit } = this.#asked.question;
    if (diversity === undefined) return { shown: fused.slice(0, limit), folded: 0 };
    const { fused: shown, folded } = diversify(fused, { diversity, limit });
    return { shown, folded };
  }

  #sourceOf(
    { candidate, score, signals, duplicates }: Fused & Partial<Diverse>,
    more: { readonly context: Context | undefined; readonly rerank: number | undefined },
  ): Source {
    return {
      ...sourceOf(candidate, score, this.#asked.access),
      cosine: signals.cosine,
      bm25: signals.bm25,
      ...(signals.sparse === undefined ? {} : { sparse: signals.sparse }),
      ...(more.rerank === undefined ? {} : { rerank: more.rerank }),
      ...(duplicates === undefined ? {} : { duplicates }),
      ...(more.context === undefined ? {} : { context: more.context }),
    };
  }

  /** QK3: from memory where the search had it there, the rest in one read of cold. */
  async #contexts(shown: readonly Candidate[]): Promise<{
    readonly of: readonly (Context | undefined)[];
    readonly coverage?: Coverage["context"];
  }> {
    const { context = "chunk" } = this.#asked.question;
    if (context === "chunk" || shown.length === 0) return { of: [] };
    const around = context === "window" ? 1 : limits.contextChunksAroundMax;
    const inMemory = new Map<string, ReadonlyMap<number, Passage>>();
    for (const { siblings, ...candidate } of shown) {
      const known = siblings?.().map((passage) => [passage.chunk, passage] as const);
      if (known !== undefined) inMemory.set(placeOf(candidate), new Map(known));
    }
    const away = shown.filter((candidate) => !inMemory.has(placeOf(candidate)));
    const { stored, isWhole } = await this.#readCold(away, around);
    const of = contextsOf(
      shown.map((candidate) => ({ ...candidate, place: placeOf(candidate) })),
      {
        ...{ around, charsMax: limits.promptCharsMax },
        read: (place, chunk) => inMemory.get(place)?.get(chunk) ?? stored.get(`${place}\n${chunk}`),
      },
    );
    return { of, coverage: isWhole ? "complete" : "partial" };
  }

  async #readCold(
    found: readonly Candidate[],
    around: number,
  ): Promise<{ readonly stored: ReadonlyMap<string, Passage>; readonly isWhole: boolean }> {
    const { tenant, signal } = this.#asked;
    const ids = nearestFirst(found, around).map((at) => objectId({ tenant, ...at }));
    const asked = [...new Set(ids)].slice(0, limits.contextColdChunksMax);
    if (asked.length === 0) return { stored: new Map(), isWhole: true };
    const { cold, clock, metrics, limits: own } = this.#parts;
    const budget = new Deadline(clock, own.coldSearchMs, signal);
    try {
      const objects = await raceAbort(cold.stored(tenant, asked), budget.signal);
      const stored = objects.map(
        (object) => [`${placeOf(object)}\n${object.chunk}`, object] as const,
      );
      return { stored: new Map(stored), isWhole: true };
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      metrics.count("cold_errors_total", { operation: "stored" });
      if (!budget.isOver && toFreshetError(thrown).code === "internal") throw thrown;
      return { stored: new Map(), isWhole: false };
    } finally {
      budget.clear();
    }
  }
}

/** What a reader is shown of a passage. */
function readText({ heading, text, info }: Candidate): string {
  return [info.title, heading, text].filter(Boolean).join("\n");
}

type Placed = Pick<Candidate, "documentId" | "version">;

/** Ids hold no control characters. */
function placeOf({ documentId, version }: Placed): string {
  return `${documentId}\n${version}`;
}

/** The bound on a read cuts what is far away, of every passage alike. */
function nearestFirst(
  found: readonly Candidate[],
  around: number,
): readonly (Placed & { readonly chunk: number })[] {
  const each = found.map((candidate) => ({ candidate, chunks: neighboursOf(candidate, around) }));
  return Array.from({ length: 2 * around }, (_, step) =>
    each.flatMap(({ candidate: { documentId, version }, chunks }) => {
      const chunk = chunks[step];
      return chunk === undefined ? [] : [{ documentId, version, chunk }];
    }),
  ).flat();
}

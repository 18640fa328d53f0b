/**
 * Question: the query actor. It takes one question at a time from the pool's mailbox and follows it
 * from words to a cited answer.
 *
 * Owns: one question while it lasts.
 * Never: answers without a proof of its lease, whatever is kept of earlier questions.
 * Receives: question.
 * Sends: a text to the embedder (query lane); snapshot, search, marker to the tenant view.
 * Parts: lookup.ts (the tenant and its snapshot), search.ts (cold and hot), pieces.ts (a streamed
 * answer on its way out); vectors.ts and results.ts, which the whole pool shares, keep what equal
 * questions need not do again.
 *
 *   Q1  cold is searched first; then, in one step at the tenant view, cold hits are masked by the
 *       heads and hot is searched: a document that moves or changes in between is seen once, in its
 *       newest version (I5);
 *   Q2  if hot has dropped past the watermark that the question began with, cold is searched again;
 *   Q3  cold is asked for more while the heads hide part of what it found, a few times; where they
 *       hide too much the reply says so;
 *   Q4  everything that is said of the tenant (sources, words, that there is nothing) waits for a
 *       proof, asked for after it was found, that this node still was the owner (I6); a log that
 *       does not answer proves nothing;
 *   Q5  the reply says what was covered; cold being away costs its share, never the answer (I12);
 *   Q6  a broken invariant is logged and fails the question as `internal`: it is no outage;
 *   Q7  what the groups of the asker do not admit is kept out inside both shards, in every search,
 *       and out of all that is kept for equal questions.
 */

import type { AnswerForm } from "../../src/answer/port.ts";
import { citationsOf } from "../../src/answer/references.ts";
import type { Citation } from "../../src/contract/citation.ts";
import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { Filter } from "../../src/contract/filter.ts";
import { tenantOf, type Version } from "../../src/contract/ids.ts";
import type { Answer, Coverage, Source } from "../../src/contract/query.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
import { noSpan, spanned } from "../../src/contract/tracing.ts";
import type { ActorContext, Behaviour } from "../../src/runtime/actor.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { Deadline } from "../../src/runtime/deadline.ts";
import type { NamesText } from "../../src/text/names.ts";
import type { TenantEntry } from "../directory/directory.ts";
import type { QuestionMessage, Snapshot } from "../messages.ts";
import { type Conversation, redactedConversation } from "./conversation.ts";
import { TenantLookup } from "./lookup.ts";
import { modelFields, QuestionModels, type Told, toldOf } from "./model-turn.ts";
import type { QuestionOptions } from "./options.ts";
import {
  checkFed,
  declinesOf,
  firstExpiryMs,
  lateError,
  mayShare,
  nothingFound,
  nothingRelevant,
  originOf,
  promptOf,
  redactedQuestion,
  Stopwatch,
  tellsOfTenant,
} from "./parts.ts";
import { ProvedPieces } from "./pieces.ts";
import { QuestionRanking, wantedBy } from "./ranking.ts";
import type { Retrieved, SearchKept } from "./results.ts";
import { type Found, type Hidden, QuestionSearch } from "./search.ts";

export function questionActor(
  options: QuestionOptions,
): (context: ActorContext<QuestionMessage>) => Behaviour<QuestionMessage> {
  return (context) => ({
    receive: async (message) => {
      const { reply } = message;
      const tenant = tenantOf(message.tenant);
      const begun = context.clock.monotonicMs();
      let outcome = "answered";
      try {
        reply.resolve(await answer(options, context, message));
      } catch (thrown) {
        const error = toFreshetError(thrown);
        outcome = error.code;
        reply.reject(error);
      }
      const value = (context.clock.monotonicMs() - begun) / 1000;
      const { traceId } = message.span ?? noSpan;
      options.metrics.count("questions_total", { tenant, outcome });
      options.metrics.observe("question_seconds", { value, traceId }, { tenant });
    },
  });
}

async function answer(
  options: QuestionOptions,
  { clock, signal: stopped }: ActorContext<QuestionMessage>,
  request: Asked,
): Promise<Answer> {
  const { question, tenant, signal: left } = request;
  const deadline = new Deadline(clock, question.deadline_ms, left, stopped);
  const { signal } = deadline;
  const run = new QuestionRun(options, { ...request, signal }, clock);
  try {
    return await run.run();
  } catch (thrown) {
    if (left.aborted) throw new FreshetError("cancelled");
    if (stopped.aborted) throw new FreshetError("not_ready");
    if (deadline.isOver) throw lateError(tenant, run.endedIn);
    throw thrown;
  } finally {
    deadline.clear();
  }
}

/** A question and whose it is. */
type Asked = Omit<QuestionMessage, "type" | "reply">;

interface Query {
  /** Redacted, as are the texts of the filter. */
  readonly text: string;
  readonly filter: Filter | undefined;
  readonly vector: Float32Array;
  readonly sparse?: SparseVector | undefined;
  readonly lacksSparse?: true | undefined;
}

/** One question from beginning to end, read top to bottom. */
class QuestionRun {
  readonly #options: QuestionOptions;
  readonly #request: Asked;
  readonly #clock: Clock;
  readonly #stages: Stopwatch;
  readonly #lookup: TenantLookup;
  readonly #models: QuestionModels;

  /** @param request with the signal that also aborts at the question's deadline */
  constructor(options: QuestionOptions, request: Asked, clock: Clock) {
    this.#options = options;
    this.#request = request;
    this.#clock = clock;
    this.#stages = new Stopwatch(() => clock.monotonicMs(), request.span);
    const { directory, log, limits } = options;
    this.#models = new QuestionModels(options.quotas, request);
    const found = { directory, log, asOf: options.asOf, pollMs: limits.pollMs };
    this.#lookup = new TenantLookup(found, request, clock);
  }

  /** The stage whose failure was its end. */
  get endedIn(): Stopwatch["failedIn"] {
    return this.#stages.failedIn;
  }

  async run(): Promise<Answer> {
    try {
      return await this.#answer();
    } catch (thrown) {
      if (!tellsOfTenant(thrown)) throw thrown;
      checkFed(this.#options.vectorsOf(this.#request.tenant));
      await this.#prove(); // Q4
      throw thrown;
    } finally {
      await this.#models.end();
    }
  }

  async #answer(): Promise<Answer> {
    const { question, tenant, access, onEvent, signal } = this.#request;
    const { span } = this.#stages;
    const redacted = await spanned(span.child("redact"), () => this.#redact());
    const { form } = redacted;
    this.#checkLease();
    const text = await this.#standingAlone(redacted);
    const mayKeep = mayShare(question);
    const embedding = span.child("embed");
    const asked = { tenant, text, access, signal, span: embedding };
    const vectors = this.#options.vectorsOf(tenant);
    if (vectors === undefined) throw new FreshetError("not_ready", "the tenant's model is loaded");
    const made = await this.#stages.time("embed", () =>
      spanned(embedding, () => vectors.of(asked, { mayKeep })),
    );
    const { retrieved, kept } = await this.#retrieve({ text, filter: redacted.filter, ...made });
    this.#checkLease();
    const { sources, coverage, visible } = retrieved;
    if (sources.length === 0) throw nothingFound(coverage, visible);
    this.#checkRelevance(retrieved);
    const searched: Coverage = { ...retrieved.also, hot: "complete", cold: coverage, llm: "none" };
    const isSearch = question.mode === "search";
    if (isSearch || onEvent !== undefined) await this.#prove();
    onEvent?.({ type: "retrieval", sources, coverage: searched });
    const written = isSearch
      ? ({ answer: "", llm: "none", kept: "none", limited: {} } satisfies Told)
      : await this.#stages.time("llm", () =>
          this.#write({ asked: redacted.text, text, form }, sources),
        );
    const { answer, llm, limited } = written;
    return {
      answer,
      sources: [...sources],
      ...(isSearch ? {} : { citations: this.#citations(answer, sources) }),
      ...(text === redacted.text ? {} : { rewritten_query: text }),
      origin: originOf(tenant, this.#options.log.deployment),
      coverage: { ...searched, llm, ...limited },
      visible_seq: visible,
      ...(question.as_of === undefined ? {} : { as_of: visible }),
      timings: this.#stages.timings(),
      cache: { search: kept, answer: written.kept ?? "none" },
      relevance: retrieved.relevance,
      ...(retrieved.explain && { explain: { ...retrieved.explain, ...promptOf(written) } }),
      ...(isSearch ? {} : modelFields(written, this.#models.usage)),
    };
  }

  /** @throws FreshetError no_results, or cold_unavailable where what cold holds is not covered */
  #checkRelevance({ relevance, coverage, visible }: Retrieved): void {
    const { question, tenant } = this.#request;
    const isRelevant = relevance.score >= relevance.threshold;
    if (isRelevant || !declinesOf(question, this.#options.declines(tenant))) return;
    this.#options.metrics.count("questions_declined_total");
    throw nothingRelevant(coverage, visible, relevance);
  }

  async #redact(): Promise<Pick<Query, "text" | "filter"> & Conversation> {
    const { question, tenant, signal } = this.#request;
    const { limits, redactorOf, names } = this.#options;
    const work = {
      redactor: redactorOf(tenant),
      sliceChars: limits.redactionSliceChars,
      turn: () => this.#clock.turn(),
      names: names && ((texts: readonly NamesText[]) => names.redact(tenant, texts, signal)),
    };
    const asked = await redactedQuestion(question, work);
    const defaults = this.#options.quotas.answersOf(tenant);
    return { ...asked, ...(await redactedConversation(question, defaults, work)) };
  }

  /** Everything after it, also what is kept for equal questions, goes by these words. */
  async #standingAlone({
    text,
    history,
  }: { readonly text: string } & Conversation): Promise<string> {
    if (history.length === 0) return text;
    const { question, tenant, signal } = this.#request;
    const { writer } = this.#options;
    const turn = await this.#models.turn();
    const left = question.deadline_ms - this.#stages.elapsedMs() - this.#options.limits.replyMs;
    // Searching and answering need the larger part.
    const budgetMs = Math.max(0, left / 4);
    return this.#stages.time("llm", () =>
      writer.standAlone({ tenant, question: text, history, signal, budgetMs, ...turn }),
    );
  }

  /** A function of the reply: `freshet verify` makes the same of it. */
  #citations(text: string, sources: readonly Source[]): Citation[] {
    const citations = citationsOf(text, sources);
    for (const { support } of citations)
      this.#options.metrics.count("citations_total", { support });
    return citations;
  }

  async #retrieve(
    query: Query,
  ): Promise<{ readonly retrieved: Retrieved; readonly kept: SearchKept }> {
    const { tenant, question, access, signal } = this.#request;
    const entry = await this.#lookup.find();
    const snapshot = await this.#lookup.snapshot(entry);
    const { asOf } = this.#lookup;
    if (asOf !== undefined) return { retrieved: await this.#searchAsOf(query, asOf), kept: "off" };
    const asked = { ...query, tenant, question, access, snapshot, signal };
    return this.#options.results.of(asked, (shared) =>
      this.#search(query, { entry, snapshot, signal: shared }),
    );
  }

  /** @param at its signal may be another than the question's: equal questions share a search */
  async #search(
    query: Query,
    at: {
      readonly entry: TenantEntry;
      readonly snapshot: Snapshot;
      readonly signal: AbortSignal;
    },
  ): Promise<Retrieved> {
    const { metrics } = this.#options;
    const { tenant, question, access } = this.#request;
    const { entry, snapshot, signal } = at;
    const searched = {
      ...query,
      ...{ tenant, entry, access, signal },
      topK: question.top_k,
      wanted: wantedBy(question),
    };
    const parts = { clock: this.#clock, stages: this.#stages };
    const search = new QuestionSearch(this.#options, searched, parts);
    const { found, coverage, hidden } = await search.run(snapshot);
    metrics.observe("hot_search_seconds", found.hotMs / 1000);
    return this.#ranked({ query, found, coverage, hidden, signal });
  }

  /** From memory and CHUNKS alone: nothing of it lies in cold any more, or not only that. */
  async #searchAsOf({ text, vector, filter }: Query, asOf: Version): Promise<Retrieved> {
    const { tenant, question, access, signal } = this.#request;
    const limit = this.#options.limits.candidatesPerShard;
    const wanted = wantedBy(question);
    const query = { vector, text, limit, filter, access, wanted, topK: question.top_k };
    const begunMs = this.#clock.monotonicMs();
    const hot = await this.#stages.time("hot", () =>
      this.#options.asOf.search({ tenant, asOf, query, signal }),
    );
    const hotMs = this.#clock.monotonicMs() - begunMs;
    const found: Found = { kind: "found", hot, cold: [], visible: asOf, hotMs, revision: 0 };
    const hidden = { superseded: 0, expired: 0, coldSearches: 0 };
    const asked = { text, vector, filter };
    return this.#ranked({ query: asked, found, coverage: "resident", hidden, signal });
  }

  async #ranked(at: {
    readonly query: Query;
    readonly found: Found;
    readonly coverage: Coverage["cold"];
    readonly hidden: Hidden;
    readonly signal: AbortSignal;
  }): Promise<Retrieved> {
    const { tenant, question, access } = this.#request;
    const { query, found, coverage, hidden, signal } = at;
    const { hot, cold, visible, revision } = found;
    const { text, sparse, lacksSparse } = query;
    const vectors = { sparse, lacksSparse };
    const asked = { tenant, text, question, access, found, hidden, ...vectors, signal };
    const ranking = new QuestionRanking({ ...this.#options, clock: this.#clock }, asked);
    const ranked = await this.#stages.time("fuse", () =>
      spanned(this.#stages.span.child("fuse"), () => ranking.run()),
    );
    const { sources, relevance, coverage: also, explain } = ranked;
    const expiresAtMs = Math.min(firstExpiryMs(hot), firstExpiryMs(cold));
    return { sources, coverage, visible, revision, expiresAtMs, relevance, also, explain };
  }

  /** Resolves with what the whole answer consists of, proved to the last word. */
  async #write(
    {
      asked,
      text,
      form,
    }: {
      readonly asked: string;
      readonly text: string;
      readonly form: AnswerForm | undefined;
    },
    sources: readonly Source[],
  ): Promise<Told> {
    const { question, tenant, access, onEvent, signal } = this.#request;
    const { writer, limits, metrics } = this.#options;
    const turn = await this.#models.turn();
    const pieces = new ProvedPieces({
      prove: () => this.#prove(),
      emit: (piece) => onEvent?.({ type: "delta", text: piece }),
      everyMs: limits.pieceEveryMs,
      clock: this.#clock,
      signal,
    });
    const written = await writer
      .write({
        tenant,
        span: this.#stages.span,
        reader: access?.key,
        mayKeep: mayShare(question),
        ...turn,
        ...{ question: text, asked, sources },
        maxTokens: question.max_tokens,
        explains: question.explain === true,
        form,
        budgetMs: Math.max(0, question.deadline_ms - this.#stages.elapsedMs() - limits.replyMs),
        signal: AbortSignal.any([signal, pieces.failed]),
        onText: onEvent && ((piece) => pieces.say(piece)),
      })
      .catch((thrown: unknown) => {
        throw pieces.failed.aborted ? pieces.failed.reason : thrown;
      });
    if (signal.aborted) throw lateError(tenant, "llm");
    await this.#prove();
    pieces.end();
    const told = toldOf(written);
    if (told.fallback !== undefined && told.kept !== "hit") {
      metrics.count("language_model_fallbacks_total", { reason: told.fallback.reason });
    }
    return told;
  }

  #checkLease(): void {
    this.#lookup.checkLease();
  }

  /**
   * Q4. The claim is that of the tenure in which the tenant was found: a later one of this node has
   * seen more.
   */
  #prove(): Promise<void> {
    const { directory, proofs } = this.#options;
    const { partition } = directory.partitionOf(this.#request.tenant);
    return proofs.prove({ partition, epoch: this.#lookup.epoch }, this.#request.signal);
  }
}

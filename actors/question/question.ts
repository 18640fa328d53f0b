/**
 * Question: the query actor. Takes one question at a time from the pool's mailbox and follows it from words to a cited answer.
 *
 * Owns: one question while it lasts. Never: keeps anything between questions, or answers without a proof of its lease.
 * Receives: question. Sends: a text to the embedder (query lane); view, search, marker to the tenant's shard.
 *
 *   Q1  cold is searched first; then, in one step at the shard, cold hits are masked by the heads and hot is searched:
 *       a document that moves or changes in between is seen once, in its newest version (I5);
 *   Q2  if hot has dropped past the watermark that the question began with, cold is searched again;
 *   Q3  cold is asked for more while the heads hide part of what it found;
 *   Q4  whatever is told of the tenant (sources, words, that there is nothing) leaves behind a proof, asked for after it
 *       was found, that this node still was the owner (I6); a log that does not answer proves nothing;
 *   Q5  the reply says what was covered; cold being away costs its share, never the answer (I12).
 */

import type { AnswerWriter, Written } from "../../src/answer/port.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { Filter } from "../../src/contract/filter.ts";
import { type Epoch, incarnationOf, type Version } from "../../src/contract/ids.ts";
import type { Answer, Coverage, Source } from "../../src/contract/query.ts";
import type { Log } from "../../src/log/port.ts";
import type { Metrics } from "../../src/observe/port.ts";
import { fuse } from "../../src/retrieval/fusion.ts";
import type { ActorContext, Behaviour } from "../../src/runtime/actor.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { raceAbort } from "../../src/runtime/race-abort.ts";
import { ask, type Reply } from "../../src/runtime/reply.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import type { Directory, Proofs, TenantEntry } from "../directory/directory.ts";
import type {
  EmbedderMessage,
  QuestionMessage,
  SearchOutcome,
  Snapshot,
  TenantViewMessage,
} from "../messages.ts";
import {
  type ColdResult,
  nothingFound,
  notVisible,
  type QuestionLimits,
  redactedQuestion,
  Stopwatch,
  sourceOf,
  tellsOfTenant,
} from "./parts.ts";
import { ProvedPieces } from "./pieces.ts";

export interface QuestionOptions {
  readonly directory: Directory;
  readonly proofs: Proofs;
  readonly log: Pick<Log, "docs">;
  readonly cold: ColdShard;
  readonly embedder: Pick<Mailbox<EmbedderMessage>, "tryPut">;
  readonly tokenizer: Tokenizer;
  readonly modelTokensMax: number;
  /** Begins the redaction of one question: its texts share what that may cost. */
  readonly redactor: () => (text: string) => string;
  readonly writer: AnswerWriter;
  readonly limits: QuestionLimits;
  readonly metrics: Metrics;
}

type Found = Extract<SearchOutcome, { kind: "found" }>;

export function questionActor(
  options: QuestionOptions,
): (context: ActorContext<QuestionMessage>) => Behaviour<QuestionMessage> {
  return (context) => ({
    receive: async (message) => {
      const { tenant, reply } = message;
      const begun = context.clock.monotonicMs();
      let outcome = "answered";
      try {
        reply.resolve(await answer(options, context, message));
      } catch (thrown) {
        const error = toFreshetError(thrown);
        outcome = error.code;
        reply.reject(error);
      }
      const seconds = (context.clock.monotonicMs() - begun) / 1000;
      options.metrics.count("questions_total", { tenant, outcome });
      options.metrics.observe("question_seconds", seconds, { tenant });
    },
  });
}

async function answer(
  options: QuestionOptions,
  context: ActorContext<QuestionMessage>,
  message: QuestionMessage,
): Promise<Answer> {
  const { question, tenant } = message;
  const { clock } = context;
  const deadline = new AbortController();
  const signal = AbortSignal.any([message.signal, deadline.signal, context.signal]);
  const timer = clock.sleep(question.deadline_ms, signal).then(() => deadline.abort());
  try {
    const asked = { ...message, signal };
    return await new QuestionRun(options, context, asked).run();
  } catch (thrown) {
    if (message.signal.aborted) throw new FreshetError("cancelled");
    if (context.signal.aborted) throw new FreshetError("not_ready");
    if (deadline.signal.aborted) {
      throw new FreshetError("deadline_exceeded", undefined, { details: { tenant } });
    }
    throw thrown;
  } finally {
    deadline.abort();
    await timer;
  }
}

/** One question from beginning to end, read top to bottom. */
class QuestionRun {
  readonly #options: QuestionOptions;
  readonly #context: ActorContext<QuestionMessage>;
  readonly #message: QuestionMessage;
  readonly #stages: Stopwatch;
  #text = "";
  #filter: Filter | undefined;
  /** Of the tenure in which it is answered; 0 until that is known. */
  #epoch = 0 as Epoch;

  constructor(
    options: QuestionOptions,
    context: ActorContext<QuestionMessage>,
    message: QuestionMessage,
  ) {
    this.#options = options;
    this.#context = context;
    this.#message = message;
    this.#stages = new Stopwatch(() => context.clock.monotonicMs());
  }

  async run(): Promise<Answer> {
    try {
      return await this.#answer();
    } catch (thrown) {
      if (tellsOfTenant(thrown)) await this.#prove(); // Q4
      throw thrown;
    }
  }

  async #answer(): Promise<Answer> {
    const { question, onEvent } = this.#message;
    const { metrics } = this.#options;
    const redacted = await redactedQuestion(question, {
      redact: this.#options.redactor(),
      sliceChars: this.#options.limits.redactionSliceChars,
      turn: () => this.#context.clock.turn(),
    });
    this.#text = redacted.text;
    this.#filter = redacted.filter;
    this.#checkLease();
    const vector = await this.#stages.time("embed", () => this.#embed());
    const entry = await this.#tenant();
    const view = await this.#view(entry);
    const { found, coverage } = await this.#search(entry, view, vector);

    const fused = await this.#stages.time("fuse", () =>
      fuse({ question: this.#text, hot: found.hot, cold: found.cold, limit: question.top_k }),
    );
    metrics.observe("fusion_seconds", this.#stages.ms.fuse / 1000);
    metrics.observe("hot_search_seconds", found.hotMs / 1000);
    this.#checkLease();
    if (fused.length === 0) throw nothingFound(coverage);
    const sources = fused.map(({ candidate, score }) => sourceOf(candidate, score));
    const searched: Coverage = { hot: "complete", cold: coverage, llm: "none" };
    const isSearch = question.mode === "search";
    if (isSearch || onEvent !== undefined) await this.#prove();
    onEvent?.({ type: "retrieval", sources, coverage: searched });
    if (isSearch) return this.#reply({ answer: "", sources, coverage: searched }, found);
    const { answer, llm } = await this.#stages.time("llm", () => this.#write(sources));
    return this.#reply({ answer, sources, coverage: { ...searched, llm } }, found);
  }

  /** Resolves with what the whole answer consists of, proved to the last word. */
  async #write(sources: readonly Source[]): Promise<Written> {
    const { question, tenant, onEvent, signal } = this.#message;
    const { writer, limits } = this.#options;
    const pieces = new ProvedPieces({
      prove: () => this.#prove(),
      emit: (text) => onEvent?.({ type: "delta", text }),
      everyMs: limits.pieceEveryMs,
      clock: this.#context.clock,
      signal,
    });
    const written = await writer
      .write({
        question: this.#text,
        sources,
        maxTokens: question.max_tokens,
        budgetMs: Math.max(0, question.deadline_ms - this.#stages.elapsedMs() - limits.replyMs),
        signal: AbortSignal.any([signal, pieces.failed]),
        onText: onEvent && ((text) => pieces.say(text)),
      })
      .catch((thrown: unknown) => {
        throw pieces.failed.aborted ? pieces.failed.reason : thrown;
      });
    if (signal.aborted)
      throw new FreshetError("deadline_exceeded", undefined, { details: { tenant } });
    await this.#prove();
    pieces.end();
    return written;
  }

  #reply(said: Pick<Answer, "answer" | "sources" | "coverage">, { visible }: Found): Answer {
    return { ...said, visible_seq: visible, timings: this.#stages.timings() };
  }

  /** Spares the work of a node that knows already that it is no owner; it proves nothing. */
  #checkLease(): void {
    const { validUntilMs, state } = this.#options.directory.partitionOf(this.#message.tenant);
    if (state === "serving" && this.#context.clock.monotonicMs() < validUntilMs) return;
    throw new FreshetError("not_ready");
  }

  /** Q4. The claim is that of the tenure in which the tenant was found: a later one of this node has seen more. */
  #prove(): Promise<void> {
    const { directory, proofs } = this.#options;
    const { partition } = directory.partitionOf(this.#message.tenant);
    return proofs.prove({ partition, epoch: this.#epoch }, this.#message.signal);
  }

  async #embed(): Promise<Float32Array> {
    const { tokenizer, modelTokensMax, embedder } = this.#options;
    const { tenant, signal } = this.#message;
    const tokens = tokenizer.encode(this.#text, modelTokensMax);
    const inputs = [{ text: this.#text, tokens }];
    const [vector] = await this.#orAborted(
      ask<readonly Float32Array[], EmbedderMessage>({
        message: (reply) => ({ type: "embed", tenant, inputs, signal, reply }),
        send: (message) => embedder.tryPut(message),
        refused: () => new FreshetError("overloaded"),
      }),
    );
    if (vector === undefined) throw new FreshetError("internal", "a question has no vector");
    return vector;
  }

  /** The tenant's entry. One that is on its way is waited for, if the question names a `min_seq`. */
  async #tenant(): Promise<TenantEntry> {
    const { directory, limits, log } = this.#options;
    const { tenant, question, signal } = this.#message;
    const { clock } = this.#context;
    const until = clock.monotonicMs() + question.wait_ms;
    const minSeq = question.min_seq ?? 0;
    await this.#checkIncarnation(minSeq);
    for (;;) {
      const entry = directory.tenant(tenant);
      this.#epoch = entry?.epoch ?? directory.partitionOf(tenant).epoch;
      if (entry !== undefined) return entry;
      // Its partition may have gone to another node while the question was embedded (I6).
      this.#checkLease();
      if (minSeq === 0) throw new FreshetError("no_results");
      if ((await log.docs.lastVersion(tenant)) === 0) throw new FreshetError("no_results");
      if (clock.monotonicMs() >= until) throw notVisible(minSeq, 0);
      await clock.sleep(limits.pollMs, signal);
      if (signal.aborted) throw new FreshetError("cancelled");
    }
  }

  async #checkIncarnation(minSeq: number): Promise<void> {
    if (minSeq === 0) return;
    const last = await this.#options.log.docs.lastSequence();
    if (incarnationOf(minSeq) === incarnationOf(last)) return;
    const details = { min_seq: minSeq, log_incarnation: incarnationOf(last) };
    throw new FreshetError("wrong_incarnation", undefined, { details });
  }

  /**
   * I8. A `min_seq` that belongs to somebody else's operation is satisfied once every operation of this tenant up to it
   * is visible: sequences are shared by all tenants, so the tenant itself may never reach that number.
   */
  async #view(entry: TenantEntry): Promise<Snapshot> {
    const { question, tenant } = this.#message;
    const { log } = this.#options;
    let minVersion = (question.min_seq ?? 0) as Version;
    if (minVersion > entry.status.visible) {
      const [lastOfTenant, lastOfAll] = await Promise.all([
        log.docs.lastVersion(tenant),
        log.docs.lastSequence(),
      ]);
      if (minVersion <= lastOfAll) minVersion = Math.min(minVersion, lastOfTenant) as Version;
    }
    return this.#askShard<Snapshot>(entry, (reply) => ({
      type: "snapshot",
      minVersion,
      waitMs: question.wait_ms,
      signal: this.#message.signal,
      reply,
    }));
  }

  async #search(
    entry: TenantEntry,
    begun: Snapshot,
    vector: Float32Array,
  ): Promise<{ readonly found: Found; readonly coverage: Coverage["cold"] }> {
    const { limits } = this.#options;
    const { question } = this.#message;
    let view = begun;
    let limit = limits.candidatesPerShard;
    let restarts = 0;
    let refills = 0;
    for (;;) {
      const cold = await this.#stages.time("cold", () =>
        this.#searchCold(entry, { view, vector, limit }),
      );
      const outcome = await this.#askShard<SearchOutcome>(entry, (reply) => ({
        type: "search",
        watermark: view.watermark,
        coldHits: cold.hits,
        vector,
        text: this.#text,
        limit: limits.candidatesPerShard,
        filter: this.#filter,
        reply,
      }));
      if (outcome.kind === "dropped") {
        restarts += 1;
        if (restarts > limits.coldRestartsMax) throw new FreshetError("overloaded");
        view = outcome.snapshot; // Q2
        continue;
      }
      this.#stages.ms.hot += outcome.hotMs;
      const hidden = cold.hits.length - outcome.cold.length;
      const isShort =
        hidden > 0 && cold.hits.length >= limit && outcome.cold.length < question.top_k;
      if (!isShort || refills >= limits.coldRefillRoundsMax) {
        return { found: outcome, coverage: cold.coverage };
      }
      refills += 1; // Q3
      limit *= 2;
    }
  }

  /** Never throws: what cold can not do is said in `coverage` (Q5). */
  async #searchCold(
    entry: TenantEntry,
    { view, vector, limit }: { view: Snapshot; vector: Float32Array; limit: number },
  ): Promise<ColdResult> {
    if (!view.coldExists) return { hits: [], coverage: "empty" };
    const { cold, limits, metrics } = this.#options;
    const { tenant, signal } = this.#message;
    const { clock } = this.#context;
    const budget = new AbortController();
    const searchSignal = AbortSignal.any([signal, budget.signal]);
    const timer = clock.sleep(limits.coldSearchMs, searchSignal).then(() => budget.abort());
    const begun = clock.monotonicMs();
    try {
      const query = { tenant, vector, text: this.#text, limit, filter: this.#filter };
      const [hits, isCurrent] = await raceAbort(
        Promise.all([
          cold.search({ ...query, signal: searchSignal }),
          this.#markerIsCurrent(entry, view),
        ]),
        searchSignal,
      );
      metrics.observe("cold_search_seconds", (clock.monotonicMs() - begun) / 1000);
      return { hits, coverage: isCurrent ? "complete" : "stale" };
    } catch {
      metrics.count("cold_errors_total", { operation: "search" });
      return { hits: [], coverage: budget.signal.aborted ? "timeout" : "unavailable" };
    } finally {
      budget.abort();
      await timer;
    }
  }

  /** Whether cold holds the marker of this watermark: looked up now and then, in between remembered by the shard. */
  async #markerIsCurrent(entry: TenantEntry, view: Snapshot): Promise<boolean> {
    if (view.markerSeen !== undefined) return view.markerSeen;
    const marker = await this.#options.cold.readMarker(this.#message.tenant);
    const seen = marker !== null && marker.to >= view.watermark;
    // One that is missing is looked for again: a repair, which the shard asks for, writes it without a new manifest.
    entry.view.tryPut({ type: "marker", watermark: view.watermark, seen });
    return seen;
  }

  #askShard<Value>(
    { view }: TenantEntry,
    message: (reply: Reply<Value>) => TenantViewMessage,
  ): Promise<Value> {
    const refused = () => new FreshetError("overloaded");
    const send = (built: TenantViewMessage) => view.tryPut(built);
    return this.#orAborted(ask<Value, TenantViewMessage>({ message, send, refused }));
  }

  #orAborted<Value>(work: Promise<Value>): Promise<Value> {
    return raceAbort(work, this.#message.signal);
  }
}

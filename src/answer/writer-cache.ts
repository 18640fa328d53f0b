/**
 * Answers of language models, kept for equal questions over equal sources, and one call of the
 * chain for those that are asked at once. The sources come from a search of this question, so an
 * answer whose sources have changed since is not found here.
 *
 *   WK1  the key is what the prompt is made of (the question, the form asked for, sources with
 *        their dates, in order), the chain of models, the length asked for and the clause of the
 *        asker's groups, within one tenant; not the time of the question, so an answer says what
 *        "today" is as of up to `keptMs` ago;
 *   WK2  kept is what the model wrote to its end: no refusal, nothing that was broken off, and
 *        nothing that was begun before its tenant was forgotten;
 *   WK3  a kept answer is said in the pieces in which it was written: streamed and whole are the
 *        same (AW2);
 *   WK4  a caller joins an answer under way only if that must be over before its own time is; one
 *        that leaves does not end it for the others.
 */

import { digestOf } from "../contract/digest.ts";
import { FreshetError } from "../contract/errors.ts";
import type { Metrics } from "../contract/observation.ts";
import { ByteCache, type ByteCacheOptions, type Keep } from "../runtime/byte-cache.ts";
import type { Clock } from "../runtime/clock.ts";
import { SharedWork } from "../runtime/shared-work.ts";
import type { AnswerWriter, WriteRequest, Written } from "./port.ts";
import { declined, promptContent } from "./prompt.ts";

export interface KeptAnswersOptions {
  readonly writer: AnswerWriter;
  /** The name of the chain: another one writes other answers. */
  readonly models: string;
  readonly kept: ByteCacheOptions;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly metrics: Pick<Metrics, "count" | "set">;
}

interface KeptAnswer extends Pick<Written, "answer" | "llm" | "model" | "isCut" | "passed"> {
  readonly pieces: readonly string[];
}

export function createKeptAnswers(options: KeptAnswersOptions): AnswerWriter {
  const kept = new KeptAnswers(options);
  return {
    write: (request) => kept.write(request),
    standAlone: (asked) => options.writer.standAlone(asked),
    forget: (tenant) => kept.forget(tenant),
  };
}

class KeptAnswers {
  readonly #options: KeptAnswersOptions;
  readonly #kept: ByteCache<KeptAnswer>;
  readonly #underWay = new Map<string, Writing>();

  constructor(options: KeptAnswersOptions) {
    this.#options = options;
    this.#kept = new ByteCache(options.kept);
  }

  async write(request: WriteRequest): Promise<Written> {
    const { tenant, onText, signal } = request;
    if (signal.aborted) throw new FreshetError("cancelled");
    if (!request.mayKeep) {
      this.#count("off");
      return { ...(await this.#options.writer.write(request)), kept: "off" };
    }
    const key = this.#keyOf(request);
    const known = this.#kept.get(tenant, key);
    if (known !== undefined) {
      this.#count("hit");
      for (const piece of known.pieces) onText?.(piece);
      const { pieces: _, ...written } = known;
      return { ...written, kept: "hit" };
    }
    if (request.mayUseModel === false) {
      this.#count("off");
      return { ...(await this.#options.writer.write(request)), kept: "off" };
    }
    const place = `${tenant}\n${key}`;
    const untilMs = this.#options.clock.monotonicMs() + request.budgetMs;
    const other = this.#underWay.get(place);
    const isShared = other?.mayJoin(untilMs) === true;
    this.#count(isShared ? "shared" : "miss");
    const writing = isShared ? other : this.#begin(request, { place, key, untilMs });
    return { ...(await writing.hear(request)), kept: isShared ? "hit" : "miss" };
  }

  forget(tenant: string): void {
    this.#kept.forget(tenant);
  }

  #begin(
    request: WriteRequest,
    at: { readonly place: string; readonly key: string; readonly untilMs: number },
  ): Writing {
    const writing = new Writing(at.untilMs);
    this.#underWay.set(at.place, writing);
    writing.begin(async (signal, onText) => {
      try {
        return await this.#kept.making(request.tenant, async (keep) => {
          const written = await this.#options.writer.write({ ...request, signal, onText });
          this.#keep(keep, at.key, { ...written, pieces: writing.pieces });
          return written;
        });
      } finally {
        // One that could not be joined stands beside another under its place.
        if (this.#underWay.get(at.place) === writing) this.#underWay.delete(at.place);
      }
    });
    return writing;
  }

  /** WK2. */
  #keep(keep: Keep<KeptAnswer>, key: string, written: KeptAnswer): void {
    const { answer, llm, model, isCut, passed, pieces } = written;
    if (model === undefined || answer.includes(declined)) return;
    const bytes = 2 * 2 * answer.length + pieceBytes * pieces.length;
    const how = { ...(isCut && { isCut }), ...(passed && { passed }) };
    const value = { answer, llm, model, pieces, ...how };
    keep(key, { value, bytes });
    this.#options.metrics.set("question_cache_bytes", this.#kept.bytes, { cache: "answers" });
  }

  /** WK1. */
  #keyOf(request: WriteRequest): string {
    const { maxTokens, reader = "all" } = request;
    const asked = `${this.#options.models}\n${maxTokens} ${reader}\n${promptContent(request)}`;
    return digestOf(Buffer.from(asked));
  }

  #count(outcome: string): void {
    this.#options.metrics.count("question_cache_total", { cache: "answers", outcome });
  }
}

/** What a piece costs besides its characters. */
const pieceBytes = 32;

type Write = (signal: AbortSignal, onText: (text: string) => void) => Promise<Written>;

/** An answer while it is written, and who hears it. */
class Writing {
  readonly pieces: string[] = [];
  /** When the model's time is over. */
  readonly #untilMs: number;
  readonly #listeners = new Set<(text: string) => void>();
  #work: SharedWork<Written> | undefined;

  constructor(untilMs: number) {
    this.#untilMs = untilMs;
  }

  begin(write: Write): void {
    const say = (text: string): void => {
      this.pieces.push(text);
      for (const listener of this.#listeners) listener(text);
    };
    // Not before its first caller listens.
    this.#work = new SharedWork(async (signal) => {
      await Promise.resolve();
      return write(signal, say);
    });
  }

  /** WK4. */
  mayJoin(untilMs: number): boolean {
    return this.#work?.isAbandoned === false && this.#untilMs <= untilMs;
  }

  /** @throws FreshetError cancelled when this caller leaves */
  async hear({ onText, signal }: WriteRequest): Promise<Written> {
    if (this.#work === undefined) throw new FreshetError("internal", "an answer was not begun");
    const listener = (text: string): void => onText?.(text);
    for (const piece of this.pieces) listener(piece);
    this.#listeners.add(listener);
    try {
      return await this.#work.wait(signal);
    } finally {
      this.#listeners.delete(listener);
    }
  }
}

/**
 * Vectors of questions: asked from the embedder once, and kept for the same words of the same
 * tenant and of the same groups. Each has its own, because how fast an answer comes would tell one
 * what another has asked (I9).
 *
 *   QV1  a vector is a function of model and text, so a kept one is as good as a new one;
 *   QV2  equal texts that are embedded at the moment are embedded once; a caller that leaves does
 *        not end it for the others;
 *   QV3  only redacted text is kept (I10);
 *   QV4  a sparse vector that is not to be had costs its signal, never the question, and nothing is
 *        kept then: the next question asks again (I12).
 */

import type { Access } from "../../src/contract/access.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Metrics } from "../../src/contract/observation.ts";
import { type SparseVector, sparseUnion } from "../../src/contract/sparse.ts";
import type { Span } from "../../src/contract/tracing.ts";
import { meanDirection } from "../../src/contract/vector.ts";
import type { EmbeddingModel, EmbedInput } from "../../src/embedding/port.ts";
import { ByteCache, type ByteCacheOptions } from "../../src/runtime/byte-cache.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { Deadline } from "../../src/runtime/deadline.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { raceAbort } from "../../src/runtime/race-abort.ts";
import { ask } from "../../src/runtime/reply.ts";
import { SharedWorks } from "../../src/runtime/shared-work.ts";
import { piecesOf } from "../../src/text/pieces.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import type { EmbedderMessage } from "../messages.ts";

/** What a question is searched by, beside its words. */
export interface QuestionVector {
  readonly vector: Float32Array;
  /** Undefined where that signal is off, or was not to be had. */
  readonly sparse?: SparseVector | undefined;
  /** The signal is on. */
  readonly lacksSparse?: true | undefined;
}

type To<Vector> = Pick<Mailbox<EmbedderMessage<Vector>>, "tryPut">;

export interface QuestionVectorsOptions {
  readonly embedder: To<Float32Array>;
  /** Undefined where that signal is off. */
  readonly sparse?: To<SparseVector> | undefined;
  readonly tokenizer: Tokenizer;
  readonly model: Pick<EmbeddingModel, "fingerprint" | "maxTokens">;
  readonly kept: ByteCacheOptions;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** False: every question is embedded. */
  readonly isOn: boolean;
}

interface Asked {
  readonly tenant: TenantId;
  /** Redacted. */
  readonly text: string;
  /** Of the reader. */
  readonly access: Access | undefined;
  readonly signal: AbortSignal;
  readonly span?: Span | undefined;
}

export class QuestionVectors {
  readonly #options: QuestionVectorsOptions;
  readonly #kept: ByteCache<QuestionVector>;
  readonly #underWay = new SharedWorks<QuestionVector>();

  constructor(options: QuestionVectorsOptions) {
    this.#options = options;
    this.#kept = new ByteCache(options.kept);
  }

  /** @throws FreshetError overloaded, cancelled, internal, and what the embedder fails with */
  async of(asked: Asked, { mayKeep }: { readonly mayKeep: boolean }): Promise<QuestionVector> {
    const { tenant, text, access, signal } = asked;
    if (!mayKeep || !this.#options.isOn) {
      this.#count("off");
      return this.#embed(asked);
    }
    const key = `${this.#options.model.fingerprint}\n${access?.key ?? "all"}\n${text}`;
    const known = this.#kept.get(tenant, key);
    if (known !== undefined) {
      this.#count("hit");
      return known;
    }
    const begin = (both: AbortSignal): Promise<QuestionVector> =>
      this.#kept.making(tenant, async (keep) => {
        const made = await this.#embed({ ...asked, signal: both });
        const { sparse } = made;
        // A copy: it may be a part of its batch's buffer.
        const value = { ...made, vector: made.vector.slice() };
        if (made.lacksSparse) return value; // QV4
        const bytes = value.vector.byteLength + (sparse?.byteLength ?? 0);
        keep(key, { value, bytes });
        this.#options.metrics.set("question_cache_bytes", this.#kept.bytes, { cache: "vectors" });
        return value;
      });
    const work = await this.#underWay.do(`${tenant}\n${key}`, begin, signal);
    this.#count(work.isShared ? "shared" : "miss");
    return work.value;
  }

  /** All that is kept of a tenant. */
  forget(tenant: TenantId): void {
    this.#kept.forget(tenant);
  }

  #count(outcome: string): void {
    this.#options.metrics.count("question_cache_total", { cache: "vectors", outcome });
  }

  /** Of a text that is longer than the model takes, all pieces count alike: nothing is cut off. */
  async #embed(asked: Asked): Promise<QuestionVector> {
    const { text } = asked;
    const { tokenizer, model, embedder, sparse } = this.#options;
    const whole = { text, tokens: tokenizer.encode(text, model.maxTokens) };
    // Shorter than what the model takes, it was not cut: there is nothing to take apart.
    const inputs =
      whole.tokens.length < model.maxTokens
        ? [whole]
        : piecesOf(text, tokenizer, model.maxTokens).map((piece) => ({
            text: piece,
            tokens: tokenizer.encode(piece, model.maxTokens),
          }));
    const [[vector, ...others], terms] = await Promise.all([
      this.#ask(embedder, inputs, asked),
      sparse && this.#terms(sparse, inputs, asked),
    ]);
    if (vector === undefined) throw new FreshetError("internal", "a question has no vector");
    const dense = meanDirection([vector, ...others]);
    if (sparse === undefined) return { vector: dense };
    if (terms === undefined) return { vector: dense, lacksSparse: true };
    return { vector: dense, sparse: sparseUnion(terms) };
  }

  /** QV4: an encoder that is down would keep the question until it is back, or too late. */
  async #terms(
    sparse: To<SparseVector>,
    inputs: readonly EmbedInput[],
    asked: Asked,
  ): Promise<readonly SparseVector[] | undefined> {
    const { clock, metrics } = this.#options;
    const limit = new Deadline(clock, limits.sparseQuestionMs, asked.signal);
    try {
      return await this.#ask(sparse, inputs, { ...asked, signal: limit.signal });
    } catch {
      metrics.count("questions_without_sparse_total");
      return undefined;
    } finally {
      limit.clear();
    }
  }

  #ask<Vector>(
    embedder: To<Vector>,
    inputs: readonly EmbedInput[],
    { tenant, signal, span }: Asked,
  ): Promise<readonly Vector[]> {
    const asked = ask<readonly Vector[], EmbedderMessage<Vector>>({
      message: (reply) => ({ type: "embed", tenant, inputs, signal, reply, span }),
      send: (message) => embedder.tryPut(message),
      refused: () => new FreshetError("overloaded"),
    });
    return raceAbort(asked, signal);
  }
}

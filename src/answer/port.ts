/**
 * The language model behind an answer: any OpenAI-compatible endpoint, or cited sentences when
 * there is none.
 */

import type { TenantId } from "../contract/ids.ts";
import type { Answer, Source } from "../contract/query.ts";
import type { Span } from "../contract/tracing.ts";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface Completion {
  readonly messages: readonly ChatMessage[];
  /** Upper bound of the answer, in the model's own tokens. */
  readonly maxTokens: number;
  readonly signal: AbortSignal;
  /** Called with each piece of text as it arrives. */
  readonly onText?: ((text: string) => void) | undefined;
  /** Called at most once, where the endpoint counts tokens. */
  readonly onUsage?: ((usage: TokenUsage) => void) | undefined;
  /** The trace that the completion belongs to, for the endpoint. */
  readonly traceparent?: string | undefined;
}

/** In the model's own tokens. */
export interface TokenUsage {
  readonly prompt: number;
  readonly completion: number;
}

export interface LanguageModel {
  /** What `coverage.llm` says. */
  readonly name: string;
  /** The whole text. @throws FreshetError model_unavailable */
  complete(completion: Completion): Promise<string>;
  /** Resolves when the endpoint answers at all; rejects with model_unavailable. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface WriteRequest {
  readonly tenant: TenantId;
  /** False: written anew, and kept for no other question. */
  readonly mayKeep: boolean;
  /** Redacted. */
  readonly question: string;
  /** In the order of their numbers: `[1]` is the first. At least one. */
  readonly sources: readonly Source[];
  readonly maxTokens: number;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** What the model may take. After it the answer is made without the model. */
  readonly budgetMs: number;
  /** Checked text as it is ready; together the pieces are the answer. */
  readonly onText?: ((text: string) => void) | undefined;
  /** Of the question. */
  readonly span?: Span | undefined;
}

export interface Written {
  readonly answer: string;
  /** Who wrote it: the model's name, or `extractive`. */
  readonly llm: string;
  /** Absent where nothing is kept. */
  readonly kept?: NonNullable<Answer["cache"]>["answer"] | undefined;
}

/** Question and sources to a cited answer. Every marker in it names a source that exists. */
export interface AnswerWriter {
  /**
   * A model that fails costs its words, never the answer: sentences of the sources stand in for it.
   * @throws FreshetError cancelled when the signal aborts
   */
  write(request: WriteRequest): Promise<Written>;
}

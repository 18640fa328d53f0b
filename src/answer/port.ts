/**
 * The language models behind an answer: OpenAI-compatible endpoints in their order, or cited
 * sentences when there is none.
 */

import type { TenantId } from "../contract/ids.ts";
import type { Answer, Source, Turn } from "../contract/query.ts";
import type { Explanation } from "../contract/ranking.ts";
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
  /** Called at most once, at the end: its tokens were used up, or its bound was reached. */
  readonly onCut?: (() => void) | undefined;
  /** The trace that the completion belongs to, for the endpoint. */
  readonly traceparent?: string | undefined;
}

/** In the model's own tokens. */
export interface TokenUsage {
  readonly prompt: number;
  readonly completion: number;
}

/** What one call of a model took, also one that failed. */
export interface ModelCall extends TokenUsage {
  /** By the prices of its endpoint; undefined where they are not known. */
  readonly cost: number | undefined;
  /** The endpoint did not count: by the bytes that were read and written. */
  readonly isEstimate: boolean;
  readonly ms: number;
}

/** An endpoint that did not write the answer, and why: see ops/guides/models.md. */
export interface PassedOver {
  readonly endpoint: string;
  readonly reason: string;
}

export interface LanguageModel {
  /** What `coverage.llm` says: the name of the endpoint in its chain. */
  readonly name: string;
  /** What it is asked to run, where that is not its name. */
  readonly model?: string | undefined;
  /** The whole text. @throws FreshetError model_unavailable */
  complete(completion: Completion): Promise<string>;
  /** Resolves when the endpoint answers at all; rejects with model_unavailable. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What the caller wishes for the form of the answer. */
export interface AnswerForm {
  /** Of the tenant's operator, for all of its answers; redacted. */
  readonly house?: string | undefined;
  /** Of the caller; redacted. */
  readonly instructions?: string | undefined;
  /** BCP 47, canonical. */
  readonly language?: string | undefined;
  readonly maxSentences?: number | undefined;
  /** True: sentences of the sources to the letter, and nothing else. */
  readonly isQuoted?: boolean | undefined;
}

export interface WriteRequest {
  readonly tenant: TenantId;
  /** Names the clause of the asker's groups; undefined: it sees everything of its tenant. */
  readonly reader?: string | undefined;
  /** False: written anew, and kept for no other question. */
  readonly mayKeep: boolean;
  /** False: a quota lets no model be asked, and sentences of the sources stand in for the model. */
  readonly mayUseModel?: boolean | undefined;
  /** Redacted. */
  readonly question: string;
  /** The same as it was asked, where it was made to stand alone. */
  readonly asked?: string | undefined;
  /** In the order of their numbers: `[1]` is the first. At least one. */
  readonly sources: readonly Source[];
  readonly maxTokens: number;
  /** Whether the reply is to say what the model read. */
  readonly explains?: boolean | undefined;
  /** Absent: as the prompt says for all. */
  readonly form?: AnswerForm | undefined;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** What the model may take. After it the answer is made without the model. */
  readonly budgetMs: number;
  /**
   * Told once for each call of a model, also one that failed. What was kept, or another caller
   * began, costs none.
   */
  readonly onCall?: ((call: ModelCall) => void) | undefined;
  /** Checked text as it is ready; together the pieces are the answer. */
  readonly onText?: ((text: string) => void) | undefined;
  /** Of the question. */
  readonly span?: Span | undefined;
}

/** A question behind a conversation; both redacted. */
export interface FollowUp {
  readonly tenant: TenantId;
  readonly question: string;
  /** Oldest first. */
  readonly history: readonly Turn[];
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** What a model may take for it. */
  readonly budgetMs: number;
  /** False: no model is asked. */
  readonly mayUseModel?: boolean | undefined;
  /** As that of `WriteRequest`. */
  readonly onCall?: ((call: ModelCall) => void) | undefined;
}

export interface Written {
  readonly answer: string;
  /** Who wrote it: the endpoint's name, or `extractive`. */
  readonly llm: string;
  /** What that endpoint runs; undefined where no model wrote it. */
  readonly model?: string | undefined;
  /** Its tokens were used up before it was at its end. */
  readonly isCut?: boolean | undefined;
  /** There are models, and the request said to ask none. */
  readonly isLimited?: boolean | undefined;
  /** Endpoints that were to write it before; absent where none was. */
  readonly passed?: readonly PassedOver[] | undefined;
  /** Absent where nothing is kept. */
  readonly kept?: NonNullable<Answer["cache"]>["answer"] | undefined;
  /** With `explains`: what the model was shown; absent where none was asked. */
  readonly prompt?: PromptRead | undefined;
}

export type PromptRead = NonNullable<Explanation["prompt"]>;

/** Question and sources to a cited answer. Every marker in it names a source that exists. */
export interface AnswerWriter {
  /**
   * Models that fail cost their words, never the answer: the next of the chain, and in the end
   * sentences of the sources, stand in for them.
   * @throws FreshetError cancelled when the signal aborts
   */
  write(request: WriteRequest): Promise<Written>;
  /**
   * The question in words that can be searched for: itself, if it leans on nothing before it.
   * @throws FreshetError cancelled when the signal aborts
   */
  standAlone(asked: FollowUp): Promise<string>;
  /** Drops what is kept of a tenant; absent where nothing is kept. */
  forget?(tenant: TenantId): void;
}

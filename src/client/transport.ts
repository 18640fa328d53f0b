/** What the client needs of a way to the engine. Each call is one attempt; the client retries. */

import type {
  Answer,
  AnswerPiece,
  DocumentEvent,
  DocumentPage,
  DocumentState,
  LineResult,
  Operation,
  Question,
} from "./types.ts";

export interface Sending {
  /** Undefined: whatever tenant the connection stands for. */
  readonly tenant: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Nothing heard for so long is `unreachable`. */
  readonly timeoutMs: number;
}

export type Asked = Question & { readonly mode: "answer" | "search" };

/** Each rejects with FreshetError, or with the signal's reason. */
export interface Transport {
  /** Of a batch of lines. */
  readonly batchBytesMax: number;
  ask(question: Asked, sending: Sending): Promise<Answer>;
  /** Leaving the loop ends the work at the engine. */
  stream(question: Asked, sending: Sending): AsyncIterable<AnswerPiece>;
  publish(operation: Operation, key: string, sending: Sending): Promise<{ readonly seq: number }>;
  publishLines(
    lines: string,
    key: string,
    sending: Sending,
  ): Promise<{ readonly results: readonly LineResult[] }>;
  document(id: string, sending: Sending): Promise<DocumentState>;
  documents(
    page: { readonly after?: string | undefined; readonly limit?: number | undefined },
    sending: Sending,
  ): Promise<DocumentPage>;
  /**
   * Events after a position, or from now on, until the way breaks. Each step says where to
   * continue.
   */
  events(after: number | undefined, sending: Sending): AsyncIterable<EventStep>;
}

export interface EventStep {
  readonly events: readonly DocumentEvent[];
  readonly after: number;
}

/** The language model behind an answer: any OpenAI-compatible endpoint, or cited sentences when there is none. */

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
}

export interface LanguageModel {
  /** What `coverage.llm` says. */
  readonly name: string;
  /** The whole text. @throws FreshetError model_unavailable */
  complete(completion: Completion): Promise<string>;
  close(): Promise<void>;
}

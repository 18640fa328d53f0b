/**
 * The local language model: loads a GGUF file through node-llama-cpp and generates one answer at a
 * time. The library lives in the cache, not among the dependencies, so the few of its names that
 * are used are declared here.
 */
import { pathToFileURL } from "node:url";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface GenerateRequest {
  readonly messages: readonly ChatMessage[];
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed?: number | undefined;
  readonly stop: readonly string[];
  readonly signal: AbortSignal;
  readonly onText: (text: string) => void;
}

export interface Generated {
  readonly text: string;
  readonly finishReason: "stop" | "length";
  readonly completionTokens: number;
}

export interface LlmEngine {
  /** Tokens of the prompt that these messages make. */
  countPromptTokens(messages: readonly ChatMessage[]): number;
  /** Rejects with the signal's reason when aborted. Not to be called while another one runs. */
  generate(request: GenerateRequest): Promise<Generated>;
  dispose(): Promise<void>;
}

type Tokens = readonly number[];

interface LlamaCompletion {
  generateCompletionWithMeta(
    input: Tokens,
    options: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly response: string; readonly metadata: { readonly stopReason: string } }>;
}

interface LlamaModel {
  /** With `specialTokens` false, "<|im_start|>" in a text is just text. */
  tokenize(text: string, specialTokens: boolean): Tokens;
  createContext(options: {
    readonly contextSize: number;
    readonly sequences: number;
    readonly threads: number;
  }): Promise<{ getSequence(): unknown }>;
  dispose(): Promise<void>;
}

interface LlamaModule {
  getLlama(options: Readonly<Record<string, unknown>>): Promise<{
    loadModel(options: {
      readonly modelPath: string;
      readonly gpuLayers: number;
    }): Promise<LlamaModel>;
    dispose(): Promise<void>;
  }>;
  readonly LlamaCompletion: new (options: { readonly contextSequence: unknown }) => LlamaCompletion;
}

export interface EngineOptions {
  /** File to import node-llama-cpp from. */
  readonly module: string;
  readonly gguf: string;
  readonly contextTokens: number;
  readonly threads: number;
}

export async function loadEngine(options: EngineOptions): Promise<LlmEngine> {
  const library = (await import(pathToFileURL(options.module).href)) as LlamaModule;
  const llama = await library.getLlama({
    gpu: false,
    // Use the build in the package or fail: nothing may be compiled or downloaded here.
    build: "never",
    skipDownload: true,
    logLevel: "warn",
    maxThreads: options.threads,
  });
  const model = await llama.loadModel({ modelPath: options.gguf, gpuLayers: 0 });
  const context = await model.createContext({
    contextSize: options.contextTokens,
    sequences: 1,
    threads: options.threads,
  });
  // One sequence for all requests: what two prompts have in common at their start (the system
  // message) is then evaluated only once.
  const completion = new library.LlamaCompletion({ contextSequence: context.getSequence() });
  return {
    countPromptTokens: (messages) => promptTokens(model, messages).length,
    generate: (request) => generate(completion, promptTokens(model, request.messages), request),
    async dispose() {
      await model.dispose();
      await llama.dispose();
    },
  };
}

async function generate(
  completion: LlamaCompletion,
  prompt: Tokens,
  request: GenerateRequest,
): Promise<Generated> {
  let completionTokens = 0;
  const result = await completion.generateCompletionWithMeta(prompt, {
    maxTokens: request.maxTokens,
    temperature: request.temperature,
    seed: request.seed,
    customStopTriggers: request.stop.length === 0 ? undefined : request.stop,
    signal: request.signal,
    // Without it a model of this size repeats its first sentence until it is cut off (tried).
    repeatPenalty: { penalty: 1.15, lastTokens: 64 },
    // The prompt was checked against the context; shifting would drop its beginning in silence.
    disableContextShift: true,
    onTextChunk: (text: string) => {
      if (text !== "") request.onText(text);
    },
    onToken: (tokens: Tokens) => {
      completionTokens += tokens.length;
    },
  });
  return {
    text: result.response.trim(),
    finishReason: result.metadata.stopReason === "maxTokens" ? "length" : "stop",
    completionTokens,
  };
}

/**
 * ChatML, as the model's own template writes it. Built here because the library's ChatML puts a
 * start token in front, which for this model is "<|im_start|>" once more: tried, answers suffer.
 * Texts are tokenized without special tokens, so that a document cannot open a turn of its own.
 */
function promptTokens(model: LlamaModel, messages: readonly ChatMessage[]): Tokens {
  const turns = messages.flatMap(({ role, content }) => [
    ...model.tokenize(`<|im_start|>${role}\n`, true),
    ...model.tokenize(content, false),
    ...model.tokenize("<|im_end|>\n", true),
  ]);
  return [...turns, ...model.tokenize("<|im_start|>assistant\n", true)];
}

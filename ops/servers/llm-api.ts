/** The part of the OpenAI chat API that the local model serves: requests in, JSON out. Pure. */
import { z } from "zod";

const textPart = z.object({ type: z.literal("text"), text: z.string() });
const content = z.union([
  z.string(),
  z.array(textPart).transform((parts) => parts.map((part) => part.text).join("")),
]);

/** Enough for any retrieved context this model can read; longer bodies are refused unread. */
export const bodyBytesMax = 1024 * 1024;
/** A caller that names no limit still gets an answer that ends. */
const maxTokensDefault = 256;
const maxTokensMax = 2048;

/** Unknown fields (tools, logprobs, …) are ignored, as OpenAI-compatible servers commonly do. */
export const chatRequest = z
  .object({
    model: z.string().optional(),
    messages: z
      .array(z.object({ role: z.enum(["system", "developer", "user", "assistant"]), content }))
      .min(1)
      .max(64),
    stream: z.boolean().nullish(),
    stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
    max_tokens: z.number().int().min(1).nullish(),
    max_completion_tokens: z.number().int().min(1).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    seed: z.number().int().nullish(),
    stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  })
  .transform((body) => ({
    messages: body.messages.map((message) => ({
      role: message.role === "developer" ? ("system" as const) : message.role,
      content: message.content,
    })),
    stream: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    maxTokens: Math.min(
      maxTokensMax,
      body.max_completion_tokens ?? body.max_tokens ?? maxTokensDefault,
    ),
    // Zero by default: the same question over the same sources gives the same answer.
    temperature: body.temperature ?? 0,
    seed: body.seed ?? undefined,
    stop: [body.stop ?? []].flat(),
  }));

export type ChatRequest = z.infer<typeof chatRequest>;

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export function usageOf(promptTokens: number, completionTokens: number): Usage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

export interface CompletionHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

export function completion(
  head: CompletionHead,
  answer: { readonly text: string; readonly finishReason: string; readonly usage: Usage },
): object {
  return {
    ...head,
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answer.text },
        finish_reason: answer.finishReason,
      },
    ],
    usage: answer.usage,
  };
}

export function completionChunk(
  head: CompletionHead,
  delta: { readonly role?: "assistant"; readonly content?: string },
  finishReason: string | null = null,
): object {
  const choice = { index: 0, delta, finish_reason: finishReason };
  return { ...head, object: "chat.completion.chunk", choices: [choice] };
}

export function usageChunk(head: CompletionHead, usage: Usage): object {
  return { ...head, object: "chat.completion.chunk", choices: [], usage };
}

export function apiError(message: string, code: string): object {
  return { error: { message, type: "invalid_request_error", param: null, code } };
}

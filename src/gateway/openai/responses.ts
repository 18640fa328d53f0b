/**
 * Responses in OpenAI's newer form (also Open Responses), as values: a request becomes the same
 * question as a chat, an answer becomes a response or the events of its stream.
 *
 *   OR1  the events of a stream are numbered 0, 1, 2 … and say the same as the response at its end;
 *   OR2  nothing is kept: a request that leans on an earlier response is refused, not answered
 *        without it.
 */

import { z } from "zod";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Places } from "../in-their-words.ts";
import { parsed } from "../parsed.ts";
import {
  type Completed,
  citedSources,
  contentSchema,
  modelName,
  ownFieldsOf,
  ownPlaces,
  ownSchema,
  type parseChat,
  type ReplyHead,
  usageOf,
} from "./chat.ts";

/** Items that are no message (calls of tools, reasoning) are taken and say nothing. */
const itemSchema = z.looseObject({
  type: z.string().nullish(),
  role: z.string().nullish(),
  content: contentSchema.nullish(),
});

/** Fields that are not here are taken and have no effect, as sampling parameters and tools. */
export const responsesSchema = z.looseObject({
  model: z.string().nullish(),
  input: z.union([z.string(), z.array(itemSchema).min(1).max(limits.chatMessagesMax)]),
  instructions: z.string().nullish().describe("wishes for the answer; they change no rule"),
  max_output_tokens: z.int().min(1).nullish(),
  stream: z.boolean().nullish(),
  previous_response_id: z.null().optional().describe("responses are not kept"),
  conversation: z.null().optional().describe("conversations are not kept"),
  prompt: z.null().optional().describe("prompts are not kept"),
  background: z.literal(false).nullish().describe("answers are not made later"),
  freshet: ownSchema.partial().nullish(),
});
type Kept = "previous_response_id" | "conversation" | "prompt";

export const responsesPlaces: Places = {
  ...ownPlaces,
  messages: "input",
  query: "input, the newest of a user",
};

const envelopeSchema = responsesSchema.extend({
  previous_response_id: z.unknown().optional(),
  conversation: z.unknown().optional(),
  prompt: z.unknown().optional(),
  background: z.boolean().nullish(),
  freshet: z.record(z.string(), z.unknown()).nullish(),
});
export type ResponsesRequest = z.infer<typeof envelopeSchema>;

/** @throws FreshetError invalid_request, which names the first field of ours that is wrong */
export function parseResponses(body: unknown): ResponsesRequest {
  const asked = parsed(envelopeSchema, body, Object.keys(itemSchema.shape));
  const { input, background } = asked;
  const why = (["previous_response_id", "conversation", "prompt"] as const)
    .filter((name) => asked[name] !== undefined && asked[name] !== null)
    .map((name) => `${name}: ${notKept[name]}`);
  if (background === true) why.push("background: answers are not made later");
  const referred = typeof input === "string" ? -1 : input.findIndex(isReference);
  if (referred !== -1) why.push(`input.${referred}: ${itemsNotKept}`);
  if (why[0] !== undefined) throw new FreshetError("invalid_request", why[0]);
  return asked;
}

const notKept: Readonly<Record<Kept, string>> = {
  previous_response_id: "responses are not kept; send the conversation as input",
  conversation: "conversations are not kept; send the conversation as input",
  prompt: "prompts are not kept; send their text as instructions",
};
const itemsNotKept =
  "an item_reference names what is not kept; send the messages themselves (`store: false`)";

/** OR2: what was said before is left out of the request; libraries do so where they store. */
const isReference = ({ type, id, role }: z.infer<typeof itemSchema>): boolean =>
  type === "item_reference" || (!type && !role && typeof id === "string");

/** The chat that says the same. */
export function chatOf({
  input,
  instructions,
  max_output_tokens,
  freshet,
}: ResponsesRequest): ReturnType<typeof parseChat> {
  const items = typeof input === "string" ? [{ role: "user", content: input }] : input;
  const messages = items.flatMap(({ type, role, content }) =>
    (type ?? "message") === "message" && role ? [{ role, content }] : [],
  );
  const wishes = instructions ? [{ role: "developer", content: instructions }] : [];
  return {
    messages: [...wishes, ...messages],
    ...(max_output_tokens === undefined ? {} : { max_tokens: max_output_tokens }),
    ...(freshet === undefined ? {} : { freshet }),
  };
}

// --- replies -----------------------------------------------------------------------------------

/** What all parts of one reply share. */
export interface ResponseHead extends ReplyHead {
  readonly asked: ResponsesRequest;
  readonly query: string;
}

type Status = "in_progress" | "completed" | "incomplete" | "failed";

/** One whose tokens were used up is `incomplete`. */
const endOf = ({ finish_reason }: Completed): Status =>
  finish_reason === "length" ? "incomplete" : "completed";

function responseOf(head: ResponseHead, status: Status, more: object): object {
  const { asked, created } = head;
  return {
    ...{ id: head.id, object: "response", created_at: created, status },
    ...{ completed_at: null, error: null, incomplete_details: null },
    instructions: asked.instructions ?? null,
    max_output_tokens: asked.max_output_tokens ?? null,
    max_tool_calls: null,
    ...{ model: modelName, output: [], parallel_tool_calls: true, previous_response_id: null },
    ...{ prompt_cache_key: null, safety_identifier: null, service_tier: "default" },
    reasoning: { effort: null, summary: null },
    ...{ store: false, background: false, temperature: 1, top_p: 1, top_logprobs: 0 },
    ...{ presence_penalty: 0, frequency_penalty: 0 },
    ...{ text: { format: { type: "text" } }, tool_choice: "auto", tools: [] },
    ...{ truncation: "disabled", usage: null, user: null, metadata: {} },
    ...more,
  };
}

const messageId = ({ id }: ResponseHead): string => id.replace(/^resp_/, "msg_");

function messageOf(head: ResponseHead, status: Status, content: readonly object[]): object {
  return { id: messageId(head), type: "message", status, role: "assistant", content };
}

function partOf(text: string, annotations: readonly object[]): object {
  return { type: "output_text", text, annotations, logprobs: [] };
}

/**
 * A source with an address of the web is cited by it, any other as a file whose id is the
 * document's.
 */
function annotationsOf(head: ResponseHead, completed: Completed): readonly object[] {
  return citedSources(completed, head.baseUrl).map(({ source, start, end, url, title }) =>
    url === source.source
      ? { type: "url_citation", start_index: start, end_index: end, url, title }
      : { type: "file_citation", index: start, file_id: source.id, filename: title },
  );
}

export function completedResponse(head: ResponseHead, completed: Completed, atMs: number): object {
  const annotations = annotationsOf(head, completed);
  const { prompt_tokens, completion_tokens, total_tokens } = usageOf(head.query, completed);
  const status = endOf(completed);
  return responseOf(head, status, {
    ...(status === "completed"
      ? { completed_at: Math.floor(atMs / 1_000) }
      : { incomplete_details: { reason: "max_output_tokens" } }),
    output: [messageOf(head, status, [partOf(completed.answer, annotations)])],
    usage: {
      input_tokens: prompt_tokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: completion_tokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens,
    },
    freshet: ownFieldsOf(completed),
  });
}

/** An event without its number. */
export type ResponseEvent = { readonly type: string } & Readonly<Record<string, unknown>>;

const place = (head: ResponseHead) => ({
  ...{ item_id: messageId(head), output_index: 0, content_index: 0 },
});

export function firstEvents(head: ResponseHead): readonly ResponseEvent[] {
  const response = responseOf(head, "in_progress", {});
  return [
    { type: "response.created", response },
    { type: "response.in_progress", response },
    {
      ...{ type: "response.output_item.added", output_index: 0 },
      item: messageOf(head, "in_progress", []),
    },
    { type: "response.content_part.added", ...place(head), part: partOf("", []) },
  ];
}

export function textEvent(head: ResponseHead, delta: string): ResponseEvent {
  return { type: "response.output_text.delta", ...place(head), delta, logprobs: [] };
}

export function lastEvents(
  head: ResponseHead,
  completed: Completed,
  atMs: number,
): readonly ResponseEvent[] {
  const annotations = annotationsOf(head, completed);
  const part = partOf(completed.answer, annotations);
  const { answer: text } = completed;
  const status = endOf(completed);
  return [
    ...annotations.map((annotation, annotation_index) => ({
      ...{ type: "response.output_text.annotation.added", ...place(head) },
      ...{ annotation_index, annotation },
    })),
    { type: "response.output_text.done", ...place(head), text, logprobs: [] },
    { type: "response.content_part.done", ...place(head), part },
    {
      ...{ type: "response.output_item.done", output_index: 0 },
      item: messageOf(head, status, [part]),
    },
    { type: `response.${status}`, response: completedResponse(head, completed, atMs) },
  ];
}

/** A stream that has begun ends with it. */
export function failedEvent(head: ResponseHead, { code, message }: FreshetError): ResponseEvent {
  return {
    type: "response.failed",
    response: responseOf(head, "failed", { error: { code, message } }),
  };
}

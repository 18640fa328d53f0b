/**
 * Chat completions in OpenAI's form, as values: a request becomes a question, an answer becomes a
 * completion or the chunks of a stream.
 *
 *   OJ1  an annotation names a source that the text cites, where its marker first stands, by a URL
 *        that no other source of the reply has;
 *   OJ2  the pieces of a stream, joined, are the text of the completion;
 *   OJ3  nothing that the sender chose is repeated in a refusal (I10).
 */

import { z } from "zod";
import { withoutCode } from "../../contract/code-spans.ts";
import { FreshetError } from "../../contract/errors.ts";
import { describeIssue } from "../../contract/issue.ts";
import { limits } from "../../contract/limits.ts";
import { type Answer, questionSchema, type Source, type Turn } from "../../contract/query.ts";
import { cutText } from "../../contract/well-formed.ts";
import type { Places } from "../in-their-words.ts";
import { type Nothing, unlessNothing } from "../no-results.ts";
import { parsed } from "../parsed.ts";

export const modelName = "freshet";

const textPart = z.looseObject({
  type: z.enum(["text", "input_text", "output_text"]),
  text: z.string(),
});

/** Of a message: clients send a text, or parts. */
export const contentSchema = z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]);

const messageSchema = z.looseObject({ role: z.string(), content: contentSchema.nullish() });

/** What only Freshet knows; clients send it beside OpenAI's own fields (`extra_body`). */
export const ownSchema = questionSchema.pick({
  top_k: true,
  filter: true,
  recency: true,
  min_seq: true,
  wait_ms: true,
  max_staleness_ms: true,
  as_of: true,
  deadline_ms: true,
  rank_by: true,
  min_cosine: true,
  decline: true,
  diversity: true,
  context: true,
  rerank: true,
  instructions: true,
  language: true,
  max_sentences: true,
  quote: true,
});

/** What a refusal of the question calls its fields. */
export const ownPlaces: Places = Object.fromEntries(
  Object.keys(ownSchema.shape).map((name) => [name, `freshet.${name}`]),
);
export const chatPlaces: Places = { ...ownPlaces, query: "messages, the newest of a user" };

/**
 * Fields that are not here are taken and have no effect, as sampling parameters. Libraries write
 * down what nobody set, as null.
 */
export const chatSchema = z.looseObject({
  model: z.string().nullish(),
  messages: z.array(messageSchema).min(1).max(limits.chatMessagesMax),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  freshet: ownSchema.partial().nullish(),
});
export type ChatRequest = Pick<z.infer<typeof chatSchema>, "stream" | "stream_options">;

/** The values of `freshet` are checked once, with the question that they become a part of. */
const envelopeSchema = chatSchema.extend({
  freshet: z.record(z.string(), z.unknown()).nullish(),
});
/** Names alone. */
const ownNames = z.strictObject(
  Object.fromEntries(Object.keys(ownSchema.shape).map((name) => [name, z.unknown().optional()])),
);
const inner = [...Object.keys(messageSchema.shape), "include_usage", "type"];

/** @throws FreshetError invalid_request, which names the first field of ours that is wrong */
export function parseChat(body: unknown): z.infer<typeof envelopeSchema> {
  return parsed(envelopeSchema, body, inner);
}

/**
 * The body of a question, unchecked: the newest message of a user is what is asked, those before it
 * are its history. What systems and developers say are wishes for the answer, as a question's own
 * `instructions`: they change none of the rules.
 * @throws FreshetError invalid_request
 */
export function questionOf({
  messages,
  max_completion_tokens,
  max_tokens,
  freshet,
}: ReturnType<typeof parseChat>): Record<string, unknown> {
  const own = Object.entries(freshet ?? {}).filter(([, value]) => value !== null);
  const at = messages.findLastIndex(({ role }) => role === "user");
  const asked = messages[at];
  if (asked === undefined) {
    throw new FreshetError("invalid_request", "messages: none of them has the role user");
  }
  const named = ownNames.safeParse(freshet ?? {});
  if (!named.success) {
    const place = { root: "freshet", names: Object.keys(ownSchema.shape) };
    throw new FreshetError("invalid_request", describeIssue(named.error, place));
  }
  const tokens = max_completion_tokens ?? max_tokens ?? undefined;
  const history = historyOf(messages.slice(0, at));
  const instructions = wishesOf(messages);
  return {
    ...(instructions === "" ? {} : { instructions }),
    ...Object.fromEntries(own),
    query: textOf(asked),
    ...(tokens === undefined ? {} : { max_tokens: Math.min(tokens, limits.maxTokensMax) }),
    ...(history.length === 0 ? {} : { history }),
  };
}

type Message = z.infer<typeof messageSchema>;

/**
 * A conversation grows without end, and clients send all of it: the newest turns that fit, cut to
 * what a turn may hold. What is no text in them, or was said by others, is left out.
 */
function historyOf(messages: readonly Message[]): Turn[] {
  const turns: Turn[] = [];
  let chars = 0;
  for (const { role, content } of messages.toReversed()) {
    if (role !== "user" && role !== "assistant") continue;
    const turn: Turn = {
      role,
      content: cutText(plainText(content).toWellFormed(), limits.turnCharsMax),
    };
    chars += turn.content.length;
    if (turns.length >= limits.historyTurnsMax || chars > limits.historyCharsMax) break;
    if (turn.content.trim() !== "") turns.unshift(turn);
  }
  return turns;
}

/** Clients send long ones unasked: what is beyond the bound is left out, no reason to refuse. */
function wishesOf(messages: readonly Message[]): string {
  const said = messages
    .filter(({ role }) => role === "system" || role === "developer")
    .map(({ content }) => plainText(content).toWellFormed().trim());
  return cutText(said.filter(Boolean).join("\n"), limits.instructionsCharsMax);
}

function plainText(content: Message["content"]): string {
  if (typeof content === "string") return content;
  const parts = (content ?? []).map((part) => textPart.safeParse(part));
  return parts.flatMap(({ data }) => (data === undefined ? [] : [data.text])).join("\n");
}

/** @throws FreshetError invalid_request */
function textOf({ content }: Message): string {
  if (typeof content === "string") return content;
  const parts = (content ?? []).map((part) => {
    const parsed = textPart.safeParse(part);
    if (parsed.success) return parsed.data.text;
    throw new FreshetError("invalid_request", "messages: a part that is no text; send text");
  });
  return parts.join("\n");
}

// --- replies -----------------------------------------------------------------------------------

/** What all parts of one reply share. */
export interface ReplyHead {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  /** Of this API, without a slash at its end. */
  readonly baseUrl: string;
}

/** What a completion is made of: an answer, or that nothing matches. */
export type Completed = Pick<
  Answer,
  | "answer"
  | "sources"
  | "citations"
  | "rewritten_query"
  | "model"
  | "finish_reason"
  | "fallback"
  | "usage"
> & {
  readonly coverage: Answer["coverage"] | undefined;
  readonly visible_seq: number | undefined;
};

/** `no_results` is told as an answer: clients take a 404 for a model that does not exist. */
const nothingMatches = ({ doubt, ...covered }: Nothing): Completed => ({
  answer:
    doubt === undefined
      ? "Nothing in the documents matches this question."
      : `No answer was found, and there may be one: ${doubt}.`,
  sources: [],
  ...covered,
});

const envelope = ({ id, created }: ReplyHead, object: string) => ({
  ...{ id, object, created },
  model: modelName,
});

/** @throws FreshetError what the question ends with, other than that nothing matches */
export function orNothing(answering: Promise<Answer>): Promise<Completed> {
  return unlessNothing(answering, nothingMatches);
}

export function completionOf(head: ReplyHead, query: string, completed: Completed): object {
  const { answer: content, finish_reason = "stop" } = completed;
  const annotations = annotationsOf(completed, head.baseUrl);
  const message = { role: "assistant", content, refusal: null, annotations };
  return {
    ...envelope(head, "chat.completion"),
    choices: [{ index: 0, message, logprobs: null, finish_reason }],
    usage: usageOf(query, completed),
    freshet: ownFieldsOf(completed),
  };
}

export const chunks = {
  begin: (head: ReplyHead) => chunkOf(head, { role: "assistant", content: "" }),
  text: (head: ReplyHead, content: string) => chunkOf(head, { content }),
  /** Undefined when nothing is cited. */
  annotations(head: ReplyHead, completed: Completed): object | undefined {
    const annotations = annotationsOf(completed, head.baseUrl);
    return annotations.length === 0 ? undefined : chunkOf(head, { annotations });
  },
  end: (head: ReplyHead, completed: Completed) => ({
    ...chunkOf(head, {}, completed.finish_reason ?? "stop"),
    freshet: ownFieldsOf(completed),
  }),
  usage: (head: ReplyHead, query: string, completed: Completed) => ({
    ...envelope(head, "chat.completion.chunk"),
    choices: [],
    usage: usageOf(query, completed),
  }),
};

function chunkOf(head: ReplyHead, delta: object, finish_reason: "stop" | "length" | null = null) {
  return {
    ...envelope(head, "chat.completion.chunk"),
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
  };
}

export function ownFieldsOf(completed: Completed): object {
  const { sources, citations, rewritten_query, coverage, visible_seq } = completed;
  const { model, fallback, usage } = completed;
  return { sources, citations, rewritten_query, coverage, visible_seq, model, fallback, usage };
}

/** An estimate of four characters a token where no call of a model counted any. */
export function usageOf(query: string, { answer, sources, usage }: Completed) {
  if (usage !== undefined && usage.prompt_tokens > 0) {
    const { prompt_tokens, completion_tokens } = usage;
    return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
  }
  const estimate = (chars: number): number => Math.ceil(chars / 4);
  const read = sources.reduce((sum, { text }) => sum + text.length, query.length);
  const [prompt_tokens, completion_tokens] = [estimate(read), estimate(answer.length)];
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

const marker = /\[(\d{1,3})\]/g;

/** OJ1, in the order of the sources. */
function annotationsOf(completed: Completed, baseUrl: string): readonly object[] {
  return citedSources(completed, baseUrl).map(({ start, end, url, title }) => ({
    type: "url_citation",
    url_citation: { start_index: start, end_index: end, url, title },
  }));
}

export interface CitedSource {
  readonly source: Source;
  /** Where its marker first stands in the answer, UTF-16 units, the end not in it. */
  readonly start: number;
  readonly end: number;
  /** That no other source of the reply has. */
  readonly url: string;
  readonly title: string;
}

/** The sources that the text cites, in their own order. */
export function citedSources(
  { answer, sources }: Pick<Completed, "answer" | "sources">,
  baseUrl: string,
): readonly CitedSource[] {
  const places = new Map<number, { readonly start: number; readonly end: number }>();
  for (const { 0: text, 1: digits, index } of withoutCode(answer).matchAll(marker)) {
    const at = Number(digits) - 1;
    if (!places.has(at)) places.set(at, { start: index, end: index + text.length });
  }
  const urls = urlsOf(sources, baseUrl);
  return sources.flatMap((source, index) => {
    const place = places.get(index);
    if (place === undefined) return [];
    const title = source.title ?? source.source ?? source.id;
    return [{ source, ...place, url: urls[index] ?? "", title }];
  });
}

/** A document's own address where it has one and no other source of this reply has it. */
function urlsOf(sources: readonly Source[], baseUrl: string): readonly string[] {
  const taken = new Set<string>();
  return sources.map(({ id, version, chunk, source }) => {
    const own = source !== undefined && /^https?:\/\//i.test(source) ? source : undefined;
    const here = `${baseUrl}/v1/documents/${encodeURIComponent(id)}?version=${version}#chunk-${chunk}`;
    const url = own === undefined || taken.has(own) ? here : own;
    taken.add(url);
    return url;
  });
}

/**
 * Writer: the model's words, checked, or cited sentences when there is no model.
 *
 *   AW1  every marker in an answer names a source that the model was shown;
 *   AW2  what `onText` got, joined, is the answer: streamed and whole are the same;
 *   AW3  a model that fails costs its words, never the answer. Before its first word the sentences
 *       simply take its place. After it, they follow what the reader has seen already, after a line
 *       that says so, and `llm` is `extractive`: no reply claims a model that did not finish;
 *   AW4  asked for quotes, an answer is sentences of the sources with their markers and nothing
 *        else: empty where none can be quoted, and without the line of AW3.
 */

import { FreshetError, toFreshetError } from "../contract/errors.ts";
import type { Logger, Metrics } from "../contract/observation.ts";
import { noSpan } from "../contract/tracing.ts";
import type { Clock } from "../runtime/clock.ts";
import { Deadline } from "../runtime/deadline.ts";
import { createCitationFilter, type TextGate } from "./citations.ts";
import { extractiveAnswer, missingCitations } from "./cited-sentences.ts";
import type {
  AnswerWriter,
  LanguageModel,
  PromptRead,
  TokenUsage,
  WriteRequest,
  Written,
} from "./port.ts";
import { buildPrompt, declined } from "./prompt.ts";
import { createQuoteGate } from "./quotes.ts";
import { createRepetitionGuard } from "./repetition.ts";
import { charsPerToken, standingAlone } from "./writer-follow-up.ts";

export const brokenOff =
  "(The language model stopped here; what follows are sentences of the sources.)";

/** Not every endpoint counts, and those that do count by tokens of their own. */

export interface WriterOptions {
  readonly logger: Pick<Logger, "warn">;
  readonly metrics: Pick<Metrics, "count" | "observe">;
  /** Undefined: every answer is extractive. */
  readonly model?: LanguageModel | undefined;
  readonly clock: Clock;
  /** A new unguessable word for each call. */
  readonly fence: () => string;
}

export function createAnswerWriter(options: WriterOptions): AnswerWriter {
  return {
    async write(request) {
      if (request.signal.aborted) throw new FreshetError("cancelled");
      const answer = new GrowingAnswer(request.onText);
      const { model } = options;
      const isAsked = model !== undefined && request.mayUseModel !== false;
      const prompt = isAsked
        ? await writeWithModel({ ...options, model, request, answer })
        : undefined;
      const llm = model === undefined || prompt === undefined ? "extractive" : model.name;
      if (llm === "extractive") writeExtractively(request, answer);
      return {
        answer: answer.text,
        llm,
        ...(request.explains === true && prompt && { prompt }),
      } satisfies Written;
    },
    standAlone: (asked) => standingAlone(options, asked),
  };
}

/** AW2: the one place through which text leaves. */
class GrowingAnswer {
  readonly #onText: ((text: string) => void) | undefined;
  text = "";

  constructor(onText: ((text: string) => void) | undefined) {
    this.#onText = onText;
  }

  /** White space before the first word is a model's habit, not part of the answer. */
  add(piece: string): void {
    const text = this.text === "" ? piece.trimStart() : piece;
    if (text === "") return;
    this.text += text;
    this.#onText?.(text);
  }
}

interface ModelRun extends WriterOptions {
  readonly model: LanguageModel;
  readonly request: WriteRequest;
  readonly answer: GrowingAnswer;
}

/** What the model read when it wrote an answer; undefined when it failed. */
async function writeWithModel(run: ModelRun): Promise<PromptRead | undefined> {
  const { model, request, answer, clock, metrics, logger } = run;
  const { question, sources, maxTokens, form, signal, budgetMs } = request;
  const nowMs = clock.nowMs();
  const asked = { question, sources, fence: run.fence(), nowMs, form };
  const { messages, shown, read } = buildPrompt(asked);
  const isQuoted = form?.isQuoted === true;
  const checked = createCitationFilter({ shown });
  const filter = isQuoted ? inTurn(checked, createQuoteGate(sources.slice(0, shown))) : checked;
  const guard = createRepetitionGuard();
  const enough = new AbortController();
  const heard = new Deadline(clock, budgetMs, AbortSignal.any([signal, enough.signal]));
  const begun = clock.monotonicMs();
  const labels = { model: model.name };
  const span = (request.span ?? noSpan).child("chat", chatAttributes(model.name, maxTokens));
  const onUsage = (usage: TokenUsage): void => {
    metrics.count("language_model_tokens_total", { ...labels, kind: "prompt" }, usage.prompt);
    const completion = { ...labels, kind: "completion" };
    metrics.count("language_model_tokens_total", completion, usage.completion);
    span.set({
      "gen_ai.usage.input_tokens": usage.prompt,
      "gen_ai.usage.output_tokens": usage.completion,
    });
  };
  let streamed = "";
  const onText = (text: string): void => {
    if (streamed === "" && text !== "") {
      const seconds = (clock.monotonicMs() - begun) / 1000;
      metrics.observe("language_model_first_token_seconds", seconds, labels);
    }
    streamed += text;
    answer.add(filter.push(guard.push(text)));
    if (guard.isLooping()) enough.abort();
  };
  try {
    const whole = await model
      .complete({
        ...{ messages, maxTokens, signal: heard.signal, onText, onUsage },
        traceparent: span.traceparent,
      })
      .catch((thrown: unknown) => {
        // A loop was ended by us: what came before it is the answer.
        if (guard.isLooping() && !signal.aborted) return streamed;
        throw thrown;
      });
    // A model that does not stream, or not all of it, still goes through the same checks.
    if (whole.startsWith(streamed)) onText(whole.slice(streamed.length));
    answer.add(filter.push(guard.end()) + filter.end());
    if (answer.text === "") throw new FreshetError("model_unavailable", "the model said nothing");
    const markers = isQuoted ? "" : missingCitations(answer.text, sources.slice(0, shown));
    if (markers !== "") answer.add(` ${markers}`);
    metrics.observe("language_model_seconds", (clock.monotonicMs() - begun) / 1000, labels);
    span.end();
    return read;
  } catch (thrown) {
    span.end(signal.aborted ? "cancelled" : toFreshetError(thrown).code);
    if (signal.aborted) throw new FreshetError("cancelled");
    const { code, details } = toFreshetError(thrown);
    metrics.count("language_model_errors_total", { model: model.name });
    logger.warn({ code, ...details, model: model.name }, "the language model failed");
    // What the filter still holds stays unsaid: half a construct is what it waits for.
    return undefined;
  } finally {
    const read = messages.reduce((sum, { content }) => sum + content.length, 0);
    request.onTokens?.(Math.ceil((read + streamed.length) / charsPerToken));
    heard.clear();
  }
}

/** What the first lets out goes through the second. */
function inTurn(first: TextGate, second: TextGate): TextGate {
  return {
    push: (text) => second.push(first.push(text)),
    end: () => second.push(first.end()) + second.end(),
  };
}

/** By OpenTelemetry's conventions for generative AI. */
function chatAttributes(model: string, maxTokens: number) {
  return {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": model,
    "gen_ai.request.max_tokens": maxTokens,
  };
}

/** AW3, AW4. */
function writeExtractively(request: WriteRequest, answer: GrowingAnswer): void {
  const { question, sources, form = {} } = request;
  const { maxSentences: sentencesMax, isQuoted: isVerbatim = false } = form;
  const sentences = extractiveAnswer({ question, sources, sentencesMax, isVerbatim });
  if (isVerbatim) return answer.add(answer.text === "" ? sentences : ` ${sentences}`);
  const text = sentences === "" ? `${declined}.` : sentences;
  answer.add(answer.text === "" ? text : `\n\n${brokenOff}\n\n${text}`);
}

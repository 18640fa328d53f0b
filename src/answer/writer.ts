/**
 * Writer: the model's words, checked, or cited sentences when there is no model.
 *
 *   AW1  every marker in an answer names a source that the model was shown;
 *   AW2  what `onText` got, joined, is the answer: streamed and whole are the same;
 *   AW3  models that fail cost their words, never the answer. Before its first word the next of the
 *       chain, in the end the sentences, simply take its place. After it, no other model writes on:
 *       sentences follow what the reader has seen already, after a line that says so, and `llm` is
 *       `extractive`: no reply claims a model that did not finish;
 *   AW4  asked for quotes, an answer is sentences of the sources with their markers and nothing
 *        else: empty where none can be quoted, and without the line of AW3;
 *   AW5  an answer whose tokens were used up says so: half of a procedure is none.
 */

import { FreshetError } from "../contract/errors.ts";
import type { Clock } from "../runtime/clock.ts";
import { createCitationFilter, type TextGate } from "./citations.ts";
import { extractiveAnswer, missingCitations } from "./cited-sentences.ts";
import type { AnswerWriter, PromptRead, WriteRequest, Written } from "./port.ts";
import { buildPrompt, declined, promptMessages } from "./prompt.ts";
import { createQuoteGate } from "./quotes.ts";
import { createRepetitionGuard } from "./repetition.ts";
import type { ModelChain } from "./writer-chain.ts";
import type { Attempt } from "./writer-chain-run.ts";
import { standingAlone } from "./writer-follow-up.ts";

export const brokenOff =
  "(The language model stopped here; what follows are sentences of the sources.)";

export interface WriterOptions {
  /** Undefined: every answer is extractive. */
  readonly models?: ModelChain | undefined;
  readonly clock: Clock;
  /** A new unguessable word for each call. */
  readonly fence: () => string;
}

export function createAnswerWriter(options: WriterOptions): AnswerWriter {
  return {
    async write(request) {
      if (request.signal.aborted) throw new FreshetError("cancelled");
      const answer = new GrowingAnswer(request.onText);
      const { models } = options;
      const isLimited = models !== undefined && request.mayUseModel === false;
      if (models === undefined || isLimited) {
        writeExtractively(request, answer);
        const written = { answer: answer.text, llm: "extractive" } satisfies Written;
        return isLimited ? { ...written, isLimited } : written;
      }
      const { value, by, passed } = await models.ask(request, (attempt) =>
        writeWith({ ...options, attempt, request, answer }),
      );
      if (by === undefined) writeExtractively(request, answer);
      return {
        answer: answer.text,
        llm: by?.name ?? "extractive",
        ...(by !== undefined && { model: by.model ?? by.name }),
        ...(value?.isCut === true && { isCut: true }),
        ...(passed.length > 0 && { passed }),
        ...(request.explains === true && value && { prompt: value.read }),
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
  readonly attempt: Attempt;
  readonly request: WriteRequest;
  readonly answer: GrowingAnswer;
}

interface Wrote {
  readonly read: PromptRead;
  readonly isCut: boolean;
}

/** @returns what the model read when it wrote the answer. @throws FreshetError where it did not */
async function writeWith(run: ModelRun): Promise<Wrote> {
  const { attempt, request, answer, clock } = run;
  const { question, sources, form, signal } = request;
  const room = attempt.room(promptMessages);
  const asked = { question, sources, fence: run.fence(), nowMs: clock.nowMs(), form, room };
  const { messages, shown, read } = buildPrompt(asked);
  const isQuoted = form?.isQuoted === true;
  const checked = createCitationFilter({ shown });
  const filter = isQuoted ? inTurn(checked, createQuoteGate(sources.slice(0, shown))) : checked;
  const guard = createRepetitionGuard();
  const enough = new AbortController();
  let streamed = "";
  let isCut = false;
  const onCut = (): void => {
    isCut = true;
  };
  const onText = (text: string): void => {
    streamed += text;
    answer.add(filter.push(guard.push(text)));
    if (guard.isLooping()) enough.abort();
  };
  const whole = await attempt
    .complete(messages, { onText, onCut, signal: enough.signal })
    .catch((thrown: unknown) => {
      // A loop was ended by us: what came before it is the answer.
      if (guard.isLooping() && !signal.aborted) return streamed;
      // What the filter still holds stays unsaid: half a construct is what it waits for.
      throw thrown;
    });
  // A model that does not stream, or not all of it, still goes through the same checks.
  if (whole.startsWith(streamed)) onText(whole.slice(streamed.length));
  answer.add(filter.push(guard.end()) + filter.end());
  if (answer.text === "") throw saidNothing(whole);
  const markers = isQuoted ? "" : missingCitations(answer.text, sources.slice(0, shown));
  if (markers !== "") answer.add(` ${markers}`);
  return { read, isCut };
}

/** Words of which none may leave are no fault of the endpoint. */
function saidNothing(whole: string): FreshetError {
  const reason = whole.trim() === "" ? "empty" : "useless";
  const details = { reason };
  return new FreshetError("model_unavailable", "the model said nothing", { details });
}

/** What the first lets out goes through the second. */
function inTurn(first: TextGate, second: TextGate): TextGate {
  return {
    push: (text) => second.push(first.push(text)),
    end: () => second.push(first.end()) + second.end(),
  };
}

/** AW3, AW4. */
function writeExtractively(request: WriteRequest, answer: GrowingAnswer): void {
  const { question, asked: own, sources, form = {} } = request;
  const { maxSentences: sentencesMax, isQuoted: isVerbatim = false } = form;
  const sentences = extractiveAnswer({ question, own, sources, sentencesMax, isVerbatim });
  if (isVerbatim) return answer.add(answer.text === "" ? sentences : ` ${sentences}`);
  const text = sentences === "" ? `${declined}.` : sentences;
  answer.add(answer.text === "" ? text : `\n\n${brokenOff}\n\n${text}`);
}

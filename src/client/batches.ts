/**
 * Many operations as batches of lines, in their order.
 *
 *   CB1  what of a batch is neither stored nor refused for good is sent again, under the same key
 *        and line numbers, which make each line's id: nothing is stored twice;
 *   CB2  a batch is sent only when the one before it is over: a later operation on a document never
 *        overtakes an earlier one;
 *   CB3  a line that is too large for the way it takes has an error of its own.
 */

import { FreshetError } from "./errors.ts";
import { pauseOrGiveUp, type RetryOptions, SentKey, withRetries } from "./retry.ts";
import type { ErrorBody, LineResult, Operation } from "./types.ts";

/** One of many: stored, or why not. `index` counts from 0. */
export type ManyResult =
  | { readonly index: number; readonly id: string; readonly seq: number }
  | { readonly index: number; readonly error: FreshetError };

export interface BatchOptions extends Omit<RetryOptions, "key"> {
  readonly bytesMax: number;
  readonly linesMax: number;
  readonly key: string;
  send(lines: string, key: string): Promise<{ readonly results: readonly LineResult[] }>;
}

interface Line {
  readonly index: number;
  readonly text: string;
}

const encoder = new TextEncoder();

export type Many<Item> = Iterable<Item> | AsyncIterable<Item>;

export async function* linesOfOperations(operations: Many<Operation>): AsyncGenerator<Line> {
  let index = 0;
  for await (const operation of operations) {
    yield { index, text: JSON.stringify(operation) };
    index += 1;
  }
}

/** Lines of NDJSON; empty ones count, and are not sent. */
export async function* linesOfText(text: string | Many<string>): AsyncGenerator<Line> {
  let index = 0;
  let rest = "";
  for await (const piece of typeof text === "string" ? [text] : text) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.trim() !== "") yield { index, text: line.replace(/\r$/, "") };
      index += 1;
    }
  }
  if (rest.trim() !== "") yield { index, text: rest };
}

export async function publishBatches(
  lines: AsyncIterable<Line>,
  options: BatchOptions,
): Promise<readonly ManyResult[]> {
  const results: ManyResult[] = [];
  let batch: Line[] = [];
  let bytes = 0;
  let number = 0;
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    number += 1;
    results.push(...(await publishBatch(batch, number, options)));
    batch = [];
    bytes = 0;
  };
  for await (const line of lines) {
    const length = encoder.encode(line.text).byteLength + 1;
    const isFull = bytes + length > options.bytesMax || batch.length >= options.linesMax;
    if (isFull) await flush();
    batch.push(line);
    bytes += length;
  }
  await flush();
  return results;
}

/** CB1. */
async function publishBatch(
  batch: readonly Line[],
  number: number,
  options: BatchOptions,
): Promise<readonly ManyResult[]> {
  const { send, surroundings } = options;
  const key = `${options.key}/${number}`;
  const sentKey = new SentKey(surroundings);
  const within: RetryOptions = { ...options, key: sentKey };
  const settled = new Map<number, ManyResult>();
  for (let made = 1; ; made += 1) {
    // What is settled is sent as an empty line, which keeps the numbers, and so the ids, of the
    // others: the engine remembers ids for two minutes, and a quota may take longer.
    const text = batch.map((line, at) => (settled.has(at) ? "" : line.text)).join("\n");
    const begunMs = surroundings.nowMs();
    const sent = await withRetries(() => send(text, key), within).catch(refusalOfOne);
    const [only] = batch;
    if (sent instanceof FreshetError) {
      if (batch.length > 1 || only === undefined) throw sent;
      return [{ index: only.index, error: sent }];
    }
    const { results } = sent;
    const found = resultsOf(batch, results).map((result, at) => settled.get(at) ?? result);
    const before = settled.size;
    for (const [at, result] of found.entries()) if (!isOpen(result)) settled.set(at, result);
    const first = found.find(isOpen);
    if (first === undefined) return found;
    // Attempts that bring nothing are counted: a quota lets some lines through each time.
    if (settled.size > before) made = 1;
    if (made >= options.retries.attemptsMax) return found;
    for (const each of found) if (isOpen(each)) sentKey.failed(each.error, begunMs);
    if (!(await pauseOrGiveUp(made, first.error.retryAfterMs, within))) return found;
  }
}

/** CB3. Nothing but its size is wrong, which stops no other line: one above a batch goes alone. */
function refusalOfOne(thrown: unknown): FreshetError {
  if (thrown instanceof FreshetError && thrown.code === "document_too_large") return thrown;
  throw thrown;
}

type Refused = Extract<ManyResult, { readonly error: FreshetError }>;

function isOpen(result: ManyResult): result is Refused {
  return "error" in result && result.error.retryable;
}

/**
 * The engine ends a batch at a line that it cannot take now: so is every line that it did not read.
 * Lines are published side by side: one that is wrong for good may stand behind that one, and says
 * nothing of the others.
 */
function resultsOf(batch: readonly Line[], results: readonly LineResult[]): readonly ManyResult[] {
  const byLine = new Map(results.map((result) => [result.line, result]));
  const refused = results.flatMap((result) => ("error" in result ? [result.error] : []));
  const ending = refused.findLast(({ retryable }) => retryable) ?? refused.at(-1);
  return batch.map(({ index }, at) => {
    const result = byLine.get(at + 1);
    if (result !== undefined && "seq" in result) {
      return { index, id: result.id, seq: result.seq };
    }
    return { index, error: errorOfLine(result?.error ?? ending) };
  });
}

function errorOfLine(told: ErrorBody | undefined): FreshetError {
  if (told === undefined) return new FreshetError("protocol", "the reply leaves a line out");
  const { code, message, retryable, details } = told;
  const wait = details?.["retry_after_ms"];
  const retryAfterMs = typeof wait === "number" ? wait : undefined;
  return new FreshetError(code, message, { retryable, details, retryAfterMs });
}

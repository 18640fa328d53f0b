/**
 * The lane of names and postal addresses: what a token classifier takes for one is replaced, behind
 * all recognisers. Opt-in: it costs more than embedding, and it misses some.
 *
 *   NX1  the same texts under the same key give the same, on any machine: windows depend on a text
 *        alone, and each is one run of the model;
 *   NX2  every word is looked at, with words on both sides of it where there are any;
 *   NX3  a field is decided by itself and its key alone, so that a filter decides as the document
 *        did; in the text a full name that was found anywhere in the document goes everywhere;
 *   NX4  placeholders stay as they are;
 *   NX5  what the model cannot look at is not passed on: the error is thrown.
 */

import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import {
  FullNames,
  findsOf,
  type NameFind,
  normalName,
  type Part,
  partOf,
  parts,
  type TaggedWord,
} from "./name-spans.ts";
import { Placeholders, placeholderSpans } from "./placeholders.ts";
import type { Tokenizer, Word } from "./port.ts";
import type { Span } from "./recognisers/recogniser.ts";

/** Joined to the redactor's version in every record. */
export const namesVersion = "names1";

/** A value of each label for each of the tokens. */
export type Classify = (tokens: Int32Array) => Promise<Float32Array>;

export interface NamesText {
  /** Redacted already. */
  readonly text: string;
  /**
   * Of a field: what the model reads before it, the key of a value of metadata for instance. It is
   * decided alone then, as in a filter.
   */
  readonly label?: string | undefined;
  /** Before it was redacted: by how much it may grow depends on that. */
  readonly charsBefore: number;
}

export interface NameRedactor {
  /** The same texts without names and addresses. @throws what the classifier throws */
  redact(texts: readonly NamesText[]): Promise<readonly string[]>;
}

/** The same for questions, which wait their turn for a model of their own. */
export interface QuestionNamesLane {
  /** @throws FreshetError overloaded, embedding_unavailable, embedding_failed, cancelled */
  redact(
    tenant: TenantId,
    texts: readonly NamesText[],
    signal: AbortSignal,
  ): Promise<readonly string[]>;
}

export interface NamesModel {
  readonly tokenizer: Tokenizer;
  readonly labels: readonly string[];
  readonly classify: Classify;
}

export function createNameRedactor(model: NamesModel, key: Uint8Array): NameRedactor {
  const columns = parts.map((part) => columnsOf(model.labels, part));
  return {
    async redact(texts) {
      const found: (readonly NameFind[])[] = [];
      // One after another: the model has one thread.
      for (const each of texts) found.push(await findIn(model, columns, each));
      const names = texts.flatMap(({ text }, index) => namesIn(text, found[index] ?? []));
      const known = new FullNames(names);
      return texts.map((each, index) => {
        const own = found[index] ?? [];
        const finds = each.label === undefined ? withRepeated(each.text, own, known) : own;
        return replace(each, finds, key);
      });
    },
  };
}

function columnsOf(labels: readonly string[], part: Part): readonly number[] {
  return labels.flatMap((label, index) => (partOf(label) === part ? index : []));
}

type Columns = readonly (readonly number[])[];

async function findIn(
  model: NamesModel,
  columns: Columns,
  { text, label = "" }: NamesText,
): Promise<readonly NameFind[]> {
  if (!/\p{L}/u.test(text)) return [];
  const whole = label + text;
  const replaced = placeholderSpans(whole);
  const words = await tagged(model, columns, model.tokenizer.words(whole));
  const open = words.filter((word) => word.start >= label.length && !replaced.covers(word));
  return findsOf(whole, open).map(({ kind, start, end }) => ({
    kind,
    start: start - label.length,
    end: end - label.length,
  }));
}

async function tagged(
  { tokenizer, labels, classify }: NamesModel,
  columns: Columns,
  words: readonly Word[],
): Promise<readonly TaggedWord[]> {
  const tags: TaggedWord[] = [];
  for (const { from, to, first, last } of windowsOf(words)) {
    const window = words.slice(from, to);
    const ids = [tokenizer.startId, ...window.flatMap((word) => word.ids), tokenizer.endId];
    const values = await classify(Int32Array.from(ids));
    let row = 1;
    for (const [index, { start, end, ids: own }] of window.entries()) {
      const at = from + index;
      if (at >= first && at < last) {
        const rows = own.map((_, token) => (row + token) * labels.length);
        tags.push({ start, end, part: partAt(values, rows, { columns, labels: labels.length }) });
      }
      row += own.length;
    }
  }
  return tags;
}

interface Window {
  /** The words that the model sees, end exclusive. */
  readonly from: number;
  readonly to: number;
  /** Those of them that are decided here: the others only stand beside them. */
  readonly first: number;
  readonly last: number;
}

/** Cut by tokens; neighbours share some, and each decides the half that is further inside. */
export function windowsOf(words: readonly Pick<Word, "ids">[]): readonly Window[] {
  const { namesWindowTokens, namesOverlapTokens } = limits;
  const windows: Window[] = [];
  let from = 0;
  let first = 0;
  while (first < words.length) {
    const to = forward(words, from, namesWindowTokens);
    if (to === words.length) {
      windows.push({ from, to, first, last: to });
      break;
    }
    const last = Math.max(first + 1, backward(words, to, namesOverlapTokens / 2));
    windows.push({ from, to, first, last });
    from = Math.max(from + 1, backward(words, last, namesOverlapTokens / 2));
    first = last;
  }
  return windows;
}

function forward(words: readonly Pick<Word, "ids">[], from: number, tokensMax: number): number {
  let tokens = 0;
  let at = from;
  while (at < words.length) {
    tokens += words[at]?.ids.length ?? 0;
    if (tokens > tokensMax && at > from) break;
    at += 1;
  }
  return at;
}

function backward(words: readonly Pick<Word, "ids">[], from: number, tokensMax: number): number {
  let tokens = 0;
  let at = from;
  while (at > 0) {
    tokens += words[at - 1]?.ids.length ?? 0;
    if (tokens > tokensMax) break;
    at -= 1;
  }
  return at;
}

/**
 * A word is what one of its tokens is by more than half of the model's belief. Beginnings and
 * continuations count together: the model often doubts only which of the two it is.
 */
function partAt(
  values: Float32Array,
  rows: readonly number[],
  { columns, labels }: { readonly columns: Columns; readonly labels: number },
): Part | undefined {
  for (const row of rows) {
    let highest = Number.NEGATIVE_INFINITY;
    for (let label = 0; label < labels; label += 1)
      highest = Math.max(highest, values[row + label] as number);
    let total = 0;
    for (let label = 0; label < labels; label += 1)
      total += Math.exp((values[row + label] as number) - highest);
    for (const [index, own] of columns.entries()) {
      const belief = own.reduce(
        (sum, label) => sum + Math.exp((values[row + label] as number) - highest),
        0,
      );
      if (belief > total / 2) return parts[index];
    }
  }
  return undefined;
}

function namesIn(text: string, finds: readonly NameFind[]): readonly string[] {
  return finds
    .filter(({ kind }) => kind === "NAME")
    .map(({ start, end }) => text.slice(start, end));
}

function withRepeated(
  text: string,
  own: readonly NameFind[],
  known: FullNames,
): readonly NameFind[] {
  const again = known.in(text);
  if (again.length === 0) return own;
  const replaced = placeholderSpans(text);
  const others = again.filter((find) => !replaced.covers(find) && !touchesAny(own, find));
  return [...own, ...others].sort((left, right) => left.start - right.start);
}

/** @param spans in order of the text */
function touchesAny(spans: readonly Span[], { start, end }: Span): boolean {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.end ?? 0) <= start) low = middle + 1;
    else high = middle;
  }
  return (spans[low]?.start ?? Number.POSITIVE_INFINITY) < end;
}

function replace(
  { text, charsBefore }: NamesText,
  finds: readonly NameFind[],
  key: Uint8Array,
): string {
  const placeholders = new Placeholders(key, charsBefore, text.length - charsBefore);
  const pieces: string[] = [];
  let end = 0;
  for (const { kind, ...span } of finds) {
    if (span.start < end) continue;
    const normal = normalName(text.slice(span.start, span.end));
    pieces.push(text.slice(end, span.start), placeholders.of({ kind, normal, ...span }));
    end = span.end;
  }
  pieces.push(text.slice(end));
  return pieces.join("");
}

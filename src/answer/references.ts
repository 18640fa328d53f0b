/**
 * The citations of an answer, to the letter: for each marker of each cited sentence the passage
 * that it rests on, where that lies in its document, and whether it says so. A function of answer
 * and sources alone, so that a reply can be checked again by whoever has both. Pure.
 *
 *   CR1  the cited sentence is the text before a run of markers, back to the marker or the sentence
 *        before it;
 *   CR2  a place in a document is that of the sentences of the source which hold most of the cited
 *        one, one or two neighbours; of the whole passage where none does.
 */

import type { Citation } from "../contract/citation.ts";
import { withoutCode } from "../contract/code-spans.ts";
import { limits } from "../contract/limits.ts";
import type { Source } from "../contract/query.ts";
import { terms } from "../text/lexical.ts";
import { type EvidenceSentence, evidenceOf, isInText, sentencesIn } from "./evidence.ts";
import { type Passage, supportOf } from "./support.ts";

/** A sentence of an answer with the markers behind it. */
export interface Claim {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly markers: readonly number[];
}

export function citationsOf(answer: string, sources: readonly Source[]): Citation[] {
  const citations: Citation[] = [];
  for (const { text, start, end, markers } of claimsOf(answer)) {
    const cited = markers.flatMap((marker) => {
      const source = sources[marker - 1];
      return source === undefined ? [] : [{ marker, source, fit: fitOf(text, source) }];
    });
    const supports = supportOf(text, cited.map(passageOf));
    for (const [index, { marker, source, fit }] of cited.entries()) {
      const support = supports[index] ?? "unsupported";
      citations.push({ ...placeOf(marker, source, fit), sentence: { start, end }, support });
      if (citations.length === limits.citationsMax) return citations;
    }
  }
  return citations;
}

/** Blanks before the first one are left to whoever trims: a search would start anew at each. */
const markersPattern = /\[\d{1,6}\](?:\s*\[\d{1,6}\])*/g;

export function claimsOf(answer: string): Claim[] {
  const claims: Claim[] = [];
  let from = 0;
  for (const { 0: run, index } of withoutCode(answer).matchAll(markersPattern)) {
    const markers = [...new Set([...run.matchAll(/\d+/g)].map(([digits]) => Number(digits)))];
    const sentence = lastSentence(answer.slice(from, index));
    if (sentence !== undefined) {
      const { start, end } = sentence;
      const text = answer.slice(from + start, from + end);
      claims.push({ text, start: from + start, end: from + end, markers });
    }
    from = index + run.length;
  }
  return claims;
}

/** What stands between two runs of markers may begin with the full stop of the sentence before. */
function lastSentence(text: string): { readonly start: number; readonly end: number } | undefined {
  const places = sentencesIn(text);
  const last = places.findLast(({ start, end }) => /[\p{L}\p{N}]/u.test(text.slice(start, end)));
  if (last === undefined) return undefined;
  const lead = /^[\s.,;:!?)]*/.exec(text.slice(last.start, last.end))?.[0].length ?? 0;
  return { start: last.start + lead, end: last.end };
}

/** Where in the source's text a claim fits best, and that text. */
interface Fit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Of a row of a table: what its cells are. */
  readonly columns?: string | undefined;
}

interface Place {
  /** Terms of the claim that it holds. */
  readonly count: number;
  /** Its first sentence, and how many it is. */
  readonly at: number;
  readonly span: number;
}

function fitOf(claim: string, source: Source): Fit {
  const sentences = evidenceOf([source]).filter(isInText);
  const plain = claim.replace(/\s+/g, " ").trim();
  const same = sentences.find(({ text }) => text === plain);
  if (same !== undefined) return joined([same]);
  const wanted = new Set(terms(plain));
  const held = sentences.map(({ text }) => new Set(terms(text).filter((term) => wanted.has(term))));
  let best: Place | undefined;
  for (const span of [1, 2]) {
    for (let at = 0; at + span <= held.length; at += 1) {
      const count = new Set(held.slice(at, at + span).flatMap((own) => [...own])).size;
      // A neighbour has to bring more than one word to be part of the place.
      const enough = best === undefined ? 0 : best.count + (span - best.span);
      if (count > enough) best = { count, at, span };
    }
  }
  if (best === undefined) return { start: 0, end: source.text.length, text: source.text };
  return joined(sentences.slice(best.at, best.at + best.span));
}

function joined(sentences: readonly EvidenceSentence[]): Fit {
  return {
    start: sentences[0]?.start ?? 0,
    end: sentences.at(-1)?.end ?? 0,
    text: sentences.map(({ text }) => text).join(" "),
    columns: sentences.find(({ columns }) => columns !== undefined)?.columns?.text,
  };
}

function passageOf({ source, fit }: { readonly source: Source; readonly fit: Fit }): Passage {
  const { title, heading, timestamp, published_at, text } = source;
  const around = [title, heading, timestamp, published_at].filter((each) => each !== undefined);
  return {
    text: [title, heading, fit.columns, fit.text].filter(Boolean).join("\n"),
    whole: [...around, text].join("\n"),
  };
}

function placeOf(
  marker: number,
  { id, version, chunk, shard, start }: Source,
  fit: Fit,
): Omit<Citation, "sentence" | "support"> {
  const range = start === undefined ? {} : { start: start + fit.start, end: start + fit.end };
  return { marker, id, version, chunk, seq: version, shard, ...range };
}

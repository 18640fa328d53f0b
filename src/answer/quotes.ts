/**
 * Of a model's words only those that stand in a source, to the letter.
 *
 *   QO1  what leaves is whole sentences of sources, each with the marker of the source that it was
 *        found in, whatever the model said where it is from; all else stays, also what the model
 *        put together from pieces;
 *   QO2  streamed or whole, the same leaves.
 */

import type { Source } from "../contract/query.ts";
import { filterCitations, type TextGate } from "./citations.ts";
import { evidenceOf, sentencesIn } from "./evidence.ts";

/** Fewer words stand in any text. */
const wordsMin = 3;
/** A sentence that does not end is none. */
const heldCharsMax = 2_000;

/** @param sources those that the model was shown */
export function createQuoteGate(sources: readonly Source[]): TextGate {
  const quoted = new Set<string>();
  let held = "";

  function quote(sentence: string): string {
    const found = wholeSentences(sentence, sources);
    if (found === undefined) return "";
    const piece = `${found.text} [${found.number}]`;
    if (quoted.has(piece)) return "";
    const lead = quoted.size === 0 ? "" : " ";
    quoted.add(piece);
    return `${lead}${piece}`;
  }

  function drain(isLast: boolean): string {
    // Nothing of it has ended: with each piece of it all would be cut into sentences again.
    const places = isLast || sentenceEnd.test(held) ? sentencesIn(held) : [];
    const ended = isLast ? places : places.slice(0, -1);
    const out = ended.map(({ start, end }) => quote(held.slice(start, end)));
    held = held.slice(isLast ? held.length : (ended.at(-1)?.end ?? 0));
    if (held.length > heldCharsMax) held = "";
    return out.join("");
  }

  return {
    push(text) {
      // Whose words they are is looked up: what the model says of that plays no part.
      held = `${held}${text}`.replace(marker, "").trimStart();
      return drain(false);
    },
    end: () => drain(true),
  };
}

/** With the blanks before it: a search begins where these do, not at each of them. */
const marker = /(?<!\s)\s+\[\d+\]|\[\d+\]/g;

const sentenceEnd = /[\p{Sentence_Terminal}\n\r\u0085\u2028\u2029]/u;

interface Quoted {
  readonly number: number;
  readonly text: string;
}

const leading = /^[\s"“”'‘’*•–-]+/;
const trailing = /(?<![\s"“”'‘’*])[\s"“”'‘’*]+$/;

/** The sentences of the first source that holds these words one after the other. */
function wholeSentences(said: string, sources: readonly Source[]): Quoted | undefined {
  const words = said.replace(leading, "").replace(trailing, "").split(/\s+/);
  if (words.length < wordsMin) return undefined;
  const escaped = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])${escaped.join("\\s+")}(?![\\p{L}\\p{N}])`, "u");
  for (const [index, source] of sources.entries()) {
    const match = pattern.exec(source.text);
    if (match === null) continue;
    const to = match.index + match[0].length;
    const around = evidenceOf([source]).filter(({ start, end }) => start < to && end > match.index);
    const text = source.text.slice(around[0]?.start ?? 0, around.at(-1)?.end ?? 0);
    // What a source cites or links to was checked by nobody.
    if (text !== "" && filterCitations(text, 0) === text) return { number: index + 1, text };
  }
  return undefined;
}

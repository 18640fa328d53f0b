/** Sentences by Unicode's rules (UAX 29), for cutting documents and for quoting from them. */

/** Fixed, so that the same text is cut the same way on every machine. */
const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });

/**
 * Shorter prose is one sentence: not worth the segmenter, of which a table would need thousands.
 */
const splitFromChars = 48;

/**
 * Offsets where a sentence begins, the first always 0. A line feed ends no sentence, because prose
 * is often wrapped by hand: callers cut at blank lines themselves.
 */
export function sentenceStarts(text: string): number[] {
  if (text.length < splitFromChars) return [0];
  const starts: number[] = [];
  for (const { index } of segmenter.segment(text.replaceAll("\n", " "))) {
    if (!isInsideWord(text, index)) starts.push(index);
  }
  return starts;
}

/** `https://example.org/health?x=1`: by Unicode, a sentence ends behind the question mark. */
function isInsideWord(text: string, at: number): boolean {
  return /^[!?][\w%/&=#-]$/.test(text.slice(at - 1, at + 1));
}

/** The sentences themselves, trimmed, none empty. */
export function splitSentences(text: string): string[] {
  const starts = sentenceStarts(text);
  return starts
    .map((start, index) => text.slice(start, starts[index + 1]).trim())
    .filter((sentence) => sentence !== "");
}

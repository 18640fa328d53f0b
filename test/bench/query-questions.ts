/** Questions for measuring: words that stand beside each other in real text, no question twice. */

import type { BenchDocument } from "./texts.ts";

const wordsMin = 6;
const wordsMax = 10;

/** @throws Error when there are no others left */
export function distinctQuestions(documents: readonly BenchDocument[]): () => string {
  const all = windows(documents);
  const seen = new Set<string>();
  return () => {
    for (;;) {
      const { value: question } = all.next();
      if (question === undefined) break;
      if (seen.has(question)) continue;
      seen.add(question);
      return question;
    }
    throw new Error(`there are only ${seen.size} different questions in these documents`);
  };
}

/** From each document in turn, so that neighbours are of different documents. */
function* windows(documents: readonly BenchDocument[]): Generator<string, undefined> {
  const words = documents.map(({ text }) =>
    text.split(/\s+/).filter((word) => /^[A-Za-z][\w-]*$/.test(word)),
  );
  const longest = Math.max(0, ...words.map(({ length }) => length));
  for (let length = wordsMin; length <= wordsMax; length += 1) {
    for (let start = 0; start + length <= longest; start += 3) {
      for (const own of words) {
        if (start + length <= own.length) yield own.slice(start, start + length).join(" ");
      }
    }
  }
  return undefined;
}

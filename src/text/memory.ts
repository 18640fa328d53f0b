/**
 * A tokenizer without a model: ids from a hash, one for every four letters. For tests of other
 * rooms.
 */

import type { Tokenizer, Word } from "./port.ts";
import { frameTokens, pieceOffsets } from "./word-pieces.ts";

const startId = 101;
const endId = 102;
const firstWordId = 1_000;
const vocabularySize = 30_522;
const charsPerToken = 4;

export function createMemoryTokenizer(): Tokenizer {
  return {
    startId,
    endId,
    words,
    encode: (text, maxTokens) => frameTokens({ startId, endId, words: words(text), maxTokens }),
  };
}

function words(text: string): Word[] {
  return [...pieceOffsets(text)].map(([start, end]) => ({
    start,
    end,
    ids: idsOf(text.slice(start, end).toLowerCase()),
  }));
}

function idsOf(piece: string): number[] {
  const ids: number[] = [];
  for (let at = 0; at < piece.length; at += charsPerToken) {
    ids.push(
      firstWordId + (hash(piece.slice(at, at + charsPerToken)) % (vocabularySize - firstWordId)),
    );
  }
  return ids;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  }
  return value >>> 0;
}

import type { Source } from "../../src/contract/query.ts";

/** Sources with the given texts, numbered from 1. */
export function sources(...texts: readonly string[]): Source[] {
  return texts.map((text, index) => ({
    id: `document-${index + 1}`,
    version: index + 1,
    chunk: 0,
    score: 1 - index / 10,
    text,
    shard: "hot",
  }));
}

/**
 * Requests and replies of `/rerank` endpoints. Pure. A reply counts when it has one finite score
 * for each text that was sent, and for no other.
 */

import { z } from "zod";

/**
 * `tei`: text-embeddings-inference. `cohere`: Cohere, Jina, Voyage, vLLM, infinity and llama.cpp,
 * which all took Cohere's.
 */
export type RerankShape = "tei" | "cohere";

export interface RerankBody {
  readonly query: string;
  readonly texts: readonly string[];
  readonly model: string | undefined;
}

export function rerankBody(shape: RerankShape, { query, texts, model }: RerankBody): string {
  if (shape === "tei") return JSON.stringify({ query, texts, truncate: true });
  const named = model === undefined ? {} : { model };
  const asked = { query, documents: texts, top_n: texts.length, return_documents: false };
  return JSON.stringify({ ...named, ...asked });
}

const index = z.int().min(0);
const replySchemas = {
  tei: z
    .array(z.looseObject({ index, score: z.number() }))
    .transform((list) => list.map((each) => [each.index, each.score] as const)),
  cohere: z
    .looseObject({ results: z.array(z.looseObject({ index, relevance_score: z.number() })) })
    .transform(({ results }) => results.map((each) => [each.index, each.relevance_score] as const)),
} as const;

/** Scores in the order of the texts, or what is wrong with the reply: never words of it. */
export function scoresOf(
  shape: RerankShape,
  reply: string,
  texts: number,
): { readonly scores: readonly number[] } | { readonly fault: string } {
  let value: unknown;
  try {
    value = JSON.parse(reply);
  } catch {
    return { fault: "is not JSON" };
  }
  const parsed = replySchemas[shape].safeParse(value);
  if (!parsed.success)
    return { fault: `has not the form that FRESHET_RERANK_SHAPE=${shape} names` };
  const scores = new Array<number | undefined>(texts);
  for (const [at, score] of parsed.data) {
    if (at >= texts) return { fault: "scores a text that was not sent" };
    if (scores[at] !== undefined) return { fault: "scores a text twice" };
    scores[at] = score;
  }
  const whole = [...scores].filter((score) => score !== undefined);
  return whole.length === texts ? { scores: whole } : { fault: "does not score every text" };
}

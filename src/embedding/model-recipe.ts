/**
 * What a model's folder says of its use beyond `config.json`: `freshet.json`, which the set-up
 * writes for the models that it knows (ops/setup/encoders.ts). Pure.
 */

import { z } from "zod";
import { FreshetError } from "../contract/errors.ts";
import type { Prefixes } from "../contract/model-probe.ts";

const recipeSchema = z.object({
  /** Before a question, and before a passage of a document. */
  prefixes: z.object({ query: z.string(), passage: z.string() }),
});

const none: Prefixes = { query: "", passage: "" };

/**
 * @param json undefined where there is no such file
 * @throws FreshetError embedding_unavailable
 */
export function prefixesIn(json: string | undefined, modelDir: string): Prefixes {
  if (json === undefined) return none;
  try {
    return recipeSchema.parse(JSON.parse(json)).prefixes;
  } catch (cause) {
    const message = `freshet.json in ${modelDir} does not say prefixes of query and passage`;
    throw new FreshetError("embedding_unavailable", message, { cause });
  }
}

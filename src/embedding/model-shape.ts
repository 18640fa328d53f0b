/**
 * What a model's `config.json` (of Hugging Face's transformers) says that Freshet has to know.
 * Pure.
 */

import { z } from "zod";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { EmbeddingModel } from "./port.ts";

export type ModelShape = Omit<EmbeddingModel, "fingerprint">;

export interface ShapeSources {
  readonly name: string;
  /** Where `configJson` was looked for, for the message. */
  readonly modelDir: string;
  /** The file's text; undefined when there is none. */
  readonly configJson: string | undefined;
  /** Configured; it wins, because a remote model need not be the one whose tokenizer lies here. */
  readonly dimensions: number | undefined;
}

const size = z.int().min(1);
const configSchema = z.object({ hidden_size: size, max_position_embeddings: size });

/**
 * @throws FreshetError embedding_unavailable when neither the file nor the configuration says the
 * dimensions
 */
export function modelShapeOf({ name, modelDir, configJson, dimensions }: ShapeSources): ModelShape {
  const config = configSchema.safeParse(parseJson(configJson));
  const positions = config.data?.max_position_embeddings ?? limits.chunkTokensMax;
  const maxTokens = Math.min(limits.chunkTokensMax, positions);
  if (dimensions !== undefined) return { name, dimensions, maxTokens };
  if (config.success) return { name, dimensions: config.data.hidden_size, maxTokens };
  const what =
    configJson === undefined
      ? `no config.json of an embedding model in ${modelDir}`
      : `config.json in ${modelDir} does not say hidden_size and max_position_embeddings`;
  throw new FreshetError(
    "embedding_unavailable",
    `${what}: run ops/start once, or set FRESHET_MODEL_DIR or FRESHET_EMBED_DIMENSIONS`,
  );
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

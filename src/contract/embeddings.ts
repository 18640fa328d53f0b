/**
 * Vectors of texts, for callers that want nothing else: the request in the form of OpenAI's API,
 * and what computes them.
 */

import { z } from "zod";
import { FreshetError } from "./errors.ts";
import type { TenantId } from "./ids.ts";
import { describeIssue } from "./issue.ts";
import { limits } from "./limits.ts";

/** Also what an embed server answers with, beside the vectors. */
export interface ComputingModel {
  readonly name: string;
  /** What computed the vectors, down to the precision. */
  readonly fingerprint: string;
  readonly dimensions: number;
  readonly maxTokens: number;
}

export type EmbeddedAs = "query" | "document";

export interface TextsToEmbed {
  /** For fairness: whose texts they are. */
  readonly tenant: TenantId;
  readonly credential?: string | undefined;
  readonly texts: readonly string[];
  readonly as: EmbeddedAs;
  /** What the model does not take of a text is left out; otherwise such a text is refused. */
  readonly truncate: boolean;
  readonly signal: AbortSignal;
}

export interface EmbeddedTexts {
  /** Of unit length, in the order of the texts. */
  readonly vectors: readonly Float32Array[];
  /** That the model read. */
  readonly tokens: number;
}

export interface Embeddings {
  readonly model: ComputingModel;
  /** Whether texts go through the redaction of their tenant first. */
  readonly redacts: boolean;
  /** @throws FreshetError invalid_request, overloaded, cancelled, embedding_* */
  embed(request: TextsToEmbed): Promise<EmbeddedTexts>;
}

const text = z.string();
const optional = z.string().max(200).nullish();

export const embeddingsRequestSchema = z.looseObject({
  /** Where it is given, it has to be the model that is served. */
  model: optional,
  input: z.union([text, z.array(text).min(1).max(limits.embeddingsInputsMax)]),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  /** Where it is given, it has to be that of the model. */
  dimensions: z.int().min(1).nullish(),
  /** Which lane: questions overtake documents. */
  input_type: z.enum(["query", "document"]).nullish(),
  /** What the model does not take of a text is left out; otherwise such a text is refused. */
  truncate: z.boolean().nullish(),
  /** Where it is given, vectors of another model are refused. */
  fingerprint: optional,
});
export type EmbeddingsRequest = z.infer<typeof embeddingsRequestSchema>;

/** @throws FreshetError invalid_request, which names the first field that is wrong */
export function parseEmbeddingsRequest(body: unknown): EmbeddingsRequest {
  const parsed = embeddingsRequestSchema.safeParse(body);
  if (!parsed.success) {
    throw new FreshetError("invalid_request", inputComplaint(body) ?? issueOf(parsed.error));
  }
  const { input, truncate } = parsed.data;
  // An engine embeds whatever a model takes; from anybody else an empty text is a mistake.
  const empty = truncate === true ? -1 : [input].flat().indexOf("");
  if (empty === -1) return parsed.data;
  throw new FreshetError("invalid_request", `input.${empty}: is empty`);
}

function issueOf(error: z.ZodError): string {
  const names = Object.keys(embeddingsRequestSchema.shape);
  return describeIssue(error, { root: "request", names });
}

/** What clients send most often that is not taken, in words that help. */
function inputComplaint(body: unknown): string | undefined {
  const input = typeof body === "object" && body !== null && "input" in body && body.input;
  if (!Array.isArray(input)) return undefined;
  if (input.length > limits.embeddingsInputsMax) {
    return `input: at most ${limits.embeddingsInputsMax} texts, got ${input.length}`;
  }
  const first: unknown = Array.isArray(input[0]) ? (input[0] as unknown[])[0] : input[0];
  if (typeof first !== "number") return undefined;
  return "input: texts, not ids of tokens (LangChain: check_embedding_ctx_length=False)";
}

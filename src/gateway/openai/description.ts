/** The routes for clients of OpenAI's API, as the OpenAPI document describes them. */

import type { ErrorCode } from "../../contract/errors.ts";
import { errorResponses } from "../error-responses.ts";
import { chatSchema, modelName } from "./chat.ts";
import { openAiErrorSchema } from "./errors.ts";
import { storeSearchSchema } from "./vector-store.ts";

type Json = Readonly<Record<string, unknown>>;

/** Schemas by the names under which the paths refer to them, for requests and for replies. */
export const openAiSchemas = {
  input: { ChatRequest: chatSchema, StoreSearch: storeSearchSchema },
  output: { OpenAiError: openAiErrorSchema },
};

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Json): Json => ({ "application/json": { schema } });

const refusals = (codes: readonly ErrorCode[]): Json =>
  errorResponses(codes, json(ref("OpenAiError")));

/**
 * @param asking codes that a question may end with
 * @param reading codes of any route of a tenant
 */
export function openAiOperations(
  { tenantHeader }: { readonly tenantHeader: Json },
  { asking, reading }: Readonly<Record<"asking" | "reading", readonly ErrorCode[]>>,
): Json {
  const parameters = [tenantHeader];
  const id = { name: "id", in: "path", required: true, schema: { type: "string" } };
  const completion = { type: "object", description: "a chat completion" };
  const streamed = { "text/event-stream": { schema: { type: "string" } } };
  return {
    "/v1/chat/completions": {
      post: {
        operationId: "chatCompletion",
        summary: "Answers the newest message of a user, in the form of OpenAI's chat completions",
        description:
          "Cited sources are annotations (`url_citation`); messages before the newest are its history; `freshet` in the request takes `top_k`, `filter`, `recency`, `min_seq`, `wait_ms`, `max_staleness_ms`, `as_of`, `deadline_ms`, `rank_by`, `min_cosine`, `decline`, `diversity`, `context`, `rerank`, `instructions`, `language`, `max_sentences` and `quote`, in the reply it holds sources, citations, `rewritten_query` and coverage. When nothing matches, the answer says so, with status 200. Token counts are estimates.",
        parameters,
        requestBody: { required: true, content: json(ref("ChatRequest")) },
        responses: {
          200: { description: "the answer", content: { ...json(completion), ...streamed } },
          ...refusals(asking.filter((code) => code !== "no_results")),
        },
      },
    },
    "/v1/models": {
      get: {
        operationId: "models",
        summary: `The models: ${modelName}`,
        parameters,
        responses: { 200: { description: "the list" }, ...refusals(reading) },
      },
    },
    "/v1/models/{id}": {
      get: {
        operationId: "model",
        summary: "One model",
        parameters: [id, tenantHeader],
        responses: { 200: { description: "the model" }, ...refusals([...reading, "not_found"]) },
      },
    },
    "/v1/vector_stores/{id}/search": {
      post: {
        operationId: "searchVectorStore",
        summary: "Searches the tenant's documents, in the form of OpenAI's vector stores",
        description: "The store's id is the tenant.",
        parameters: [id, tenantHeader],
        requestBody: { required: true, content: json(ref("StoreSearch")) },
        responses: {
          200: { description: "a page of results, the only one" },
          ...refusals([...asking.filter((code) => code !== "no_results"), "not_found"]),
        },
      },
    },
  };
}

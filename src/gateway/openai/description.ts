/** The routes for clients of OpenAI's API, as the OpenAPI document describes them. */

import { embeddingsRequestSchema } from "../../contract/embeddings.ts";
import type { ErrorCode } from "../../contract/errors.ts";
import { errorResponses } from "../error-responses.ts";
import { chatSchema, modelName } from "./chat.ts";
import { embeddingsReplySchema } from "./embeddings.ts";
import { openAiErrorSchema } from "./errors.ts";
import { responsesSchema } from "./responses.ts";
import { storeSearchSchema } from "./vector-store.ts";

type Json = Readonly<Record<string, unknown>>;

/** Schemas by the names under which the paths refer to them, for requests and for replies. */
export const openAiSchemas = {
  input: {
    ChatRequest: chatSchema,
    ResponsesRequest: responsesSchema,
    StoreSearch: storeSearchSchema,
    EmbeddingsRequest: embeddingsRequestSchema,
  },
  output: { OpenAiError: openAiErrorSchema, EmbeddingsReply: embeddingsReplySchema },
};

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Json): Json => ({ "application/json": { schema } });

const refusals = (codes: readonly ErrorCode[]): Json =>
  errorResponses(codes, json(ref("OpenAiError")));

function embeddingsOperation(parameters: readonly Json[], reading: readonly ErrorCode[]): Json {
  return {
    operationId: "embeddings",
    summary: "Vectors of texts, in the form of OpenAI's embeddings",
    description:
      "The vectors that documents (`input_type` `document`, the default) or questions (`query`) of the tenant get, of unit length. Texts are redacted first, as documents and questions are. A text that the model does not take whole is refused unless `truncate` is true.",
    parameters,
    requestBody: { required: true, content: json(ref("EmbeddingsRequest")) },
    responses: {
      200: { description: "the vectors", content: json(ref("EmbeddingsReply")) },
      ...refusals([
        ...reading,
        ...(["not_found", "invalid_json", "model_mismatch", "tenant_suspended"] as const),
        ...(["tenant_erased", "embedding_unavailable", "embedding_failed"] as const),
      ]),
    },
  };
}

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
  const response = { type: "object", description: "a response" };
  const streamed = { "text/event-stream": { schema: { type: "string" } } };
  return {
    "/v1/chat/completions": {
      post: {
        operationId: "chatCompletion",
        summary: "Answers the newest message of a user, in the form of OpenAI's chat completions",
        description:
          "Cited sources are annotations (`url_citation`); messages before the newest are its history; `freshet` in the request takes `top_k`, `filter`, `recency`, `min_seq`, `wait_ms`, `max_staleness_ms`, `as_of`, `deadline_ms`, `rank_by`, `min_cosine`, `decline`, `diversity`, `context`, `rerank`, `instructions`, `language`, `max_sentences` and `quote`, in the reply it holds sources, citations, `rewritten_query` and coverage. When nothing matches, the answer says so, with status 200. Messages of the roles `system` and `developer` are taken as `instructions`, cut to their bound. Token counts are those of the model, or estimates where it does not count or none was asked.",
        parameters,
        requestBody: { required: true, content: json(ref("ChatRequest")) },
        responses: {
          200: { description: "the answer", content: { ...json(completion), ...streamed } },
          ...refusals(asking.filter((code) => code !== "no_results")),
        },
      },
    },
    "/v1/responses": {
      post: {
        operationId: "response",
        summary: "Answers the newest message of a user, in the form of OpenAI's responses",
        description:
          "As chat completions, with the same `freshet`. Sources are cited as `url_citation` where they have an address of the web, else as `file_citation` with the document's id. Nothing is kept: `previous_response_id` is refused.",
        parameters,
        requestBody: { required: true, content: json(ref("ResponsesRequest")) },
        responses: {
          200: { description: "the response", content: { ...json(response), ...streamed } },
          ...refusals(asking.filter((code) => code !== "no_results")),
        },
      },
    },
    "/v1/embeddings": { post: embeddingsOperation(parameters, reading) },
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

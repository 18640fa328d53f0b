/**
 * The OpenAPI document, generated from the schemas that requests are checked with. There is no
 * second, hand-written description that could disagree.
 */

import { operationSchema } from "../contract/document.ts";
import type { ErrorCode } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import { answerSchema, questionSchema } from "../contract/query.ts";
import { tenantUsageSchema } from "../contract/quota.ts";
import {
  documentPageSchema,
  documentStateSchema,
  engineStatusSchema,
  storedEventSchema,
} from "../contract/service-schemas.ts";
import { webhookReceiptSchema } from "../contract/source.ts";
import { difyOperation, difySchemas } from "./dify/routes.ts";
import { endpointPaths } from "./endpoints/description.ts";
import { endpointSchemas } from "./endpoints/schemas.ts";
import { errorResponses } from "./error-responses.ts";
import { feedbackPath, feedbackSchemas } from "./feedback-description.ts";
import { describeFields } from "./field-descriptions.ts";
import { jsonSchema, withDefinitions } from "./json-schema.ts";
import { openAiOperations, openAiSchemas } from "./openai/description.ts";
import { operationPaths } from "./operations/description.ts";
import {
  documentTextSchema,
  eraseBegunSchema,
  eraseRequestSchema,
  eraseStateSchema,
  letterPageSchema,
  mergeRequestSchema,
  mergeStateSchema,
  replayRequestSchema,
  replayResultsSchema,
} from "./operations/schemas.ts";
import { problemType } from "./problem.ts";
import { lineResultsSchema, problemSchema, publishedSchema, readinessSchema } from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;

/** Made for each document: it takes a tenth of a second, which no start waits for. */
const componentsOf = () => ({
  Question: jsonSchema(questionSchema, "input"),
  Answer: jsonSchema(answerSchema, "output"),
  Operation: jsonSchema(operationSchema, "input"),
  Published: jsonSchema(publishedSchema, "output"),
  LineResults: jsonSchema(lineResultsSchema, "output"),
  DocumentState: jsonSchema(documentStateSchema, "output"),
  DocumentPage: jsonSchema(documentPageSchema, "output"),
  EngineStatus: jsonSchema(engineStatusSchema, "output"),
  Event: jsonSchema(storedEventSchema, "output"),
  TenantUsage: jsonSchema(tenantUsageSchema, "output"),
  DocumentText: jsonSchema(documentTextSchema, "output"),
  MergeRequest: jsonSchema(mergeRequestSchema, "input"),
  MergeState: jsonSchema(mergeStateSchema, "output"),
  LetterPage: jsonSchema(letterPageSchema, "output"),
  EraseRequest: jsonSchema(eraseRequestSchema, "input"),
  EraseBegun: jsonSchema(eraseBegunSchema, "output"),
  EraseState: jsonSchema(eraseStateSchema, "output"),
  ReplayRequest: jsonSchema(replayRequestSchema, "input"),
  ReplayResults: jsonSchema(replayResultsSchema, "output"),
  WebhookReceipt: jsonSchema(webhookReceiptSchema, "output"),
  Readiness: jsonSchema(readinessSchema, "output"),
  Problem: jsonSchema(problemSchema, "output"),
  ChatRequest: jsonSchema(openAiSchemas.input.ChatRequest, "input"),
  ResponsesRequest: jsonSchema(openAiSchemas.input.ResponsesRequest, "input"),
  StoreSearch: jsonSchema(openAiSchemas.input.StoreSearch, "input"),
  EmbeddingsRequest: jsonSchema(openAiSchemas.input.EmbeddingsRequest, "input"),
  EmbeddingsReply: jsonSchema(openAiSchemas.output.EmbeddingsReply, "output"),
  Feedback: jsonSchema(feedbackSchemas.Feedback, "input"),
  FeedbackPage: jsonSchema(feedbackSchemas.FeedbackPage, "output"),
  FeedbackReceipt: jsonSchema(feedbackSchemas.FeedbackReceipt, "output"),
  WantedWebhook: jsonSchema(endpointSchemas.input.WantedWebhook, "input"),
  WebhookChange: jsonSchema(endpointSchemas.input.WebhookChange, "input"),
  Webhook: jsonSchema(endpointSchemas.output.Webhook, "output"),
  WebhookChanged: jsonSchema(endpointSchemas.output.WebhookChanged, "output"),
  WebhookList: jsonSchema(endpointSchemas.output.WebhookList, "output"),
  WebhookFailures: jsonSchema(endpointSchemas.output.WebhookFailures, "output"),
  OpenAiError: jsonSchema(openAiSchemas.output.OpenAiError, "output"),
  DifyRetrieval: jsonSchema(difySchemas.input.DifyRetrieval, "input"),
  DifyRecords: jsonSchema(difySchemas.output.DifyRecords, "output"),
  DifyError: jsonSchema(difySchemas.output.DifyError, "output"),
});
type ComponentName = keyof ReturnType<typeof componentsOf>;

const ref = (name: ComponentName) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: ComponentName, description: string) => ({
  description,
  content: { "application/json": { schema: ref(name) } },
});
const text = (description: string) => ({
  description,
  content: { "text/plain": { schema: { type: "string" } } },
});

const problems = (...codes: readonly ErrorCode[]): Json =>
  errorResponses(codes, { [problemType]: { schema: ref("Problem") } });

/** What every route of a tenant may answer. */
const anywhere: readonly ErrorCode[] = [
  "invalid_request",
  "invalid_tenant",
  "unauthorized",
  "wrong_tenant",
  "forbidden",
  "identity_unavailable",
  "request_timeout",
  "document_too_large",
  "unsupported_media_type",
  "headers_too_large",
  "overloaded",
  "quota_exceeded",
  "cancelled",
  "internal",
  "not_ready",
  "log_unavailable",
  "log_identity",
];
const whenAsking: readonly ErrorCode[] = [
  ...anywhere,
  "invalid_json",
  "no_results",
  "wrong_incarnation",
  "embedding_unavailable",
  "embedding_failed",
  "model_unavailable",
  "not_visible_yet",
  "too_stale",
  "outside_window",
  "history_too_large",
  "deadline_exceeded",
];
/** What the routes of operators may answer. */
const atOperators: readonly ErrorCode[] = [
  "invalid_request",
  "unauthorized",
  "request_timeout",
  "headers_too_large",
  "internal",
];

const tenantHeader = {
  name: "x-tenant",
  in: "header",
  description: "tenant while no keys are configured; otherwise it must be the key's tenant",
  schema: { type: "string", pattern: "^[A-Za-z0-9_-]{1,64}$", default: "demo" },
};

const idempotencyHeader = {
  name: "idempotency-key",
  in: "header",
  description: "a repeated publish with the same key is done once",
  schema: { type: "string", maxLength: limits.idempotencyKeyCharsMax },
};

const idParameter = { name: "id", in: "path", required: true, schema: { type: "string" } };

const answerPath = {
  post: {
    operationId: "answer",
    summary: "Answers a question from the tenant's documents, with sources",
    description:
      "With `stream: true` the reply is a stream of the events retrieval, delta, done and error. Without `stream`, the Accept header decides by its weights, then by its order.",
    parameters: [tenantHeader],
    requestBody: { required: true, content: { "application/json": { schema: ref("Question") } } },
    responses: {
      200: {
        description: "the answer",
        content: {
          "application/json": { schema: ref("Answer") },
          "text/event-stream": { schema: { type: "string" } },
        },
      },
      ...problems(...whenAsking),
    },
  },
};

const documentsPath = {
  get: {
    operationId: "listDocuments",
    summary: "The tenant's live documents, page by page",
    description:
      "In no order. What is there from the first page to the last in one version is listed; what changes meanwhile may be missed, or come twice.",
    parameters: [
      tenantHeader,
      {
        ...{ name: "after", in: "query", schema: { type: "string" } },
        description: "`next` of the page before; the first page has none",
      },
      {
        ...{ name: "limit", in: "query" },
        schema: {
          type: "integer",
          minimum: 1,
          maximum: limits.documentPageMax,
          default: limits.documentPageDefault,
        },
      },
    ],
    responses: {
      200: json("DocumentPage", "a page; it may be empty before the last"),
      ...problems(...anywhere, "cold_unavailable"),
    },
  },
  post: {
    operationId: "publish",
    summary: "Publishes one document, or one a line",
    parameters: [tenantHeader, idempotencyHeader],
    requestBody: {
      required: true,
      content: {
        "application/json": { schema: ref("Operation") },
        "application/x-ndjson": { schema: { type: "string" } },
      },
    },
    responses: {
      202: {
        description: "stored; it becomes visible in a moment",
        content: {
          "application/json": { schema: { anyOf: [ref("Published"), ref("LineResults")] } },
        },
      },
      ...problems(
        ...anywhere,
        "invalid_json",
        "invalid_document",
        "unknown_operation",
        "duplicate_id",
      ),
    },
  },
};

const documentPath = {
  get: {
    operationId: "documentState",
    summary: "Whether a document is visible, and in which shard",
    parameters: [idParameter, tenantHeader],
    responses: { 200: json("DocumentState", "its state"), ...problems(...anywhere) },
  },
  delete: {
    operationId: "deleteDocument",
    summary: "Deletes a document",
    parameters: [idParameter, tenantHeader, idempotencyHeader],
    responses: {
      202: json("Published", "stored; the document disappears in a moment"),
      ...problems(...anywhere, "invalid_json", "duplicate_id"),
    },
  },
};

const eventsPath = {
  get: {
    operationId: "events",
    summary: "What became of each operation, without end",
    description:
      "Server-sent events: `id` is the operation's seq, `data` an Event; a stream from now on begins with an `id` alone, its position. An event leaves after questions see what it says. A stream that ends with an event `failed` is to be opened again.",
    parameters: [
      tenantHeader,
      {
        ...{ name: "after", in: "query", schema: { type: "integer", minimum: 0 } },
        description: "the seq of the newest event that the caller has; counts before from_seq",
      },
      {
        ...{ name: "from_seq", in: "query", schema: { type: "integer", minimum: 0 } },
        description: "the first operation that is wanted; without it and `Last-Event-ID`: from now",
      },
      {
        ...{ name: "last-event-id", in: "header", schema: { type: "integer", minimum: 0 } },
        description: "the same as after, as browsers send it; counts before after",
      },
    ],
    responses: {
      200: {
        description: "the stream; each `data` is an Event",
        content: { "text/event-stream": { schema: ref("Event") } },
      },
      ...problems(...anywhere, "events_expired"),
    },
  },
};

const webhookOperation = {
  post: {
    operationId: "sourceEvent",
    summary: "Takes an event of a source's sender: its webhook",
    description:
      "The body is what the source's mapper maps. A source with a signature takes that in place of an API key.",
    parameters: [
      { name: "name", in: "path", required: true, schema: { type: "string" } },
      tenantHeader,
      idempotencyHeader,
    ],
    requestBody: { required: true, content: { "*/*": { schema: {} } } },
    responses: {
      202: json("WebhookReceipt", "stored, left out, or in the source's dead letters"),
      ...problems(...anywhere, "not_found"),
    },
  },
};

const operatorPaths = {
  "/v1/status": {
    get: {
      operationId: "status",
      summary: "State of this node",
      responses: { 200: json("EngineStatus", "the state"), ...problems(...anywhere) },
    },
  },
  "/v1/usage": {
    get: {
      operationId: "usage",
      summary: "What the caller's tenant uses, and what its quotas leave",
      parameters: [tenantHeader],
      responses: { 200: json("TenantUsage", "its use now"), ...problems(...anywhere) },
    },
  },
  "/healthz": {
    get: {
      operationId: "healthz",
      responses: { 200: text("the process lives"), ...problems(...atOperators) },
      security: [],
    },
  },
  "/readyz": {
    get: {
      operationId: "readyz",
      responses: {
        200: json("Readiness", "ready"),
        503: json("Readiness", "not ready"),
        ...problems(...atOperators),
      },
      security: [],
    },
  },
  "/metrics": {
    get: {
      operationId: "metrics",
      description: "for operators: with keys or an operator token configured, the token opens it",
      responses: { 200: text("Prometheus text"), ...problems(...atOperators) },
      security: [],
    },
  },
};

const anywhereAnd = (...more: readonly ErrorCode[]): Json => problems(...anywhere, ...more);
const described = { tenantHeader, idParameter, json, problems, anywhere };

export function openApiDocument(options: { version: string; keys: boolean }): Json {
  return {
    openapi: "3.1.0",
    info: {
      title: "Freshet",
      version: options.version,
      description: "Answers with sources over documents that arrived a moment ago",
    },
    paths: {
      "/answer": answerPath,
      "/v1/documents": documentsPath,
      "/v1/documents/{id}": documentPath,
      ...operationPaths({ ...described, asking: whenAsking }),
      "/v1/events": eventsPath,
      "/v1/feedback": feedbackPath({ tenantHeader, problems: anywhereAnd }),
      ...endpointPaths({ tenantHeader, problems: anywhereAnd }),
      "/v1/sources/{name}/events": webhookOperation,
      ...openAiOperations({ tenantHeader }, { asking: whenAsking, reading: anywhere }),
      ...difyOperation(tenantHeader, whenAsking),
      ...operatorPaths,
    },
    components: {
      schemas: describeFields(withDefinitions(componentsOf())),
      ...(options.keys ? { securitySchemes: { key: { type: "http", scheme: "bearer" } } } : {}),
    },
    ...(options.keys ? { security: [{ key: [] }] } : {}),
  };
}

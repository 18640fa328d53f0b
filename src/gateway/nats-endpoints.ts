/**
 * What can be asked for over NATS: for each endpoint its subject, its schemas, and the call of the
 * handler that answers it. The tenant comes from the subject, and a message names no credential.
 */

import { z } from "zod";
import type { AuditEvent } from "../contract/audit.ts";
import { operationSchema } from "../contract/document.ts";
import { FreshetError } from "../contract/errors.ts";
import { feedbackReceiptSchema, feedbackSchema } from "../contract/feedback.ts";
import { isDocumentId, type TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { type AnswerEvent, answerSchema, questionSchema } from "../contract/query.ts";
import { documentPageSchema, engineStatusSchema } from "../contract/service-schemas.ts";
import { type ApiEndpoint, apiRoot, everyQuestion } from "../contract/service-subjects.ts";
import { documentOf, documentRequestSchema, documentSchema } from "./document-request.ts";
import { eventPageOf, listenSchema, pageOfEventsSchema } from "./event-pages.ts";
import type { Handler } from "./handler.ts";
import { parseJson } from "./json.ts";
import { jsonSchema } from "./json-schema.ts";
import { countsOf, ndjsonType, publishLines } from "./ndjson.ts";
import { parsed } from "./parsed.ts";
import { isDelete, type PublishBodies } from "./publish-bodies.ts";
import { lineResultsSchema, publishedSchema } from "./schemas.ts";
import { statusFor } from "./tenant-status.ts";

/** A request as it came. */
export interface NatsCall {
  readonly tenant: TenantId;
  readonly data: Uint8Array;
  header(name: string): string | undefined;
  readonly signal: AbortSignal;
  /** Makes the reply a stream: what is called with pieces before its end. */
  readonly openStream: () => (event: AnswerEvent) => void;
  /** What the audit trail is told beside. */
  readonly tell: (more: Partial<AuditEvent>) => void;
}

export interface EndpointParts {
  readonly handler: Handler;
  readonly bodies: PublishBodies;
}

export interface NatsEndpoint {
  readonly name: "query" | ApiEndpoint;
  readonly subject: string;
  readonly bytesMax: number;
  readonly request: z.ZodType;
  readonly response: z.ZodType;
  readonly operation: AuditEvent["operation"];
  /** @throws FreshetError */
  readonly answer: (parts: EndpointParts, call: NatsCall) => Promise<unknown>;
}

const searchSchema = questionSchema.omit({ mode: true });

export const natsEndpoints: readonly NatsEndpoint[] = [
  {
    ...{ name: "query", subject: everyQuestion, bytesMax: limits.questionBytesMax },
    ...{ request: questionSchema, response: answerSchema, operation: "ask" },
    answer: ({ handler }, call) => ask(handler, call, parseJson(call.data)),
  },
  {
    ...{ name: "search", subject: subjectOf("search"), bytesMax: limits.questionBytesMax },
    ...{ request: searchSchema, response: answerSchema, operation: "ask" },
    answer: ({ handler }, call) => ask(handler, call, asSearch(parseJson(call.data))),
  },
  {
    ...{ name: "publish", subject: subjectOf("publish"), bytesMax: limits.httpNdjsonBytesMax },
    request: operationSchema,
    response: z.union([publishedSchema, lineResultsSchema]),
    ...{ operation: "publish", answer: publish },
  },
  {
    ...{ name: "document", subject: subjectOf("document"), bytesMax: limits.questionBytesMax },
    request: documentRequestSchema,
    response: z.union([documentSchema, documentPageSchema]),
    operation: "read",
    answer: ({ handler }, call) => document(handler, call),
  },
  {
    ...{ name: "status", subject: subjectOf("status"), bytesMax: limits.questionBytesMax },
    ...{ request: z.unknown(), response: engineStatusSchema, operation: "status" },
    answer: async ({ handler }, { tenant }) => statusFor(handler.status(), { tenant }),
  },
  {
    ...{ name: "listen", subject: subjectOf("listen"), bytesMax: limits.questionBytesMax },
    ...{ request: listenSchema, response: pageOfEventsSchema, operation: "listen" },
    answer: ({ handler }, { tenant, data, signal }) =>
      eventPageOf(handler, { tenant, signal, body: parsed(listenSchema, bodyOf(data)) }),
  },
  {
    ...{ name: "feedback", subject: subjectOf("feedback"), bytesMax: limits.feedbackBytesMax },
    ...{ request: feedbackSchema, response: feedbackReceiptSchema, operation: "feedback" },
    answer: ({ handler }, { tenant, data }) => handler.feedback.store({ tenant }, parseJson(data)),
  },
];

function subjectOf(endpoint: ApiEndpoint): string {
  return `${apiRoot}.*.${endpoint}`;
}

/** As the metadata of an endpoint has them: texts. */
export function schemasOf({ request, response }: NatsEndpoint): Record<string, string> {
  return {
    request_schema: JSON.stringify(jsonSchema(request, "input")),
    response_schema: JSON.stringify(jsonSchema(response, "output")),
  };
}

function ask(handler: Handler, call: NatsCall, body: unknown): Promise<unknown> {
  const { tenant, signal } = call;
  const onEvent = wantsStream(body) ? call.openStream() : undefined;
  const traceparent = call.header("traceparent");
  return handler.answer({ tenant, body, signal, onEvent, traceparent });
}

function wantsStream(body: unknown): boolean {
  return isObject(body) && body["stream"] === true;
}

/** @throws FreshetError invalid_request: a search that asks for an answer is a mistake */
function asSearch(body: unknown): unknown {
  if (!isObject(body)) return body;
  if (body["mode"] !== undefined && body["mode"] !== "search") {
    throw new FreshetError("invalid_request", "mode: a search is always search");
  }
  return { ...body, mode: "search" };
}

async function publish({ handler, bodies }: EndpointParts, call: NatsCall): Promise<unknown> {
  const { tenant, data, signal } = call;
  const idempotencyKey = call.header("Nats-Msg-Id");
  const traceparent = call.header("traceparent");
  const release = bodies.hold(tenant, data.byteLength);
  try {
    if (ndjsonType.test(call.header("Content-Type") ?? "")) {
      const room = bodies.lineRoom(tenant);
      const source = oneChunk(data);
      const lines = { traceparent, tenant, source, room, idempotencyKey, signal };
      const results = await publishLines(handler, lines);
      call.tell(countsOf(results));
      return { results };
    }
    if (data.byteLength > limits.httpDocumentBytesMax) {
      const says = `a document has at most ${limits.httpDocumentBytesMax} bytes`;
      throw new FreshetError("document_too_large", says);
    }
    const body = parseJson(data);
    const { id, seq } = await handler.publish({ tenant, body, idempotencyKey, traceparent });
    call.tell({ document: id, operation: isDelete(body) ? "delete" : "publish" });
    return { seq };
  } finally {
    release();
  }
}

async function* oneChunk(data: Uint8Array): AsyncGenerator<Uint8Array> {
  yield data;
}

async function document(handler: Handler, call: NatsCall): Promise<unknown> {
  const { tenant, data, signal } = call;
  const { id, text, after, limit } = parsed(documentRequestSchema, bodyOf(data));
  if (id !== undefined) {
    if (isDocumentId(id)) call.tell({ document: id });
    return documentOf(handler, { asker: { tenant }, id, text: text === true, signal });
  }
  call.tell({ operation: "list" });
  return handler.documents({ tenant }, { after, limit: limit === undefined ? limit : `${limit}` });
}

/** Nothing is an empty request. */
const bodyOf = (data: Uint8Array): unknown => (data.byteLength === 0 ? {} : parseJson(data));

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

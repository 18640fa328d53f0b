/**
 * The routes of the HTTP API: each turns a request into a call of the handler, and its value into a
 * reply.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Endpoints } from "../contract/endpoint.ts";
import { FreshetError } from "../contract/errors.ts";
import { isDocumentId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Operations } from "../contract/operations.ts";
import type { Webhooks } from "../contract/source.ts";
import type { Clock } from "../runtime/clock.ts";
import { askRoute } from "./ask-route.ts";
import type { Authenticate, Check } from "./auth.ts";
import { leaveUnread } from "./bodies.ts";
import { abortWhenCallerLeaves } from "./caller.ts";
import { addConsoleRoutes, consolePaths } from "./console/routes.ts";
import { addDifyRoute, retrievalPath } from "./dify/routes.ts";
import { documentPassages } from "./document-text.ts";
import { addEndpointRoutes, endpointMethods } from "./endpoints/routes.ts";
import { eventsRoute } from "./events-route.ts";
import { addFeedbackRoutes } from "./feedback-routes.ts";
import { Gate } from "./gate.ts";
import type { Handler } from "./handler.ts";
import { addMcpRoute, mcpPath } from "./mcp/routes.ts";
import { metricsPage, type ShownMetrics } from "./metrics-page.ts";
import { countsOf, ndjsonType, publishLines } from "./ndjson.ts";
import type { EmbeddingsHandler } from "./openai/embeddings.ts";
import { addOpenAiRoutes, openAiPaths } from "./openai/routes.ts";
import { openApiDocument } from "./openapi.ts";
import { addOperationRoutes, operationMethods } from "./operations/routes.ts";
import { refuseOtherMethods } from "./other-methods.ts";
import { type BodyBounds, boundedBody, isDelete, PublishBodies } from "./publish-bodies.ts";
import { takesOnly } from "./query-names.ts";
import { readinessOf } from "./readiness.ts";
import type { RequestAudit } from "./request-audit.ts";
import { statusFor } from "./tenant-status.ts";
import { refuseUnheeded } from "./unheeded.ts";
import { addWebhookRoute, webhookPath } from "./webhook-route.ts";

export interface RouteOptions {
  readonly handler: Handler;
  /** Undefined where nobody asks for vectors alone. */
  readonly embeddings?: EmbeddingsHandler | undefined;
  /** Undefined where no sources are. */
  readonly webhooks?: Webhooks | undefined;
  /** Undefined where merges and dead letters are out of reach. */
  readonly operations?: Operations | undefined;
  /** Undefined where no webhooks are sent. */
  readonly endpoints?: Endpoints | undefined;
  readonly authenticate: Authenticate;
  readonly checkHost: Check;
  readonly checkOperator: Check;
  /** Whether API keys are configured: then no caller sees another tenant. */
  readonly keys: boolean;
  readonly version: string;
  readonly mcpWrites: boolean;
  readonly metrics: ShownMetrics;
  readonly sse: { readonly bufferBytesMax: number; readonly heartbeatMs: number };
  readonly body: BodyBounds;
  readonly bodies?: PublishBodies | undefined;
  readonly clock: Clock;
  readonly audit: RequestAudit;
}

interface DocumentRoute {
  Params: { id: string };
}

const jsonType = /^application\/json\b/i;

export function addRoutes(app: FastifyInstance, options: RouteOptions): void {
  refuseUnheeded(app);
  addTenantRoutes(app, options);
  addOperatorRoutes(app, options);
  addConsoleRoutes(app, options);
  refuseOtherMethods(app, ownMethods);
}

interface GatedOptions extends RouteOptions {
  readonly gate: Gate;
}

function addTenantRoutes(app: FastifyInstance, options: RouteOptions): void {
  const gate = new Gate(options);
  app.addHook("preClose", async () => gate.endEndless());
  const { bodies = new PublishBodies() } = options;
  const gated = { ...options, gate };
  addOpenAiRoutes(app, gated);
  addMcpRoute(app, gated);
  addDifyRoute(app, gated);
  addWebhookRoute(app, { ...options, webhooks: options.webhooks, bodies });
  addPublishRoutes(app, gated, bodies);
  addReadRoutes(app, gated);
  addOperationRoutes(app, gated);
  addEndpointRoutes(app, gated);
  addFeedbackRoutes(app, { feedback: options.handler.feedback, gate, wantsJson });
}

function addPublishRoutes(
  app: FastifyInstance,
  { handler, audit, gate, ...options }: GatedOptions,
  bodies: PublishBodies,
): void {
  const admit = async (request: FastifyRequest, reply: FastifyReply) =>
    bodies.admit(gate.tenantOf(request), {
      ...{ request, reply, bytesMax: limits.httpDocumentBytesMax },
    });
  app.post(
    "/v1/documents",
    {
      onRequest: [gate.admits("ingest"), wantsDocuments, admit],
      bodyLimit: limits.httpDocumentBytesMax,
    },
    async (request, reply) => {
      const { tenant, credential } = gate.identityOf(request);
      const idempotencyKey = idempotencyKeyOf(request);
      reply.code(202);
      if (ndjsonType.test(request.headers["content-type"] ?? "")) {
        // Leaving the body early must not destroy the socket, and with it the reply that says why.
        const body = request.raw.iterator({ destroyOnReturn: false });
        const source = boundedBody(body, options.body, options.clock);
        const room = bodies.lineRoom(tenant);
        const { signal } = abortWhenCallerLeaves(reply.raw);
        const { traceparent } = request.headers;
        const lines = { traceparent, tenant, credential, source, room, idempotencyKey, signal };
        const results = await publishLines(handler, lines);
        const last = results.at(-1);
        if (last !== undefined && "error" in last && last.error.code === "request_timeout")
          leaveUnread(request.raw);
        audit.tells(request, countsOf(results));
        return { results };
      }
      const { body } = request;
      const { traceparent } = request.headers;
      const message = { tenant, credential, body, idempotencyKey, traceparent };
      const { id, seq } = await handler.publish(message);
      const operation = isDelete(body) ? "delete" : "publish";
      audit.tells(request, { document: id, operation });
      return { seq };
    },
  );
  const deleting = { onRequest: gate.admits("ingest") };
  app.delete<DocumentRoute>("/v1/documents/:id", deleting, async (request, reply) => {
    const body = { op: "delete", id: request.params.id };
    const idempotencyKey = idempotencyKeyOf(request);
    const { traceparent } = request.headers;
    const { tenant, credential } = gate.identityOf(request);
    const message = { tenant, credential, body, idempotencyKey, traceparent };
    const { id, seq } = await handler.publish(message);
    audit.tells(request, { document: id });
    reply.code(202);
    return { seq };
  });
}

function addReadRoutes(app: FastifyInstance, options: GatedOptions): void {
  const { handler, audit, gate } = options;
  app.post(
    "/answer",
    { onRequest: [gate.admits("query"), wantsJson], bodyLimit: limits.questionBytesMax },
    (request, reply) => askRoute({ ...options, request, reply, asker: gate.askerOf(request) }),
  );
  app.get<{ Querystring: { after?: unknown; limit?: unknown } }>(
    "/v1/documents",
    { onRequest: [gate.admits(), takesOnly("after", "limit")] },
    async (request) => handler.documents(gate.readerOf(request), request.query),
  );
  app.get<{ Querystring: { after?: unknown; from_seq?: unknown } }>(
    "/v1/events",
    {
      onRequest: [gate.admits("query"), takesOnly("after", "from_seq")],
      // The head of a stream without end would never come to an end.
      exposeHeadRoute: false,
    },
    (request, reply) => eventsRoute({ ...options, request, reply, reader: gate.readerOf(request) }),
  );
  app.get<DocumentRoute>("/v1/documents/:id", { onRequest: gate.admits() }, async (request) => {
    const { id } = request.params;
    if (isDocumentId(id)) audit.tells(request, { document: id });
    return handler.document(gate.readerOf(request), id);
  });
  app.get<DocumentRoute>(
    "/v1/documents/:id/text",
    { onRequest: gate.admits("query") },
    async (request, reply) => {
      const { id } = request.params;
      if (isDocumentId(id)) audit.tells(request, { document: id });
      const { signal } = abortWhenCallerLeaves(reply.raw);
      return documentPassages({ handler, asker: gate.askerOf(request), id, signal });
    },
  );
  // What a tenant holds counts documents that groups may not see.
  app.get("/v1/usage", { onRequest: gate.admits("query") }, async (request) =>
    handler.usage(gate.wholeTenantOf(request, "numbers of the tenant")),
  );
  app.get("/v1/status", { onRequest: gate.admits() }, async (request) => {
    const status = handler.status();
    return options.keys ? statusFor(status, gate.readerOf(request)) : status;
  });
}

function addOperatorRoutes(app: FastifyInstance, options: RouteOptions): void {
  const { handler, keys, version, metrics } = options;
  const onRequest = async ({ headers }: FastifyRequest) => options.checkHost(headers);
  app.get("/healthz", { onRequest }, async (_request, reply) =>
    reply.type("text/plain").send("ok\n"),
  );
  app.get("/readyz", { onRequest }, async (_request, reply) => {
    const readiness = readinessOf(handler.status());
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });
  app.get("/metrics", { onRequest }, async (request, reply) => {
    options.checkOperator(request.headers);
    const { text, contentType } = await metricsPage(metrics, request.headers.accept);
    return reply.type(contentType).send(text);
  });
  // Made when somebody asks: a start waits for nothing that few look at.
  let description: ReturnType<typeof openApiDocument> | undefined;
  app.get("/openapi.json", { onRequest }, async () => {
    description ??= openApiDocument({ version, keys });
    return description;
  });
}

const ownMethods: Readonly<Record<string, readonly string[]>> = {
  "/answer": ["POST"],
  "/v1/documents": ["GET", "HEAD", "POST"],
  "/v1/documents/:id": ["GET", "HEAD", "DELETE"],
  "/v1/documents/:id/text": ["GET", "HEAD"],
  "/v1/events": ["GET"],
  ...operationMethods,
  ...endpointMethods,
  ...consolePaths,
  "/v1/feedback": ["GET", "HEAD", "POST"],
  [mcpPath]: ["POST"],
  [webhookPath]: ["POST"],
  [retrievalPath]: ["POST"],
  "/v1/status": ["GET", "HEAD"],
  "/v1/usage": ["GET", "HEAD"],
  [openAiPaths.chat]: ["POST"],
  [openAiPaths.responses]: ["POST"],
  [openAiPaths.storeSearch]: ["POST"],
  [openAiPaths.embeddings]: ["POST"],
  [openAiPaths.models]: ["GET", "HEAD"],
  [openAiPaths.model]: ["GET", "HEAD"],
  "/healthz": ["GET", "HEAD"],
  "/readyz": ["GET", "HEAD"],
  "/metrics": ["GET", "HEAD"],
  "/openapi.json": ["GET", "HEAD"],
};

async function wantsJson(request: FastifyRequest): Promise<void> {
  if (!jsonType.test(request.headers["content-type"] ?? "")) {
    throw new FreshetError("unsupported_media_type", "send application/json");
  }
}

async function wantsDocuments(request: FastifyRequest): Promise<void> {
  const type = request.headers["content-type"] ?? "";
  if (!jsonType.test(type) && !ndjsonType.test(type))
    throw new FreshetError("unsupported_media_type");
}

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers["idempotency-key"];
  return Array.isArray(key) ? key.join() : key;
}

/**
 * The routes of the HTTP API: each turns a request into a call of the handler, and its value into a
 * reply.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from "fastify";
import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Webhooks } from "../contract/source.ts";
import type { Clock } from "../runtime/clock.ts";
import { askRoute } from "./ask-route.ts";
import type { Authenticate, Check } from "./auth.ts";
import { hasBody } from "./bodies.ts";
import { abortWhenCallerLeaves } from "./caller.ts";
import { Gate } from "./gate.ts";
import type { Handler } from "./handler.ts";
import { metricsPage, type ShownMetrics } from "./metrics-page.ts";
import { publishLines } from "./ndjson.ts";
import { addOpenAiRoutes, openAiPaths } from "./openai/routes.ts";
import { openApiDocument } from "./openapi.ts";
import { type BodyBounds, boundedBody, PublishBodies } from "./publish-bodies.ts";
import { readinessOf } from "./readiness.ts";
import { addWebhookRoute, webhookPath } from "./webhook-route.ts";

export interface RouteOptions {
  readonly handler: Handler;
  /** Undefined where no sources are. */
  readonly webhooks?: Webhooks | undefined;
  readonly authenticate: Authenticate;
  readonly checkHost: Check;
  readonly checkOperator: Check;
  /** Whether API keys are configured: then no caller sees another tenant. */
  readonly keys: boolean;
  readonly version: string;
  readonly metrics: ShownMetrics;
  readonly sse: { readonly bufferBytesMax: number; readonly heartbeatMs: number };
  readonly body: BodyBounds;
  readonly clock: Clock;
}

interface DocumentRoute {
  Params: { id: string };
}

const ndjson = /^application\/x-ndjson\b/i;
const jsonType = /^application\/json\b/i;

export function addRoutes(app: FastifyInstance, options: RouteOptions): void {
  addTenantRoutes(app, options);
  addOperatorRoutes(app, options);
  refuseOtherMethods(app);
}

function addTenantRoutes(app: FastifyInstance, options: RouteOptions): void {
  const { handler } = options;
  const gate = new Gate(options);
  const tenantOf = (request: FastifyRequest): TenantId => gate.tenantOf(request);
  const bodies = new PublishBodies();
  addOpenAiRoutes(app, { ...options, gate });
  addWebhookRoute(app, { ...options, webhooks: options.webhooks, bodies });
  const admit = async (request: FastifyRequest, reply: FastifyReply) =>
    bodies.admit(tenantOf(request), request, reply);

  app.post(
    "/answer",
    { onRequest: [gate.admits("query"), wantsJson], bodyLimit: limits.questionBytesMax },
    (request, reply) => askRoute({ ...options, request, reply, tenant: tenantOf(request) }),
  );
  app.post(
    "/v1/documents",
    {
      onRequest: [gate.admits("ingest"), wantsDocuments, admit],
      bodyLimit: limits.httpDocumentBytesMax,
    },
    async (request, reply) => {
      const tenant = tenantOf(request);
      const idempotencyKey = idempotencyKeyOf(request);
      reply.code(202);
      if (ndjson.test(request.headers["content-type"] ?? "")) {
        // Leaving the body early must not destroy the socket, and with it the reply that says why.
        const body = request.raw.iterator({ destroyOnReturn: false });
        const source = boundedBody(body, options.body, options.clock);
        const room = bodies.lineRoom(tenant);
        const { signal } = abortWhenCallerLeaves(reply.raw);
        const { traceparent } = request.headers;
        const lines = { tenant, source, room, idempotencyKey, signal, traceparent };
        return { results: await publishLines(handler, lines) };
      }
      const { traceparent } = request.headers;
      const { body } = request;
      const { seq } = await handler.publish({ tenant, body, idempotencyKey, traceparent });
      return { seq };
    },
  );
  const deleting = { onRequest: [gate.admits("ingest"), forgetTypeOfNoBody] };
  app.delete<DocumentRoute>("/v1/documents/:id", deleting, async (request, reply) => {
    const body = { op: "delete", id: request.params.id };
    const idempotencyKey = idempotencyKeyOf(request);
    const { traceparent } = request.headers;
    const tenant = tenantOf(request);
    const { seq } = await handler.publish({ tenant, body, idempotencyKey, traceparent });
    reply.code(202);
    return { seq };
  });
  app.get<{ Querystring: { after?: unknown; limit?: unknown } }>(
    "/v1/documents",
    { onRequest: gate.admits() },
    async (request) => handler.documents(tenantOf(request), request.query),
  );
  app.get<DocumentRoute>("/v1/documents/:id", { onRequest: gate.admits() }, async (request) =>
    handler.document(tenantOf(request), request.params.id),
  );
  app.get("/v1/status", { onRequest: gate.admits() }, async (request) => {
    const status = handler.status();
    if (!options.keys) return status;
    const own = tenantOf(request);
    // What lies in the log names other tenants.
    const { quarantined: _, ...shown } = status;
    return { ...shown, tenants: status.tenants.filter(({ tenant }) => tenant === own) };
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
  const description = openApiDocument({ version, keys });
  app.get("/openapi.json", { onRequest }, async () => description);
}

const ownMethods: Readonly<Record<string, readonly string[]>> = {
  "/answer": ["POST"],
  "/v1/documents": ["GET", "HEAD", "POST"],
  "/v1/documents/:id": ["GET", "HEAD", "DELETE"],
  [webhookPath]: ["POST"],
  "/v1/status": ["GET", "HEAD"],
  [openAiPaths.chat]: ["POST"],
  [openAiPaths.storeSearch]: ["POST"],
  [openAiPaths.models]: ["GET", "HEAD"],
  [openAiPaths.model]: ["GET", "HEAD"],
  "/healthz": ["GET", "HEAD"],
  "/readyz": ["GET", "HEAD"],
  "/metrics": ["GET", "HEAD"],
  "/openapi.json": ["GET", "HEAD"],
};

/** A known path with another method is 405 with `Allow`, not 404. */
function refuseOtherMethods(app: FastifyInstance): void {
  for (const [url, own] of Object.entries(ownMethods)) {
    const method = app.supportedMethods.filter((name) => !own.includes(name)) as HTTPMethods[];
    const refuse = async (_request: FastifyRequest, reply: FastifyReply) => {
      reply.header("allow", own.join(", "));
      throw new FreshetError("method_not_allowed");
    };
    app.route({ method, url, onRequest: refuse, handler: refuse });
  }
}

async function wantsJson(request: FastifyRequest): Promise<void> {
  if (!jsonType.test(request.headers["content-type"] ?? "")) {
    throw new FreshetError("unsupported_media_type", "send application/json");
  }
}

async function wantsDocuments(request: FastifyRequest): Promise<void> {
  const type = request.headers["content-type"] ?? "";
  if (!jsonType.test(type) && !ndjson.test(type)) throw new FreshetError("unsupported_media_type");
}

/**
 * Many clients name a type with every request; where no body follows, it describes nothing and is
 * no reason to refuse.
 */
async function forgetTypeOfNoBody({ raw }: FastifyRequest): Promise<void> {
  if (!hasBody(raw)) delete raw.headers["content-type"];
}

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers["idempotency-key"];
  return Array.isArray(key) ? key.join() : key;
}

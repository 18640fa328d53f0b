/** An app over the in-memory engine, injected or on a real socket. */

import { connect, type Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { expect } from "vitest";
import { z } from "zod";
import type { AuditTrail } from "../../src/contract/audit.ts";
import type { Embeddings } from "../../src/contract/embeddings.ts";
import type { Endpoints } from "../../src/contract/endpoint.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Logger } from "../../src/contract/observation.ts";
import type { Operations } from "../../src/contract/operations.ts";
import type { Webhooks } from "../../src/contract/source.ts";
import type { Credentials } from "../../src/gateway/auth.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import {
  createHttpApp,
  type HttpBounds,
  type HttpServer,
  startHttp,
} from "../../src/gateway/http.ts";
import { createEmbeddingsHandler } from "../../src/gateway/openai/embeddings.ts";
import { openApiDocument } from "../../src/gateway/openapi.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { FakeService } from "./fake-service.ts";

export const keyOfAcme = "key-of-acme-0123456789";
export const keyOfGlobex = "key-of-globex-0123456789";

/** Makes the same of every text. */
const fixedEmbeddings: Embeddings = {
  model: { name: "fixed", fingerprint: "fixed-1", dimensions: 2, maxTokens: 8 },
  redacts: true,
  embed: async ({ texts }) => ({
    vectors: texts.map(() => Float32Array.of(1, 0)),
    tokens: texts.length,
  }),
};

interface FixtureOptions {
  readonly webhooks?: Webhooks;
  readonly operations?: Operations | undefined;
  readonly endpoints?: Endpoints | undefined;
  readonly keys?: boolean | undefined;
  readonly mcpWrites?: boolean | undefined;
  readonly credentials?: Omit<Credentials, "apiKeys"> | undefined;
  readonly questionsInFlightMax?: number | undefined;
  readonly bounds?: Partial<HttpBounds> | undefined;
  readonly operatorToken?: string | undefined;
  readonly hosts?: readonly string[] | undefined;
  readonly audit?: AuditTrail | undefined;
  readonly isLeaving?: (() => boolean) | undefined;
}

export interface Fixture {
  readonly service: FakeService;
  readonly lines: string[];
  readonly app: FastifyInstance;
  readonly metrics: { metricsText(): Promise<string> };
  listen(): Promise<HttpServer>;
  close(): Promise<void>;
}

export function fixture(options: FixtureOptions = {}): Fixture {
  const service = new FakeService();
  const lines: string[] = [];
  const write = (fields: object, message: string) =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const log: Logger = { debug: write, info: write, warn: write, error: write };
  const metrics = createMetrics();
  const { questionsInFlightMax } = options;
  const http = {
    handler: createHandler({ service, log, clock: systemClock, questionsInFlightMax }),
    embeddings: createEmbeddingsHandler(fixedEmbeddings),
    credentials: {
      ...options.credentials,
      apiKeys: options.keys === true ? () => keysOfFixture : undefined,
    },
    log,
    metrics,
    version: "0.0.1",
    bounds: options.bounds,
    operatorToken: tokenOf(options),
    webhooks: options.webhooks,
    operations: options.operations,
    endpoints: options.endpoints,
    hosts: options.hosts,
    mcpWrites: options.mcpWrites,
    audit: options.audit,
    isLeaving: options.isLeaving,
  };
  const app = createHttpApp(http);
  const undocumented = watchStatuses(app);
  const servers: HttpServer[] = [];
  return {
    service,
    lines,
    app,
    metrics,
    async listen() {
      const server = await startHttp({ ...http, host: "127.0.0.1", port: 0 });
      servers.push(server);
      return server;
    },
    async close() {
      await Promise.all([app.close(), ...servers.map((server) => server.close())]);
      metrics.close();
      expect([...undocumented], "statuses that the OpenAPI document does not name").toEqual([]);
    },
  };
}

const keysOfFixture: ReadonlyMap<string, TenantId> = new Map([
  [keyOfAcme, "acme" as TenantId],
  [keyOfGlobex, "globex" as TenantId],
]);

function tokenOf({ operatorToken }: FixtureOptions): (() => string) | undefined {
  return operatorToken === undefined ? undefined : () => operatorToken;
}

/** The same for all fixtures of a process. */
let paths: z.infer<typeof described>["paths"] | undefined;

/** Every reply of an injected request is compared with what the OpenAPI document says can come. */
function watchStatuses(app: FastifyInstance): ReadonlySet<string> {
  paths ??= described.parse(openApiDocument({ version: "0.0.1", keys: true })).paths;
  const documented = paths;
  const undocumented = new Set<string>();
  app.addHook("onResponse", async ({ method, routeOptions }, { statusCode }) => {
    const path = routeOptions.url?.replaceAll(/:(\w+)/g, "{$1}") ?? "";
    const verb = method === "HEAD" ? "get" : method.toLowerCase();
    const responses = documented[path]?.[verb]?.responses;
    if (responses === undefined || String(statusCode) in responses) return;
    undocumented.add(`${method} ${path}: ${statusCode}`);
  });
  return undocumented;
}

const described = z.object({
  paths: z.record(
    z.string(),
    z.record(z.string(), z.object({ responses: z.record(z.string(), z.unknown()) })),
  ),
});

/** A bare socket to the server, for what no HTTP client would send. */
export function rawSocket(url: string): { socket: Socket; received: Promise<string> } {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const received = new Promise<string>((resolve) => {
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (data: string) => {
      text += data;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
  return { socket, received };
}

/**
 * Injected requests to whatever fixture is the current one; a text goes as it is, any other body as
 * JSON.
 */
export function callsOf(current: () => Fixture) {
  const posting =
    (url: string) =>
    (body: unknown, headers: Record<string, string> = {}) =>
      current().app.inject({
        method: "POST",
        url,
        headers: { "content-type": "application/json", ...headers },
        payload: typeof body === "string" ? body : JSON.stringify(body),
      });
  return { publish: posting("/v1/documents"), ask: posting("/answer") };
}

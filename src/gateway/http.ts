/**
 * The HTTP API: a bounded server around the handler.
 *
 * Owns the listening socket and every limit of a connection. Never reads a body before the caller
 * is known and its size is allowed; never tells an outsider what an unexpected error said.
 *
 * GH1  a reply carries `X-Request-Id`; an error reply is problem+json with a code of the error
 *     table.
 * GH2  a caller that leaves aborts the work done for it.
 * GH3  sockets, header bytes, body bytes and the time for each are bounded.
 */

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type AuditTrail, noAudit } from "../contract/audit.ts";
import type { Endpoints } from "../contract/endpoint.ts";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Secret } from "../contract/links.ts";
import type { Logger, Metrics } from "../contract/observation.ts";
import type { Operations } from "../contract/operations.ts";
import { plainOnTlsMessage } from "../contract/plain-on-tls.ts";
import type { Webhooks } from "../contract/source.ts";
import { systemClock } from "../runtime/clock.ts";
import { asksForKeys, authentication, type Credentials, hostCheck, operatorCheck } from "./auth.ts";
import { readOutRefusedBodies } from "./bodies.ts";
import type { Handler } from "./handler.ts";
import { closeIdleWhenScarce, closesUnused } from "./idle-sockets.ts";
import { parseJson } from "./json.ts";
import { explainListenError, type Listener } from "./listen-error.ts";
import { type ListenerTls, listenerOptions, watchCertificate } from "./listener-tls.ts";
import { isOpenAiPath, noRoute, type Surface } from "./no-route.ts";
import { openAiErrorOf } from "./openai/errors.ts";
import { answerPlainRequests } from "./plain-on-tls.ts";
import { errorHeaders, fromFramework, problemOf, problemType } from "./problem.ts";
import type { PublishBodies } from "./publish-bodies.ts";
import { RequestAudit } from "./request-audit.ts";
import { addRoutes, type RouteOptions } from "./routes.ts";
import { answerBrokenRequest, refuseOnSocket } from "./socket-answers.ts";

/** The bounds of a connection; tests shorten them. */
const defaultBounds = {
  headersMs: limits.httpHeadersMs,
  bodyMs: limits.httpBodyMs,
  connectionsMax: limits.httpConnectionsMax,
  sseBufferBytesMax: limits.sseBufferBytesMax,
  sseHeartbeatMs: limits.sseHeartbeatMs,
  bodyBytesPerSecondMin: limits.httpBodyBytesPerSecondMin,
  bodyRateMs: limits.httpBodyRateMs,
  refusedBodyMs: limits.httpRefusedBodyMs,
  refusedBodyBytesMax: limits.httpRefusedBodyBytesMax,
};
export type HttpBounds = Readonly<Record<keyof typeof defaultBounds, number>>;

export interface HttpOptions {
  readonly handler: Handler;
  readonly embeddings?: RouteOptions["embeddings"];
  readonly webhooks?: Webhooks | undefined;
  readonly operations?: Operations | undefined;
  readonly endpoints?: Endpoints | undefined;
  readonly credentials: Credentials;
  /** For what only operators may see; undefined means that there is none. */
  readonly operatorToken?: Secret | undefined;
  /** Undefined: plain text. */
  readonly tls?: ListenerTls | undefined;
  /** Names that the Host header may have, beside loopback and addresses. */
  readonly hosts?: readonly string[] | undefined;
  /** Whether agents may be offered tools that change documents; no by default. */
  readonly mcpWrites?: boolean | undefined;
  readonly log: Logger;
  readonly metrics: RouteOptions["metrics"] & Pick<Metrics, "set">;
  readonly version: string;
  /** Undefined: nobody writes down who did what. */
  readonly audit?: AuditTrail | undefined;
  /** Whether the node is stopping: it still answers, and closes each connection. */
  readonly isLeaving?: (() => boolean) | undefined;
  readonly bounds?: Partial<HttpBounds> | undefined;
  /** What publishes of all surfaces of the node share; a pool of its own without. */
  readonly bodies?: PublishBodies | undefined;
}

export interface HttpServer {
  /** `http://127.0.0.1:8787`, with the port that was really taken. */
  readonly url: string;
  /** Stops accepting, lets running requests finish, cuts what is left after `limits.stopMs`. */
  close(): Promise<void>;
}

/** @throws Error with one line that says what to do when the address cannot be listened on */
export async function startHttp(
  options: HttpOptions & { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  return listenOn(createHttpApp(options), { ...options, portSetting: "FRESHET_HTTP_PORT" });
}

/** @throws Error as `startHttp` */
export async function listenOn(
  app: FastifyInstance,
  options: Pick<HttpOptions, "tls" | "log"> & Listener,
): Promise<HttpServer> {
  const { host, port, portSetting, tls, log } = options;
  try {
    const url = await app.listen({ host, port });
    const endWatch = tls === undefined ? () => {} : watchCertificate(app.server, { tls, log });
    const close = (): Promise<void> => {
      endWatch();
      return closeWithin(app, limits.stopMs);
    };
    return { url, close };
  } catch (error) {
    await app.close();
    throw explainListenError(error, { host, port, portSetting });
  }
}

async function closeWithin(app: FastifyInstance, ms: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), ms);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}

/** The app without a socket: tests inject requests into it. */
export function createHttpApp(options: HttpOptions): FastifyInstance {
  const { explain } = options.handler;
  const { app, audit, bounds } = createBareApp({ ...options, explain, surface: "engine" });
  addRoutes(app, {
    ...options,
    ...checksOf(options),
    mcpWrites: options.mcpWrites ?? false,
    audit,
    sse: { bufferBytesMax: bounds.sseBufferBytesMax, heartbeatMs: bounds.sseHeartbeatMs },
    body: { bytesPerSecondMin: bounds.bodyBytesPerSecondMin, rateMs: bounds.bodyRateMs },
    clock: systemClock,
  });
  return app;
}

/** Who may come in, by what is configured. */
export function checksOf(
  options: Pick<HttpOptions, "credentials" | "metrics" | "hosts" | "operatorToken">,
): Pick<RouteOptions, "authenticate" | "checkHost" | "checkOperator" | "keys"> {
  const { credentials, metrics } = options;
  const keys = asksForKeys(credentials);
  return {
    authenticate: authentication(credentials, { metrics, clock: systemClock }),
    checkHost: hostCheck({ keys, hosts: options.hosts ?? [] }),
    checkOperator: operatorCheck({ keys, token: options.operatorToken }),
    keys,
  };
}

export interface BareOptions
  extends Pick<HttpOptions, "tls" | "log" | "audit" | "bounds" | "isLeaving"> {
  readonly explain: Handler["explain"];
  readonly surface: Surface;
}

/** Every bound of a connection, and no route. */
export function createBareApp(options: BareOptions): {
  readonly app: FastifyInstance;
  readonly audit: RequestAudit;
  readonly bounds: HttpBounds;
} {
  const bounds: HttpBounds = { ...defaultBounds, ...options.bounds };
  const app = newServer(bounds, options.tls);
  const audit = new RequestAudit(options.audit ?? noAudit);
  const refuse = refusal(options, audit);
  wantsHost(app);
  refuseWhileClosing(app, options.isLeaving);
  readBodies(app);
  limitBodyTime(app, bounds.bodyMs);
  app.setErrorHandler((thrown, _request, reply) => refuse(thrown, reply));
  // Before a body is looked at: what no route takes is told so, whatever comes with it.
  app.addHook("onRequest", async ({ is404, url }) => {
    if (is404) throw noRoute(url, options.surface);
  });
  audit.watch(app);
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id).header("x-content-type-options", "nosniff");
  });
  app.addHook("onResponse", async (request, reply) => {
    const { id, method, routeOptions } = request;
    const ms = Math.round(reply.elapsedTime);
    // The route's pattern, not the path: a path holds document ids (I10).
    options.log.debug(
      { id, method, route: routeOptions.url, status: reply.statusCode, ms },
      "http",
    );
  });
  readOutRefusedBodies(app, bounds);
  return { app, audit, bounds };
}

function newServer(bounds: HttpBounds, tls: ListenerTls | undefined): FastifyInstance {
  const server = {
    headersTimeout: bounds.headersMs,
    maxHeaderSize: limits.httpHeaderBytesMax,
    // `wantsHost` says what is missing.
    requireHostHeader: false,
    connectionsCheckingInterval: Math.min(1_000, bounds.headersMs),
  };
  const app = fastify({
    logger: false,
    genReqId: requestIdOf,
    requestIdHeader: false,
    bodyLimit: limits.httpDocumentBytesMax,
    requestTimeout: limits.httpRequestMs,
    keepAliveTimeout: limits.httpKeepAliveMs,
    connectionTimeout: limits.httpIdleSocketMs,
    maxRequestsPerSocket: limits.httpRequestsPerSocketMax,
    forceCloseConnections: "idle",
    // Ours say it with a code and a time (`refuseWhileClosing`).
    return503OnClosing: false,
    routerOptions: { maxParamLength: 3 * 512, ignoreTrailingSlash: false },
    schemaController: { compilersFactory: withoutCompilers },
    ...(tls === undefined ? { http: server } : { https: { ...server, ...listenerOptions(tls) } }),
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (thrown, request, reply) => {
      reply.header("x-request-id", request.id);
      const error = fromFramework(thrown);
      void sendProblem(error instanceof FreshetError ? error : new FreshetError("internal"), reply);
    },
  });
  app.server.maxConnections = bounds.connectionsMax;
  if (tls !== undefined) {
    const plain = { waitMs: bounds.headersMs, answer: answerPlain };
    const end = answerPlainRequests(app.server, plain);
    app.addHook("preClose", async () => end());
  }
  closeIdleWhenScarce(app.server, bounds.connectionsMax);
  const closeUnused = closesUnused(app.server, limits.httpUnusedSocketMs);
  app.addHook("preClose", async () => closeUnused());
  // Node refuses what it does not expect without a word (GH1); HTTP lets a server pass over it.
  app.server.on("checkExpectation", (request, response) => {
    app.server.emit("request", request, response);
  });
  app.server.on("connect", (_request, socket: Socket) => refuseOnSocket(noProxy(), socket));
  return app;
}

/**
 * Requests are checked by the schemas of `src/contract`. Fastify's own would be compiled by ajv,
 * which it else loads with every server: two thirds of what HTTP took of an engine's start.
 */
const noCompiler = (): never => {
  throw new Error("a route has no schema of Fastify's: check the request in its handler");
};
const withoutCompilers = { buildValidator: noCompiler, buildSerializer: noCompiler };

const requestIdPattern = /^[A-Za-z0-9._-]{1,128}$/;

/** A caller's own id is echoed when it can stand in a header and a log line. */
function requestIdOf(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && requestIdPattern.test(given) ? given : randomUUID();
}

/**
 * A node that stops tells each connection to close after its reply, so that none is closed under a
 * request; what still comes when it closes is told when to come again.
 */
function refuseWhileClosing(app: FastifyInstance, isLeaving: () => boolean = () => false): void {
  let isClosing = false;
  app.addHook("preClose", async () => {
    isClosing = true;
  });
  app.addHook("onRequest", async (_request, reply) => {
    if (!isClosing && !isLeaving()) return;
    reply.header("connection", "close");
    if (isClosing) throw new FreshetError("not_ready");
  });
  // Those that were under way: their connections would stay open until the stop cuts them.
  app.addHook("onSend", async (_request, reply) => {
    if (isClosing || isLeaving()) reply.header("connection", "close");
  });
  // A stream said what becomes of its connection when it began.
  app.addHook("onResponse", async () => {
    if (isClosing) setImmediate(() => app.server.closeIdleConnections());
  });
}

/**
 * Node would refuse it without a word (GH1). What follows on its connection is no request: who
 * writes no Host may be read in another way by a proxy in front.
 */
function wantsHost(app: FastifyInstance): void {
  const refused = new WeakSet<Socket>();
  app.addHook("onRequest", async ({ raw }, reply) => {
    const { socket, headers, httpVersion } = raw;
    const isFollowing = refused.has(socket);
    if (!isFollowing && (httpVersion !== "1.1" || headers.host !== undefined)) return;
    reply.hijack();
    if (isFollowing) return;
    refused.add(socket);
    const says = "a request of HTTP/1.1 has the header Host";
    refuseOnSocket(new FreshetError("invalid_request", says), socket);
  });
}

function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "buffer" },
    async (_request: FastifyRequest, body: Buffer) => parseJson(body),
  );
  // A DELETE says what in its path. Many clients name a type with every request, or send a body
  // without an end in sight or without anything in it: it is read out and means nothing.
  app.addHook("onRequest", async ({ method, raw }) => {
    if (method === "DELETE") delete raw.headers["content-type"];
  });
  app.addContentTypeParser("*", async (request: FastifyRequest) => {
    if (request.method !== "DELETE") throw wrongType(request);
  });
  // Read by the route itself, line by line; a declared length is checked before.
  app.addContentTypeParser("application/x-ndjson", async (request: FastifyRequest) => {
    if (request.routeOptions.url !== linesPath) throw wrongType(request);
    if (Number(request.headers["content-length"]) > limits.httpNdjsonBytesMax) {
      throw new FreshetError("document_too_large", "the body is above the size limit");
    }
  });
}

/** The only route that takes lines. */
const linesPath = "/v1/documents";

function wrongType({ routeOptions }: FastifyRequest): FreshetError {
  const told = routeOptions.url === linesPath ? undefined : "send application/json";
  return new FreshetError("unsupported_media_type", told);
}

/** A body that trickles in holds memory and an admission: after the bound it is refused. */
function limitBodyTime(app: FastifyInstance, bodyMs: number): void {
  const timers = new WeakMap<FastifyRequest, NodeJS.Timeout>();
  const stop = async (request: FastifyRequest) => clearTimeout(timers.get(request));
  app.addHook("preParsing", async (request, reply) => {
    const timer = setTimeout(() => {
      if (reply.sent) return;
      reply.header("connection", "close");
      void reply.send(new FreshetError("request_timeout"));
    }, bodyMs);
    timers.set(request, timer);
  });
  app.addHook("preValidation", stop);
  app.addHook("onError", stop);
  app.addHook("onResponse", stop);
}

function refusal({ explain }: Pick<Handler, "explain">, audit: RequestAudit) {
  return (thrown: unknown, reply: FastifyReply) => {
    const error = explain(fromFramework(thrown));
    audit.failed(reply.request, error.code);
    return sendProblem(error, reply);
  };
}

function sendProblem(error: FreshetError, reply: FastifyReply): FastifyReply {
  // Without a route of theirs, whose own handler would have said it.
  if (isOpenAiPath(reply.request.url)) {
    return reply.code(error.status).headers(errorHeaders(error)).send(openAiErrorOf(error));
  }
  return reply
    .code(error.status)
    .headers(errorHeaders(error))
    .type(problemType)
    .send(JSON.stringify(problemOf(error)));
}

/** Who says CONNECT takes this for a proxy. */
const noProxy = (): FreshetError =>
  new FreshetError("method_not_allowed", "this is no proxy: leave it out of HTTP_PROXY");

const answerPlain = (socket: Socket): void =>
  refuseOnSocket(new FreshetError("invalid_request", plainOnTlsMessage), socket);

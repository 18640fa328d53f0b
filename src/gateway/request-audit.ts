/**
 * What the audit trail gets to know of HTTP requests.
 *
 * Owns: what is known of a request while it runs. Never: looks into a body, or waits for the trail.
 * Receives: who calls and how it ended, from gate, routes and error handlers.
 * Sends: one event for each request to a route that names an operation, when its reply is over.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Identity } from "../contract/api-key.ts";
import {
  type AuditEvent,
  type AuditOperation,
  type AuditSurface,
  type AuditTrail,
  noCredential,
  unknownCredential,
} from "../contract/audit.ts";
import type { ErrorCode } from "../contract/errors.ts";

interface Noted {
  identity?: Identity;
  outcome?: ErrorCode;
  more?: Partial<AuditEvent>;
}

/** Method and route, as they were declared. What is not here says nothing about anybody. */
const audited: Readonly<Record<string, readonly [AuditSurface, AuditOperation]>> = {
  "POST /answer": ["http", "ask"],
  "POST /v1/documents": ["http", "publish"],
  "GET /v1/documents": ["http", "list"],
  "DELETE /v1/documents/:id": ["http", "delete"],
  "GET /v1/documents/:id": ["http", "read"],
  "GET /v1/documents/:id/text": ["http", "read"],
  "GET /v1/events": ["http", "listen"],
  "GET /v1/merge": ["http", "status"],
  "POST /v1/merge": ["http", "merge_force"],
  "GET /v1/dead-letters": ["http", "list"],
  "POST /v1/dead-letters/replay": ["http", "dlq_replay"],
  "POST /v1/erases": ["http", "document_erase"],
  "GET /v1/erases/:seq": ["http", "status"],
  "GET /v1/webhooks": ["http", "list"],
  "POST /v1/webhooks": ["http", "webhook_add"],
  "GET /v1/webhooks/:id": ["http", "list"],
  "POST /v1/webhooks/:id": ["http", "webhook_pause"],
  "DELETE /v1/webhooks/:id": ["http", "webhook_remove"],
  "GET /v1/webhooks/:id/failures": ["http", "list"],
  "GET /v1/usage": ["http", "usage"],
  "POST /v1/feedback": ["http", "feedback"],
  "GET /v1/feedback": ["http", "feedback"],
  "POST /mcp": ["mcp", "call"],
  "GET /v1/status": ["http", "status"],
  "GET /metrics": ["http", "metrics"],
  "POST /v1/sources/:name/events": ["webhook", "publish"],
  "POST /retrieval": ["http", "ask"],
  "POST /v1/chat/completions": ["openai", "ask"],
  "POST /v1/responses": ["openai", "ask"],
  "POST /v1/vector_stores/:id/search": ["openai", "ask"],
  "POST /v1/embeddings": ["openai", "ask"],
  "GET /v1/models": ["openai", "models"],
  "GET /v1/models/:id": ["openai", "models"],
};

/** A scraper comes every few seconds with the right token: only the wrong ones are worth a line. */
const refusalsOnly: ReadonlySet<AuditOperation> = new Set(["metrics", "models", "status"]);

export class RequestAudit {
  readonly #trail: AuditTrail;
  readonly #noted = new WeakMap<FastifyRequest, Noted>();

  constructor(trail: AuditTrail) {
    this.#trail = trail;
  }

  /** Whose key or token it is, also when it does not open this door. */
  known(request: FastifyRequest, identity: Identity): void {
    this.#of(request).identity = identity;
  }

  /** The code of the error that the caller got. */
  failed(request: FastifyRequest, code: ErrorCode): void {
    this.#of(request).outcome = code;
  }

  /** What a route knows beside. */
  tells(request: FastifyRequest, more: Partial<AuditEvent>): void {
    this.#of(request).more = more;
  }

  /** One event when the reply is over, however it ended. */
  watch(app: FastifyInstance): void {
    app.addHook("onResponse", async (request, reply) => this.#finish(request, reply));
  }

  #finish(request: FastifyRequest, reply: FastifyReply): void {
    const { routeOptions, method } = request;
    const named = audited[`${method === "HEAD" ? "GET" : method} ${routeOptions.url}`];
    if (named === undefined) return;
    const { identity, outcome, more } = this.#of(request);
    const [surface, declared] = named;
    const operation = more?.operation ?? declared;
    // A caller that left before the reply was whole has cancelled what was done for it.
    const end = outcome ?? (reply.raw.writableEnded ? "ok" : "cancelled");
    if (end === "ok" && refusalsOnly.has(operation)) return;
    const showed = request.headers.authorization !== undefined;
    this.#trail.record({
      tenant: identity?.tenant,
      credential: identity?.credential ?? (showed ? unknownCredential : noCredential),
      ...{ surface, operation, outcome: end },
      ...more,
    });
  }

  #of(request: FastifyRequest): Noted {
    const noted = this.#noted.get(request) ?? {};
    this.#noted.set(request, noted);
    return noted;
  }
}

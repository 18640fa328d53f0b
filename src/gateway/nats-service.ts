/**
 * The NATS micro service `freshet`: `nats req query.<tenant> '{"query": "…"}'`.
 *
 * Owns its subscription, not the connection. Receives requests on `query.*` in a queue group, so
 * that any node answers and each question is answered once. Sends one reply; with `stream: true` it
 * sends messages with the header `Freshet-Event` (`retrieval`, `delta`…) before, and the whole
 * answer as `done`. Never trusts a tenant in a body: the subject says it, and the server's
 * permissions guard the subject. A message names no credential, so it has no groups: who may ask
 * here sees everything of the tenant.
 *
 * Never answers to anything but an inbox: what a requester chose as reply could be a subject of the
 * log.
 *
 * N1  an error reply carries `Nats-Service-Error(-Code)` and the same JSON body as everywhere.
 * N2  a stop takes no new question and waits for those it has.
 */

import { headers, type NatsConnection, type ServiceMsg } from "nats";
import { type AuditEvent, type AuditTrail, noAudit } from "../contract/audit.ts";
import { type ErrorCode, errorBody, FreshetError } from "../contract/errors.ts";
import { isTenantId, tenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Metrics } from "../contract/observation.ts";
import { answerSchema, questionSchema } from "../contract/query.ts";
import type { Handler } from "./handler.ts";
import { parseJson } from "./json.ts";
import { answeringInboxes } from "./nats-replies.ts";
import { jsonSchema } from "./openapi.ts";

export interface NatsServiceOptions {
  readonly connection: NatsConnection;
  readonly handler: Handler;
  readonly version: string;
  readonly stopMs: number;
  readonly metrics: Metrics;
  /** Undefined: nobody writes down who asked. */
  readonly audit?: AuditTrail | undefined;
}

export interface NatsService {
  close(): Promise<void>;
}

const queueGroup = "freshet";
const eventHeader = "Freshet-Event";

export async function startNatsService(options: NatsServiceOptions): Promise<NatsService> {
  const { handler, version, stopMs, metrics, audit = noAudit } = options;
  const connection = answeringInboxes(options.connection, { surface: "service", metrics });
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const outcomes = { answered: 0, refused: 0 };
  const service = await connection.services.add({
    name: "freshet",
    version,
    description: "answers with sources over documents that arrived a moment ago",
    queue: queueGroup,
    // The library counts a handler as done when it returns; these counts are those of the answers.
    statsHandler: async () => ({ ...outcomes, in_flight: running.size }),
  });
  service.addEndpoint("query", {
    subject: "query.*",
    metadata: {
      request_schema: JSON.stringify(jsonSchema(questionSchema, "input")),
      response_schema: JSON.stringify(jsonSchema(answerSchema, "output")),
    },
    handler: (error, message) => {
      if (error !== null) return;
      const run = reply(handler, message, stopping.signal)
        .then((outcome) => {
          outcomes[outcome === "ok" ? "answered" : "refused"] += 1;
          audit.record(questionOver(message.subject, outcome));
        })
        .finally(() => running.delete(run));
      running.add(run);
    },
  });
  // Once this returns, a request from anywhere finds the service.
  await connection.flush();
  return {
    async close() {
      await service.stop();
      const cut = setTimeout(() => stopping.abort(new FreshetError("not_ready")), stopMs);
      await Promise.allSettled(running);
      clearTimeout(cut);
    },
  };
}

/** The subject names the tenant; who may use it the server decides, and does not tell. */
function questionOver(subject: string, outcome: "ok" | ErrorCode): AuditEvent {
  const token = subject.slice("query.".length);
  const tenant = isTenantId(token) ? token : undefined;
  return { tenant, credential: "nats", surface: "nats", operation: "ask", outcome };
}

/** Never rejects: what goes wrong is the reply, and its code the result. */
async function reply(
  handler: Handler,
  message: ServiceMsg,
  signal: AbortSignal,
): Promise<"ok" | ErrorCode> {
  try {
    const tenant = tenantId(message.subject.slice("query.".length));
    if (message.data.byteLength > limits.questionBytesMax) {
      const says = `a question has at most ${limits.questionBytesMax} bytes`;
      throw new FreshetError("document_too_large", says);
    }
    const body = parseJson(message.data);
    const onEvent = wantsStream(body)
      ? (event: { readonly type: string }) => respond(message, event.type, event)
      : undefined;
    const traceparent = message.headers?.get("traceparent");
    const asked = { tenant, body, signal, onEvent, traceparent };
    respond(message, "done", await handler.answer(asked));
    return "ok";
  } catch (thrown) {
    const error = handler.explain(thrown);
    message.respondError(error.status, headerText(error.message), encode(errorBody(error)));
    return error.code;
  }
}

function respond(message: ServiceMsg, event: string, value: unknown): void {
  const named = headers();
  named.set(eventHeader, event);
  message.respond(encode(value), { headers: named });
}

function wantsStream(body: unknown): boolean {
  return typeof body === "object" && body !== null && "stream" in body && body.stream === true;
}

const encoder = new TextEncoder();
const encode = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value));

/** A header value is one line of plain text. */
function headerText(message: string): string {
  return message.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 200);
}

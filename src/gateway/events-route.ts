/**
 * GET /v1/events: what became of each operation, as server-sent events whose id is its sequence. A
 * reader that comes back with `Last-Event-ID` misses nothing and sees nothing twice.
 */

import type { FastifyReply, FastifyRequest } from "fastify";
import { errorBody } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Reader } from "../contract/service.ts";
import { abortWhenCallerLeaves } from "./caller.ts";
import type { Gate } from "./gate.ts";
import type { Handler } from "./handler.ts";
import type { RequestAudit } from "./request-audit.ts";
import { SseResponse } from "./sse-response.ts";

interface EventsRoute {
  readonly handler: Handler;
  readonly request: FastifyRequest<{ Querystring: { after?: unknown; from_seq?: unknown } }>;
  readonly reply: FastifyReply;
  readonly reader: Reader;
  readonly gate: Pick<Gate, "watch">;
  readonly audit: RequestAudit;
  readonly sse: { readonly bufferBytesMax: number; readonly heartbeatMs: number };
}

export async function eventsRoute(route: EventsRoute): Promise<unknown> {
  const { handler, request, reply, reader, gate } = route;
  const caller = abortWhenCallerLeaves(reply.raw);
  const ended = (why: Error): void => caller.abort(why);
  gate.watch(request, reply, { role: "query", isEndless: true, ended });
  const stream = new SseResponse({
    ...route.sse,
    response: reply.raw,
    headers: { "x-request-id": request.id },
    onCut: () => caller.abort(),
  });
  const from = request.query.from_seq;
  // A browser that opens its stream again has the first address, and the header.
  // One without a value is none: some libraries send it so before their first event.
  const given = request.headers["last-event-id"] || request.query.after;
  try {
    // The position comes first, with no event: a reader that is cut before one misses nothing.
    const now = given === undefined && from === undefined;
    const after: unknown = now ? `${await handler.lastVersion(reader.tenant)}` : given;
    // Not `stream.begun`: a heartbeat begins the stream, too.
    let begun = false;
    const asked = { after, from: after === undefined ? from : undefined, signal: caller.signal };
    for await (const page of handler.events(reader, asked)) {
      const position = now ? `id: ${after}\n` : "";
      if (!begun) stream.write(`${position}retry: ${limits.retryAfterMs}\n\n`);
      begun = true;
      for (const event of page) {
        stream.write(`id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`);
      }
    }
  } catch (thrown) {
    if (!stream.begun) {
      stream.abandon();
      throw thrown;
    }
    // Not `error`: a browser's EventSource has its own event of that name.
    const error = handler.explain(thrown);
    route.audit.failed(request, error.code);
    const body = errorBody(error);
    stream.write(`event: failed\ndata: ${JSON.stringify(body)}\n\n`);
  }
  stream.end();
  return reply.hijack();
}

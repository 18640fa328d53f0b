/** POST /answer: one JSON reply, or a stream of events when the caller asks for it. */

import type { FastifyReply, FastifyRequest } from "fastify";
import Negotiator from "negotiator";
import type { Asker } from "../contract/service.ts";
import { abortWhenCallerLeaves } from "./caller.ts";
import type { Handler } from "./handler.ts";
import type { RequestAudit } from "./request-audit.ts";
import { EventStream } from "./sse.ts";

interface AskRoute {
  readonly handler: Handler;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly asker: Asker;
  readonly audit: RequestAudit;
  readonly sse: { readonly bufferBytesMax: number; readonly heartbeatMs: number };
}

export async function askRoute(route: AskRoute): Promise<unknown> {
  const { handler, request, reply, asker } = route;
  const caller = abortWhenCallerLeaves(reply.raw);
  const { signal } = caller;
  const { body } = request;
  const { traceparent } = request.headers;
  const asked = { ...asker, body, signal, traceparent };
  if (!wantsStream(request)) return handler.answer(asked);

  const stream = new EventStream({
    ...route.sse,
    response: reply.raw,
    headers: { "x-request-id": request.id },
    onCut: () => caller.abort(),
  });
  try {
    const onEvent = stream.send.bind(stream);
    stream.finish(await handler.answer({ ...asked, onEvent }));
  } catch (thrown) {
    if (!stream.begun) {
      stream.abandon();
      throw thrown;
    }
    const error = handler.explain(thrown);
    route.audit.failed(request, error.code);
    stream.fail(error);
  }
  return reply.hijack();
}

/**
 * The body decides; where it says nothing the Accept header does, by its weights, then by its
 * order. The body is not checked yet; a question that is refused is refused as JSON either way.
 */
function wantsStream({ body, raw }: FastifyRequest): boolean {
  if (typeof body === "object" && body !== null && "stream" in body) return body.stream === true;
  const offered = ["application/json", "text/event-stream"];
  return new Negotiator(raw).mediaType(offered) === "text/event-stream";
}

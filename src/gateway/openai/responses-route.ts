/** `POST /v1/responses`: the same question as a chat, whole or as a stream of typed events. */

import type { FastifyReply, FastifyRequest } from "fastify";
import { abortWhenCallerLeaves } from "../caller.ts";
import { inTheirWords } from "../in-their-words.ts";
import { SseResponse } from "../sse-response.ts";
import { orNothing, questionOf } from "./chat.ts";
import type { OpenAiRouteOptions } from "./options.ts";
import {
  chatOf,
  completedResponse,
  failedEvent,
  firstEvents,
  lastEvents,
  parseResponses,
  type ResponseEvent,
  type ResponseHead,
  type ResponsesRequest,
  responsesPlaces,
  textEvent,
} from "./responses.ts";

async function madeOf(asked: ResponsesRequest): Promise<Record<string, unknown>> {
  return questionOf(chatOf(asked));
}

export async function responses(
  options: OpenAiRouteOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { handler, gate, clock } = options;
  const asked = parseResponses(request.body);
  const body = await inTheirWords(madeOf(asked), responsesPlaces);
  const caller = abortWhenCallerLeaves(reply.raw);
  const { traceparent } = request.headers;
  const question = { ...gate.askerOf(request), body, signal: caller.signal, traceparent };
  const head: ResponseHead = {
    id: `resp_${request.id}`,
    created: Math.floor(clock.nowMs() / 1_000),
    baseUrl: `${request.protocol}://${request.host}`,
    ...{ asked, query: String(body["query"]) },
  };
  if (asked.stream !== true) {
    const answering = inTheirWords(handler.answer(question), responsesPlaces);
    return completedResponse(head, await orNothing(answering), clock.nowMs());
  }
  const stream = new SseResponse({
    ...options.sse,
    response: reply.raw,
    headers: { "x-request-id": request.id },
    onCut: () => caller.abort(),
  });
  let sequence_number = 0;
  const send = (events: readonly ResponseEvent[]): void => {
    for (const event of events) {
      const data = JSON.stringify({ ...event, sequence_number });
      stream.write(`event: ${event.type}\ndata: ${data}\n\n`);
      sequence_number += 1;
    }
  };
  // Not `stream.begun`: a heartbeat begins the stream, too.
  let begun = false;
  const onText = (text: string): void => {
    if (!begun) send(firstEvents(head));
    begun = true;
    send([textEvent(head, text)]);
  };
  try {
    const answering = handler.answer({
      ...question,
      onEvent: (event) => {
        if (event.type === "delta") onText(event.text);
      },
    });
    const completed = await orNothing(inTheirWords(answering, responsesPlaces));
    if (!begun) onText(completed.answer);
    send(lastEvents(head, completed, clock.nowMs()));
  } catch (thrown) {
    if (!stream.begun) {
      stream.abandon();
      throw thrown;
    }
    const error = handler.explain(thrown);
    options.audit.failed(request, error.code);
    send([failedEvent(head, error)]);
  }
  stream.end();
  return reply.hijack();
}

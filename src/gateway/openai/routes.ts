/**
 * The routes that clients of OpenAI's API call: the same handler, identity and bounds as
 * everywhere; only the form differs, also that of errors.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import { abortWhenCallerLeaves, whenClosed } from "../caller.ts";
import type { Gate } from "../gate.ts";
import type { Handler } from "../handler.ts";
import { inTheirWords } from "../in-their-words.ts";
import { errorHeaders, fromFramework } from "../problem.ts";
import { heldBytes } from "../publish-bodies.ts";
import type { RequestAudit } from "../request-audit.ts";
import { SseResponse } from "../sse-response.ts";
import {
  type ChatRequest,
  type Completed,
  chatPlaces,
  chunks,
  completionOf,
  modelName,
  orNothing,
  parseChat,
  questionOf,
  type ReplyHead,
} from "./chat.ts";
import type { EmbeddingsHandler } from "./embeddings.ts";
import { openAiErrorOf } from "./errors.ts";
import type { OpenAiRouteOptions } from "./options.ts";
import { responses } from "./responses-route.ts";
import { parseStoreSearch, storePageOf, storePlaces, storeQuestionOf } from "./vector-store.ts";

interface StoreRoute {
  Params: { id: string };
}

export const openAiPaths = {
  chat: "/v1/chat/completions",
  responses: "/v1/responses",
  models: "/v1/models",
  model: "/v1/models/:id",
  storeSearch: "/v1/vector_stores/:id/search",
  embeddings: "/v1/embeddings",
} as const;

export function addOpenAiRoutes(app: FastifyInstance, options: OpenAiRouteOptions): void {
  const { handler, gate, clock } = options;
  void app.register(async (scope) => {
    tellAsOpenAi(scope, options);
    const asking = { onRequest: gate.admits("query"), bodyLimit: limits.chatBytesMax };
    scope.post(openAiPaths.chat, asking, (request, reply) => chat(options, request, reply));
    scope.post(openAiPaths.responses, asking, (request, reply) =>
      responses(options, request, reply),
    );
    scope.post<StoreRoute>(openAiPaths.storeSearch, asking, async (request, reply) => {
      const asker = gate.askerOf(request);
      const { tenant } = asker;
      if (request.params.id !== tenant) {
        throw new FreshetError("not_found", `the only vector store of this tenant is ${tenant}`);
      }
      const search = parseStoreSearch(request.body);
      const { signal } = abortWhenCallerLeaves(reply.raw);
      const { traceparent } = request.headers;
      const question = { ...asker, body: storeQuestionOf(search), signal, traceparent };
      const answering = inTheirWords(handler.answer(question), storePlaces);
      return storePageOf(search, await orNothing(answering));
    });
    if (options.embeddings !== undefined) {
      addEmbeddingsRoute(scope, { gate, embeddings: options.embeddings });
    }
    const model = {
      ...{ id: modelName, object: "model", owned_by: "freshet" },
      created: Math.floor(clock.nowMs() / 1_000),
    };
    const reading = { onRequest: gate.admits() };
    scope.get(openAiPaths.models, reading, async () => ({ object: "list", data: [model] }));
    scope.get<StoreRoute>(openAiPaths.model, reading, async ({ params }) => {
      if (params.id === modelName) return model;
      throw new FreshetError("not_found", `there is one model: ${modelName}`);
    });
  });
}

/** Errors of the scope's routes. */
export function tellAsOpenAi(
  scope: FastifyInstance,
  { handler, audit }: { readonly handler: Pick<Handler, "explain">; readonly audit: RequestAudit },
): void {
  scope.setErrorHandler((thrown, request, reply) => {
    const error = handler.explain(fromFramework(thrown));
    audit.failed(request, error.code);
    return reply.code(error.status).headers(errorHeaders(error)).send(openAiErrorOf(error));
  });
}

/** Also of a server that has no other route of a tenant. */
export function addEmbeddingsRoute(
  app: FastifyInstance,
  { gate, embeddings }: { readonly gate: Gate; readonly embeddings: EmbeddingsHandler },
): void {
  const bodyLimit = limits.embeddingsBytesMax;
  const admit = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const bytes = heldBytes(request, bodyLimit);
    whenClosed(reply.raw, embeddings.hold(gate.tenantOf(request), bytes));
  };
  const asking = { onRequest: [gate.admits("query"), admit], bodyLimit };
  app.post(openAiPaths.embeddings, asking, async (request, reply) => {
    const { tenant, credential } = gate.identityOf(request);
    const { signal } = abortWhenCallerLeaves(reply.raw);
    const untilOut = (release: () => void): void => whenClosed(reply.raw, release);
    return embeddings.embed({ tenant, credential, body: request.body, signal, untilOut });
  });
}

async function chat(
  options: OpenAiRouteOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { handler, gate, clock } = options;
  const asked = parseChat(request.body);
  const body = questionOf(asked);
  const query = String(body["query"]);
  const caller = abortWhenCallerLeaves(reply.raw);
  const { traceparent } = request.headers;
  const question = { ...gate.askerOf(request), body, signal: caller.signal, traceparent };
  const head: ReplyHead = {
    id: `chatcmpl-${request.id}`,
    created: Math.floor(clock.nowMs() / 1_000),
    baseUrl: `${request.protocol}://${request.host}`,
  };
  if (asked.stream !== true) {
    const answering = inTheirWords(handler.answer(question), chatPlaces);
    return completionOf(head, query, await orNothing(answering));
  }
  const stream = new SseResponse({
    ...options.sse,
    response: reply.raw,
    headers: { "x-request-id": request.id },
    onCut: () => caller.abort(),
  });
  const send = (value: object): void => stream.write(`data: ${JSON.stringify(value)}\n\n`);
  let begun = false;
  const onText = (text: string): void => {
    if (!begun) send(chunks.begin(head));
    begun = true;
    send(chunks.text(head, text));
  };
  try {
    const answering = handler.answer({
      ...question,
      onEvent: (event) => {
        if (event.type === "delta") onText(event.text);
      },
    });
    const completed = await orNothing(inTheirWords(answering, chatPlaces));
    if (!begun) onText(completed.answer);
    sendEnd({ send, head, asked, query }, completed);
    stream.write("data: [DONE]\n\n");
    stream.end();
  } catch (thrown) {
    if (!stream.begun) {
      stream.abandon();
      throw thrown;
    }
    const error = handler.explain(thrown);
    options.audit.failed(request, error.code);
    send(openAiErrorOf(error));
    stream.end();
  }
  return reply.hijack();
}

function sendEnd(
  {
    send,
    head,
    asked,
    query,
  }: {
    readonly send: (value: object) => void;
    readonly head: ReplyHead;
    readonly asked: ChatRequest;
    readonly query: string;
  },
  completed: Completed,
): void {
  const annotations = chunks.annotations(head, completed);
  if (annotations !== undefined) send(annotations);
  send(chunks.end(head, completed));
  if (asked.stream_options?.include_usage === true) send(chunks.usage(head, query, completed));
}

/**
 * The HTTP surface of an embed server: vectors, and what operators look at.
 *
 * Owns the listening socket, with the bounds and the checks of the engine's. Never redacts: its
 * callers are engines, which have.
 */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { systemClock } from "../runtime/clock.ts";
import { Gate } from "./gate.ts";
import { explaining } from "./handler.ts";
import { checksOf, createBareApp, type HttpOptions, type HttpServer, listenOn } from "./http.ts";
import { metricsPage } from "./metrics-page.ts";
import { checkModelName, describeModel, type EmbeddingsHandler } from "./openai/embeddings.ts";
import { addEmbeddingsRoute, openAiPaths, tellAsOpenAi } from "./openai/routes.ts";
import { refuseOtherMethods } from "./other-methods.ts";

interface ModelRoute {
  Params: { id: string };
}

const reads = ["GET", "HEAD"];
const methods = {
  [openAiPaths.embeddings]: ["POST"],
  [openAiPaths.models]: reads,
  [openAiPaths.model]: reads,
  "/healthz": reads,
  "/metrics": reads,
};

export type EmbedHttpOptions = Pick<
  HttpOptions,
  "credentials" | "operatorToken" | "tls" | "hosts" | "log" | "metrics" | "bounds"
> & { readonly embeddings: EmbeddingsHandler };

/** @throws Error with one line that says what to do when the address cannot be listened on */
export function startEmbedHttp(
  options: EmbedHttpOptions & { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  const portSetting = "FRESHET_EMBED_SERVER_PORT (--port)";
  return listenOn(createEmbedApp(options), { ...options, portSetting });
}

/** The app without a socket: tests inject requests into it. */
export function createEmbedApp(options: EmbedHttpOptions): FastifyInstance {
  const { embeddings, metrics } = options;
  const explain = explaining(options.log);
  const { app, audit } = createBareApp({ ...options, explain, surface: "embed server" });
  const checks = checksOf(options);
  const gate = new Gate({ ...checks, audit });
  const model = {
    ...{ id: embeddings.model.name, object: "model", owned_by: "freshet" },
    created: Math.floor(systemClock.nowMs() / 1_000),
    freshet: describeModel(embeddings.model),
  };
  void app.register(async (scope) => {
    tellAsOpenAi(scope, { handler: { explain }, audit });
    addEmbeddingsRoute(scope, { gate, embeddings });
    const reading = { onRequest: gate.admits() };
    scope.get(openAiPaths.models, reading, async () => ({ object: "list", data: [model] }));
    scope.get<ModelRoute>(openAiPaths.model, reading, async ({ params }) => {
      checkModelName(params.id, embeddings.model);
      return model;
    });
  });
  const onRequest = async ({ headers }: FastifyRequest) => checks.checkHost(headers);
  app.get("/healthz", { onRequest }, async (_request, reply) =>
    reply.type("text/plain").send("ok\n"),
  );
  app.get("/metrics", { onRequest }, async (request, reply) => {
    checks.checkOperator(request.headers);
    const { text, contentType } = await metricsPage(metrics, request.headers.accept);
    return reply.type(contentType).send(text);
  });
  refuseOtherMethods(app, methods);
  return app;
}

/**
 * An embed server: the two lanes of the embedder and nothing else. Several of them, on machines
 * with GPUs for instance, serve many engines.
 */

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { startEmbeddings } from "../../actors/topology/embeddings.ts";
import type { Config } from "../config/config.ts";
import { limits } from "../contract/limits.ts";
import { probeText } from "../embedding/model-probe.ts";
import { startEmbedHttp } from "../gateway/embed-server.ts";
import { serveEmbeddings } from "../gateway/nats-embeddings.ts";
import { createEmbeddingsHandler, type EmbeddingsHandler } from "../gateway/openai/embeddings.ts";
import { closeConnection, openConnection } from "../log/nats/connection.ts";
import { createLogger } from "../observe/logs.ts";
import { createMetrics } from "../observe/metrics.ts";
import { systemClock } from "../runtime/clock.ts";
import { watchCertificates } from "./certificates.ts";
import { openCredentials } from "./credentials.ts";
import { type EmbeddingParts, openEmbedding, readModelShape } from "./embedding.ts";
import type { Foundation } from "./foundation.ts";
import { Stack } from "./stack.ts";

export interface EmbedServer {
  readonly url: string;
  readonly model: EmbeddingsHandler["model"];
  stop(): Promise<void>;
}

type Base = Pick<Foundation, "config" | "clock" | "logger" | "metrics">;

/**
 * @throws FreshetError or Error with one line that says what to do; nothing is left running then
 */
export async function startEmbedServer(config: Config): Promise<EmbedServer> {
  if (config.embedding.remote !== undefined) {
    throw new Error(
      "an embed server computes by itself: unset FRESHET_EMBED_URL and FRESHET_EMBED_SUBJECT",
    );
  }
  const { level, format } = config.log;
  const base: Base = {
    config,
    clock: systemClock,
    logger: createLogger({ level, format, node: config.node }),
    metrics: createMetrics(),
  };
  const stack = new Stack();
  try {
    stack.push("metrics", base.metrics, (part) => part.close());
    watchCertificates(base, stack);
    const { credentials } = openCredentials(base);
    const opened = await openEmbedding(base, readModelShape(config), { bare: true });
    stack.push("embedder", opened.embedder, (part) => part.close());
    const lanes = stack.push("lanes", openLanes(base, opened), (part) => part.stop());
    const embeddings = createEmbeddingsHandler(lanes.embeddings);
    await warmUp(opened);
    await serveOverNats(base, embeddings, stack);
    const { http, embedServer } = config;
    const { logger: log, metrics } = base;
    const served = stack.push(
      "HTTP",
      await startEmbedHttp({
        ...{ embeddings, credentials, log, metrics },
        ...http,
        port: embedServer.port,
      }),
      (part) => part.close(),
    );
    return {
      url: served.url,
      model: embeddings.model,
      stop: () => stack.unwind(base),
    };
  } catch (thrown) {
    await stack.unwind(base).catch(() => {});
    throw thrown;
  }
}

function openLanes({ config, ...base }: Base, { embedder, tokenizer, batchSize }: EmbeddingParts) {
  const { tenantWeights } = config;
  return startEmbeddings({
    ...base,
    ...{ embedder, tokenizer },
    settings: { embedBatch: batchSize, tenantWeights },
  });
}

/** The first batch loads what the graph needs: nobody should wait for that. */
async function warmUp({ embedder, tokenizer }: EmbeddingParts): Promise<void> {
  const tokens = tokenizer.encode(probeText, embedder.model.maxTokens);
  const lanes = ["query", "ingest"] as const;
  await Promise.all(lanes.map((lane) => embedder.embed([{ text: probeText, tokens }], { lane })));
}

async function serveOverNats(
  { config, clock, logger, metrics }: Base,
  embeddings: EmbeddingsHandler,
  stack: Stack,
): Promise<void> {
  const { subject } = config.embedServer;
  if (subject === undefined) return;
  const id = randomUUID().slice(0, 12);
  const { url: servers, replies: _, replicas: __, ...link } = config.nats;
  const name = `freshet-embed-${hostname()}-${id}`;
  const { connection } = await openConnection(
    { ...link, servers, name },
    { clock, logger, metrics },
  );
  stack.push("NATS connection", connection, (part) => closeConnection(part, clock));
  const served = await serveEmbeddings({
    ...{ connection, subject, id, embeddings, metrics },
    ...{ log: logger, stopMs: limits.stopMs },
  });
  stack.push("NATS", served, (part) => part.close());
}

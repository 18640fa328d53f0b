/** The merge worker: the composition root of the process that merges the log into Weaviate. */

import { homedir } from "node:os";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { startMetricsServer } from "../gateway/metrics-server.ts";
import { NatsSourceStore } from "../ingest/nats-source-store.ts";
import { giveUpSilent } from "../log/nats/connection.ts";
import { startMergeWorker } from "../merges/temporal/worker.ts";
import { openReceiptKey, receiptSigner } from "../tenants/receipt.ts";
import { watchCertificates } from "./certificates.ts";
import { connectCold } from "./cold.ts";
import { readModelShape } from "./embedding.ts";
import { openDeliveries } from "./endpoints.ts";
import { connectLog, type Foundation, foundation, type Running, type Start } from "./foundation.ts";
import { GenerationEncoders } from "./reembed.ts";
import { Stack } from "./stack.ts";
import { openTracing } from "./tracing.ts";

export interface MergeWorkerProcess extends Running {
  /** Resolves when it polls for the first time; Temporal may come up long after the worker. */
  readonly ready: Promise<void>;
}

/** Without a port the worker is seen by nobody but Temporal. */
async function showMetrics({ config, metrics, logger }: Foundation, stack: Stack): Promise<void> {
  const { mergeMetricsPort: port, http } = config;
  if (port === undefined) return;
  const keys = http.apiKeys !== undefined || http.keyStore !== undefined || http.oidc !== undefined;
  const { host, hosts, operatorToken } = http;
  const shown = await startMetricsServer({ host, port, hosts, operatorToken, keys, metrics });
  stack.push("metrics", shown, (part) => part.close());
  logger.info({ url: shown.url }, "metrics are shown");
}

/** Runs the activities and workflows of all tenants. Any number of them may run. */
export async function startMerges(
  config: Config,
  version: string,
  seams: Start = {},
): Promise<MergeWorkerProcess> {
  const base = foundation(config, version, seams);
  const stack = new Stack();
  try {
    const tracer = await openTracing(base, stack, "merge-worker");
    const shape = readModelShape(config);
    const { log } = await connectLog(base, stack, "merge-worker");
    const cold = stack.push("cold", connectCold(base, shape, log), (part) => part.close());
    await showMetrics(base, stack);
    watchCertificates(base, stack);
    const { temporal, merge } = config;
    const encoders = stack.push("models", new GenerationEncoders(base), (part) => part.close());
    const worker = await startMergeWorker({
      ...temporal,
      graceMs: merge.graceMs,
      confirmMs: merge.confirmMs,
      ageMs: merge.ageMs,
      replayWindowMs: config.replayWindowMs,
      bundleDir: join(config.cacheDir ?? join(homedir(), ".cache", "freshet"), "compiled"),
      deployment: log.deployment,
      versioning:
        merge.versioning === undefined
          ? undefined
          : { ...merge.versioning, buildId: merge.versioning.buildId ?? version },
      sources: new NatsSourceStore({
        connection: log.connection,
        replicas: config.nats.replicas,
      }),
      deliveries: openDeliveries(base, log, stack),
      withEncoder: encoders.withEncoder,
      sign: receiptSigner(openReceiptKey(config.receiptKeyFile)),
      log,
      cold,
      clock: base.clock,
      logger: base.logger,
      metrics: base.metrics,
      tracer,
    });
    const ended = worker.run();
    return {
      ended,
      ready: worker.ready,
      stop: async () => {
        void giveUpSilent(log.connection, base.clock);
        const end = await worker.shutdown();
        if (end === "ended") await ended;
        await stack.unwind(base);
        return end;
      },
    };
  } catch (thrown) {
    await stack.unwind(base).catch(() => {});
    throw thrown;
  }
}

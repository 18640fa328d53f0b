/** What faces callers and other nodes: peers, the NATS service and HTTP, over one service. */

import { randomUUID } from "node:crypto";
import type { Topology } from "../../actors/topology/topology.ts";
import { connectPeers, servePeers } from "../cluster/nats-peers.ts";
import { documentHasExpired } from "../cold/document-expiry.ts";
import { documentLabels } from "../cold/document-labels.ts";
import type { ColdShard } from "../cold/port.ts";
import { canaryTenants } from "../contract/canary.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { EngineStatus } from "../contract/service.ts";
import type { Tracer } from "../contract/tracing.ts";
import { type Canary, type CanaryOptions, startCanary } from "../engine/canary.ts";
import type { Departure } from "../engine/departure.ts";
import { createLocalService } from "../engine/local-service.ts";
import { createService, type ServiceOptions } from "../engine/service.ts";
import type { Credentials } from "../gateway/auth.ts";
import { createHandler } from "../gateway/handler.ts";
import { type HttpServer, startHttp } from "../gateway/http.ts";
import { type NatsService, startNatsService } from "../gateway/nats-service.ts";
import { createEmbeddingsHandler } from "../gateway/openai/embeddings.ts";
import { PublishBodies } from "../gateway/publish-bodies.ts";
import type { LogIdentityMonitor } from "../log/guard/identity-monitor.ts";
import type { DeliveryClient, EraseClient, MergeClient } from "../merges/port.ts";
import { openAudit } from "./audit.ts";
import { openEndpoints } from "./endpoints.ts";
import type { Foundation, NatsLog } from "./foundation.ts";
import { createOperations } from "./operations.ts";
import { openWebhooks, type Sources } from "./sources.ts";
import type { Stack } from "./stack.ts";

interface SurfaceParts {
  readonly topology: Topology;
  readonly log: NatsLog;
  /** Answers go over it; the log's own connection where no other user is configured. */
  readonly replies: NatsLog["connection"];
  readonly cold: ColdShard;
  readonly merges: MergeClient & EraseClient & DeliveryClient;
  readonly trust: LogIdentityMonitor;
  readonly services: () => EngineStatus["services"];
  readonly stack: Stack;
  readonly sources: Sources;
  readonly credentials: Credentials;
  readonly tracer: Tracer;
  readonly redact: ServiceOptions["redact"];
  readonly departure: Departure;
}

export async function startSurfaces(
  base: Foundation,
  parts: SurfaceParts,
): Promise<{ readonly http: HttpServer; readonly nats: NatsService }> {
  const { config, identity: node, logger, metrics, version, clock } = base;
  const { topology, log, cold, trust, services, stack, sources, credentials, tracer } = parts;
  const { aclDefault } = config;
  const local = createLocalService({ topology, trust, log, cold: coldOf(cold), clock, aclDefault });
  const peers = connectPeers(log.connection);
  const connection = parts.replies;
  const { redact, departure } = parts;
  const served = { node, clock, topology, log, trust, peers, services, redact, departure };
  const service = createService(served, local);
  stack.push(
    "peers",
    await servePeers({ connection, node, local, stopMs: limits.stopMs, metrics, tracer }),
    (part) => part.close(),
  );
  // Stopped after the surfaces: what they did last is written down, too.
  const audit = stack.push("audit trail", openAudit(base, { log, credentials }), (part) =>
    part.close(),
  );
  const handler = createHandler({ service, log: logger, clock, tracer });
  // One for all surfaces: what publishers may have in a node's memory is one sum.
  const bodies = new PublishBodies();
  const nats = stack.push(
    "NATS service",
    await startNatsService({
      ...{ connection, handler, version, stopMs: limits.stopMs, metrics, audit, log: logger },
      bodies,
    }),
    (part) => part.close(),
  );
  if (config.canary) {
    const canary = { service, tenants: canaryTenants(config.partitions), clock, metrics, logger };
    stack.push("canary", openCanary(canary, topology), (part) => part.stop());
  }
  const embeddings = createEmbeddingsHandler(topology.embeddings);
  const webhooks = stack.push("webhooks", openWebhooks(base, sources, service), (part) =>
    part.close(),
  );
  const isServed = servedBy(topology);
  const operations = createOperations({
    ...{ merges: parts.merges, log, uiUrl: config.temporal.uiUrl, served: isServed },
  });
  const endpoints = openEndpoints(base, {
    ...{ log, deliveries: parts.merges, served: isServed, stack },
  });
  const http = stack.push(
    "HTTP",
    await startHttp({
      ...{ handler, embeddings, webhooks, operations, endpoints, log: logger, metrics, version },
      ...{ credentials, audit, bodies, isLeaving: () => departure.isLeaving },
      ...config.http,
    }),
    (part) => part.close(),
  );
  // Stopped first of all: what comes meanwhile is still answered.
  stack.push("departure", departure, (part) => part.leave());
  return { http, nats };
}

/** An operator of a closed tenant is refused as its publishers are. */
function servedBy({ lives }: Topology): (tenant: TenantId) => Promise<void> {
  return async (tenant) => {
    await lives.load();
    lives.check(tenant);
  };
}

function openCanary(
  options: Omit<CanaryOptions, "stateOf" | "word">,
  { directory }: Pick<Topology, "directory">,
): Canary {
  return startCanary({
    ...options,
    stateOf: (partition) => directory.partitions.get(partition)?.state ?? "waiting",
    // Letters alone: digits could be what redaction looks for.
    word: () => randomUUID().replaceAll(/[^a-f]/g, "") + randomUUID().replaceAll(/[^a-f]/g, ""),
  });
}

/** What the engine asks cold beside searches. */
function coldOf(cold: ColdShard): Parameters<typeof createLocalService>[0]["cold"] {
  return {
    count: (tenant) => cold.count(tenant),
    walk: (tenant, page) => cold.walk(tenant, page),
    labels: (tenant, ids) => cold.labels(tenant, ids),
    labelsOf: (document) => documentLabels(cold, document),
    hasExpired: (document, atMs) => documentHasExpired(cold, document, atMs),
  };
}

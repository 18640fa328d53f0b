/** The engine behind its surfaces: what a gateway may ask, answered by the actors and the log. */

import type { DocumentView, QuestionMessage, ShardMessage } from "../actors/messages.ts";
import type { Topology } from "../actors/topology.ts";
import { FreshetError } from "./contract/errors.ts";
import type { DocumentId, TenantId } from "./contract/ids.ts";
import type { Answer, Question } from "./contract/query.ts";
import type { AskOptions, EngineStatus, Service, TenantStatus } from "./gateway/port.ts";
import { ask } from "./kernel/reply.ts";
import type { Log } from "./log/port.ts";

export interface ServiceOptions {
  readonly node: string;
  readonly topology: Topology;
  readonly log: Log;
  /** Latest results of the background health checks. */
  readonly services: () => EngineStatus["services"];
}

export function createService(options: ServiceOptions): Service {
  const { log, topology } = options;
  return {
    documentTextBytesMax: log.documentTextBytesMax,
    ask: (tenant, question, asking) => askQuestion(topology, { tenant, question, ...asking }),
    publish: async (tenant, _operation, { payload, messageId }) => {
      // I11: a full node refuses here, where the publisher can still be told.
      if (topology.isHotFull(tenant)) throw new FreshetError("overloaded");
      return log.docs.publish({ tenant, payload, messageId });
    },
    document: async (tenant, id) => {
      const view = await askDocument(topology, tenant, id);
      if (!topology.isOwner(tenant)) throw new FreshetError("not_ready");
      return view.version === undefined
        ? { id, status: "absent", visible_seq: view.visible }
        : { id, status: "visible", seq: view.version, shard: view.shard };
    },
    lastVersion: (tenant) => log.docs.lastVersion(tenant),
    status: () => statusOf(options),
  };
}

type Asking = AskOptions & { readonly tenant: TenantId; readonly question: Question };

function askQuestion({ questions }: Topology, asking: Asking): Promise<Answer> {
  return ask<Answer, QuestionMessage>({
    message: (reply) => ({ type: "question", onEvent: undefined, ...asking, reply }),
    send: (message) => questions.tryPut(message),
    refused: () => new FreshetError("overloaded"),
  });
}

function askDocument(
  { directory, isOwner }: Pick<Topology, "directory" | "isOwner">,
  tenant: TenantId,
  documentId: DocumentId,
): Promise<DocumentView> {
  if (!isOwner(tenant)) return Promise.reject(new FreshetError("not_ready"));
  const entry = directory.tenant(tenant);
  if (entry === undefined) return Promise.reject(new FreshetError("not_found"));
  return ask<DocumentView, ShardMessage>({
    message: (reply) => ({ type: "document", documentId, reply }),
    send: (message) => entry.shard.tryPut(message),
    refused: () => new FreshetError("overloaded"),
  });
}

function statusOf({ node, topology, services }: ServiceOptions): EngineStatus {
  const { directory } = topology;
  const partitions = [...directory.partitions.values()];
  const owned = partitions.filter(({ state }) => state === "serving");
  const tenants = [...directory.tenants()].map(
    ({ tenant, status }): TenantStatus => ({
      tenant,
      state: status.state,
      visible_seq: status.visible,
      documents: status.documents,
      hot: status.hot,
      watermark: status.watermark,
      unmerged_chunks: status.unmergedChunks,
    }),
  );
  return {
    node,
    // A node is ready when nothing that it owns is still recovering; which tenant is, `tenants` tells.
    ready:
      partitions.every(({ state }) => state !== "recovering") &&
      owned.length > 0 &&
      tenants.every(({ state }) => state === "ready"),
    partitions: { total: partitions.length, owned: owned.length },
    tenants,
    services: services(),
  };
}

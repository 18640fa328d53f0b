/** The engine behind its surfaces: what a gateway may ask, answered by the actors and the log. */

import type { DocumentView, QuestionMessage, ShardMessage } from "../actors/messages.ts";
import type { Topology } from "../actors/topology.ts";
import { FreshetError } from "./contract/errors.ts";
import type { DocumentId, TenantId } from "./contract/ids.ts";
import type { Answer, Question } from "./contract/query.ts";
import type { AskOptions, EngineStatus, Peers, Service, TenantStatus } from "./gateway/port.ts";
import { ask } from "./kernel/reply.ts";
import type { Log } from "./log/port.ts";
import type { LogGuard } from "./log-guard.ts";

/** While the log is refused nothing is answered, also not from memory: it was built on another log. */
export type Trust = Pick<LogGuard, "pass" | "refusal">;

export interface ServiceOptions {
  readonly node: string;
  readonly topology: Topology;
  readonly log: Log;
  readonly trust: Trust;
  readonly peers: Peers;
  /** Latest results of the background health checks. */
  readonly services: () => EngineStatus["services"];
}

/** What this node answers by itself: `not_ready` for tenants of others. */
export type LocalService = Pick<Service, "ask" | "document">;

export function createLocalService(topology: Topology, trust: Trust): LocalService {
  return {
    ask: async (tenant, question, asking) => {
      await trust.pass();
      const answer = await askQuestion(topology, { tenant, question, ...asking });
      // Found on a log that was refused meanwhile.
      if (trust.refusal !== undefined) throw trust.refusal;
      return answer;
    },
    document: async (tenant, id) => {
      await trust.pass();
      const view = await askDocument(topology, tenant, id);
      if (!topology.isOwner(tenant)) throw new FreshetError("not_ready");
      return view.version === undefined
        ? { id, status: "absent", visible_seq: view.visible }
        : { id, status: "visible", seq: view.version, shard: view.shard };
    },
  };
}

/** The same for every tenant: any node takes any request and asks the tenant's owner. */
export function createService(options: ServiceOptions, local: LocalService): Service {
  const { log, topology, peers, trust } = options;
  return {
    documentTextBytesMax: log.documentTextBytesMax,
    ask: async (tenant, question, asking) => {
      await trust.pass();
      if (topology.isOwner(tenant)) return local.ask(tenant, question, asking);
      return peers.ask(await ownerOf(options, tenant), tenant, { question, ...asking });
    },
    publish: async (tenant, _operation, { payload, messageId }) => {
      await trust.pass();
      // I11: a full node refuses here, where the publisher can still be told.
      if (topology.isHotFull(tenant)) throw new FreshetError("overloaded");
      return log.docs.publish({ tenant, payload, messageId });
    },
    document: async (tenant, id) => {
      await trust.pass();
      if (topology.isOwner(tenant)) return local.document(tenant, id);
      return peers.document(await ownerOf(options, tenant), tenant, id);
    },
    lastVersion: (tenant) => log.docs.lastVersion(tenant),
    status: () => statusOf(options),
  };
}

/** Another node's name. @throws FreshetError not_ready while nobody, or this node not yet, serves the tenant */
async function ownerOf({ log, node, topology }: ServiceOptions, tenant: TenantId): Promise<string> {
  const { partition } = topology.directory.partitionOf(tenant);
  const owner = await log.leases.holder(partition);
  if (owner === null || owner === node) throw new FreshetError("not_ready");
  return owner;
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

function statusOf({ node, topology, services, trust }: ServiceOptions): EngineStatus {
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
      trust.refusal === undefined &&
      services().log === "up" &&
      partitions.every(({ state }) => state !== "recovering") &&
      owned.length > 0 &&
      tenants.every(({ state }) => state === "ready"),
    ...(trust.refusal === undefined ? {} : { refusal: trust.refusal.message }),
    partitions: { total: partitions.length, owned: owned.length },
    tenants,
    services: services(),
  };
}

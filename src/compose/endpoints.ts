/** Webhooks: what operators do with them, and what a merge worker sends them with. */

import { randomBytes } from "node:crypto";
import { connectPeers } from "../cluster/nats-peers.ts";
import type { Endpoints } from "../contract/endpoint.ts";
import { FreshetError } from "../contract/errors.ts";
import { type DocumentId, partitionOf, type TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { DocumentState } from "../contract/service.ts";
import { eventsAfter, readFromOf } from "../engine/events.ts";
import { createEndpoints } from "../log/endpoint-admin.ts";
import { NatsEndpoints } from "../log/nats/endpoints.ts";
import type { DeliveryClient } from "../merges/port.ts";
import { createEndpointClient } from "../merges/remote/endpoints.ts";
import type { MergeWorkerOptions } from "../merges/temporal/worker.ts";
import { FairShares } from "../runtime/fair-shares.ts";
import type { Foundation, NatsLog } from "./foundation.ts";
import type { Stack } from "./stack.ts";

export function openEndpoints(
  base: Foundation,
  parts: {
    readonly log: NatsLog;
    readonly deliveries: DeliveryClient;
    /** Rejects for a tenant that is erased or suspended. */
    readonly served: (tenant: TenantId) => Promise<void>;
    readonly stack: Stack;
  },
): Endpoints {
  const { log, deliveries, served, stack } = parts;
  const client = stack.push("webhook client", clientOf(base), (part) => part.close());
  const endpoints = createEndpoints({
    store: storeOf(base, log),
    ...{ post: client.post, refusal: client.refusal },
    lastVersion: (tenant) => log.docs.lastVersion(tenant),
    lastSequence: () => log.docs.lastSequence(),
    changed: (tenant, id) => deliveries.deliveryChanged(tenant, id),
    nowMs: () => base.clock.nowMs(),
    random: randomBytes,
  });
  const places = new FairShares({ total: limits.endpointRequestsInFlightMax });
  const inPlace = async <Value>(tenant: TenantId, work: () => Promise<Value>): Promise<Value> => {
    const share = places.tryTake(tenant);
    if (share === undefined) throw new FreshetError("overloaded", "too many requests at once");
    try {
      await served(tenant);
      return await work();
    } finally {
      share.release();
    }
  };
  return {
    list: (tenant) => inPlace(tenant, () => endpoints.list(tenant)),
    show: (tenant, id) => inPlace(tenant, () => endpoints.show(tenant, id)),
    add: (tenant, wanted) => inPlace(tenant, () => endpoints.add(tenant, wanted)),
    remove: (tenant, id) => inPlace(tenant, () => endpoints.remove(tenant, id)),
    change: (tenant, id, change) => inPlace(tenant, () => endpoints.change(tenant, id, change)),
    failures: (tenant, id) => inPlace(tenant, () => endpoints.failures(tenant, id)),
  };
}

/** A worker owns no tenant: it asks the one that does whether a reader sees what is to be told. */
export function openDeliveries(
  base: Foundation,
  log: NatsLog,
  stack: Stack,
): NonNullable<MergeWorkerOptions["deliveries"]> {
  const { clock } = base;
  const peers = connectPeers(log.connection, clock);
  const stateOf = async (tenant: TenantId, id: DocumentId): Promise<DocumentState> => {
    const owner = await log.leases.holder(partitionOf(tenant, log.partitions));
    if (owner === null) throw new FreshetError("not_ready");
    return peers.document(owner, { tenant }, id);
  };
  const { chunks, events: notices } = log;
  const client = stack.push("webhook client", clientOf(base), (part) => part.close());
  return {
    store: storeOf(base, log),
    events: (tenant, { after, signal }) =>
      eventsAfter(
        { chunks, notices, stateOf, clock, readFrom: readFromOf(log) },
        { tenant, after, signal },
      ),
    post: client.post,
    random: Math.random,
  };
}

function storeOf({ config }: Foundation, { connection }: NatsLog): NatsEndpoints {
  return new NatsEndpoints({ connection, replicas: config.nats.replicas });
}

function clientOf({ config, version }: Foundation) {
  const networks = config.webhookNetworks;
  return createEndpointClient({ networks, userAgent: `Freshet/${version}` });
}

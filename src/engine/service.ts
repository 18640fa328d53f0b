/** The engine as its surfaces see it: their requests, answered by the actors and the log. */

import { operationsBehind } from "../../actors/directory/directory.ts";
import type { Topology } from "../../actors/topology/topology.ts";
import { FreshetError, toFreshetError } from "../contract/errors.ts";
import type { DocumentId, TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Answer, AnswerEvent } from "../contract/query.ts";
import type {
  AskRequest,
  EngineStatus,
  Peers,
  Service,
  TenantStatus,
} from "../contract/service.ts";
import type { Log } from "../log/port.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Departure } from "./departure.ts";
import { eventsAfter, readFromOf } from "./events.ts";
import { type FeedbackParts, feedbackOf } from "./feedback.ts";
import type { LocalService, Trust } from "./local-service.ts";
import { admitAtOwner } from "./usage.ts";

export interface ServiceOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly topology: Topology;
  readonly log: Log;
  readonly trust: Trust;
  readonly peers: Peers;
  readonly redact: FeedbackParts["redact"];
  /** Undefined: this node never leaves before it stops. */
  readonly departure?: Pick<Departure, "isLeaving"> | undefined;
  /** Latest results of the background health checks. */
  readonly services: () => EngineStatus["services"];
}

/** The same for every tenant: any node takes any request and asks the tenant's owner. */
export function createService(options: ServiceOptions, local: LocalService): Service {
  const { log, topology, peers, trust, clock } = options;
  const service: Service = {
    documentTextBytesMax: log.documentTextBytesMax,
    ask: async (request) => {
      await trust.pass();
      return askUntilServed(options.clock, request, async (current) => {
        if (topology.isOwner(current.tenant)) return local.ask(current);
        return peers.ask(await ownerOf(options, current.tenant), current);
      });
    },
    publish: async (tenant, message) => {
      const { payload, messageId, traceparent, credential, isDelete } = message;
      await trust.pass();
      await topology.lives.load();
      topology.lives.check(tenant);
      // A document for nobody is refused now, not from a dead letter.
      const stranger = await topology.refusalOfNew(tenant);
      if (stranger !== undefined) throw stranger;
      if (isDelete !== true) {
        const user = { tenant, credential };
        const bytes = payload.byteLength;
        const askOwner = async () => peers.admit(await ownerOf(options, tenant), user, bytes);
        await admitAtOwner(topology, { user, bytes, askOwner });
      }
      // I11: a full node refuses here, where the publisher still hears of it.
      if (topology.isHotFull(tenant)) throw new FreshetError("overloaded");
      return log.docs.publish({ tenant, payload, messageId, traceparent });
    },
    document: async (reader, id) => {
      await trust.pass();
      if (topology.isOwner(reader.tenant)) return local.document(reader, id);
      return peers.document(await ownerOf(options, reader.tenant), reader, id);
    },
    documents: async (reader, page) => {
      await trust.pass();
      if (topology.isOwner(reader.tenant)) return local.documents(reader, page);
      return peers.documents(await ownerOf(options, reader.tenant), reader, page);
    },
    async *events(tenant, { after, signal }) {
      // One that rests or is gone has a status, not a stream that ends and is opened again.
      await topology.lives.load();
      topology.lives.check(tenant);
      const { chunks, docs, events: notices } = log;
      const stateOf = (of: TenantId, id: DocumentId) => service.document({ tenant: of }, id);
      const readFrom = readFromOf(log);
      const view = { chunks, docs, notices, stateOf, clock, readFrom };
      yield* eventsAfter(view, { tenant, after, signal });
    },
    usage: async (tenant) => {
      await trust.pass();
      if (topology.isOwner(tenant)) return local.usage(tenant);
      return peers.usage(await ownerOf(options, tenant), tenant);
    },
    ...feedbackOf({ ...options, lives: topology.lives }),
    lastVersion: async (tenant) => {
      // As its events, which it is a position in.
      await topology.lives.load();
      topology.lives.check(tenant);
      return log.docs.lastVersion(tenant);
    },
    status: () => statusOf(options),
  };
  return service;
}

/** Another node's name. @throws FreshetError not_ready while no node serves the tenant yet */
async function ownerOf({ log, node, topology }: ServiceOptions, tenant: TenantId): Promise<string> {
  const { partition } = topology.directory.partitionOf(tenant);
  const owner = await log.leases.holder(partition);
  if (owner === null || owner === node) throw new FreshetError("not_ready");
  return owner;
}

/**
 * While a tenant moves between nodes none answers for it. A question that may wait is asked again
 * until its `wait_ms` is over, unless a part of an answer has left already.
 */
async function askUntilServed(
  clock: Clock,
  request: AskRequest,
  attempt: (request: AskRequest) => Promise<Answer>,
): Promise<Answer> {
  const { wait_ms, deadline_ms } = request.question;
  const begunMs = clock.monotonicMs();
  let hasAnswered = false;
  const onEvent =
    request.onEvent &&
    ((event: AnswerEvent): void => {
      hasAnswered = true;
      request.onEvent?.(event);
    });
  for (;;) {
    const goneMs = Math.floor(clock.monotonicMs() - begunMs);
    const left = {
      wait_ms: Math.max(0, wait_ms - goneMs),
      deadline_ms: Math.max(1, deadline_ms - goneMs),
    };
    try {
      return await attempt({ ...request, question: { ...request.question, ...left }, onEvent });
    } catch (thrown) {
      if (toFreshetError(thrown).code !== "not_ready" || hasAnswered) throw thrown;
      const untilMs = begunMs + Math.min(wait_ms, deadline_ms);
      const pauseMs = limits.ownerPollMs;
      if (clock.monotonicMs() + pauseMs >= untilMs || request.signal.aborted) throw thrown;
      await clock.sleep(pauseMs, request.signal);
    }
  }
}

function statusOf(options: ServiceOptions): EngineStatus {
  const { node, topology, services, trust, log, departure } = options;
  const isLeaving = departure?.isLeaving === true;
  const refusal = isLeaving ? "this node is stopping: ask another one" : trust.refusal?.message;
  const quarantined = log.quarantined().slice(-limits.quarantineShownMax);
  const { directory } = topology;
  const resting = topology.lives.summary();
  const partitions = [...directory.partitions.values()];
  const owned = partitions.filter(({ state }) => state === "serving");
  const joining = partitions.filter(({ state }) => state === "joining");
  const blockedBy = joining.find((one) => one.leaseFailure !== undefined)?.leaseFailure;
  const entries = owned.flatMap((partition) => [...partition.tenants.values()]);
  const tenants = entries.map(
    ({ tenant, status, progress, route }): TenantStatus => ({
      tenant,
      state: status.state,
      visible_seq: status.visible,
      documents: status.documents,
      hot: status.hot,
      watermark: status.watermark,
      unmerged_chunks: status.unmergedChunks,
      records_to_replay: progress.toReplay,
      records_replayed: progress.replayed,
      operations_behind: operationsBehind({ progress, route }),
    }),
  );
  return {
    node,
    // Ready: this node's own partitions are here, and no tenant of them is still recovering. With
    // more nodes than partitions a node may have none: it asks the others.
    ready:
      refusal === undefined &&
      services().log === "up" &&
      partitions.every(({ state }) => state === "serving" || state === "waiting") &&
      tenants.every(({ state }) => state === "ready"),
    ...(refusal === undefined ? {} : { refusal }),
    ...(quarantined.length === 0 ? {} : { quarantined }),
    partitions: {
      ...{ total: partitions.length, owned: owned.length, joining: joining.length },
      ...(blockedBy === undefined ? {} : { blocked_by: blockedBy }),
    },
    tenants,
    ...(resting === undefined ? {} : { resting }),
    services: services(),
  };
}

/** The engine as its surfaces see it: their requests, answered by the actors and the log. */

import type {
  DocumentView,
  ListRequest,
  ListView,
  QuestionMessage,
  TenantViewMessage,
} from "../../actors/messages.ts";
import type { Topology } from "../../actors/topology/topology.ts";
import { type Access, type AclDefault, accessOf, admits } from "../contract/access.ts";
import { FreshetError, toFreshetError } from "../contract/errors.ts";
import type { DocumentId, TenantId, Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Answer, AnswerEvent } from "../contract/query.ts";
import type { QuotaUser } from "../contract/quota.ts";
import type {
  AskRequest,
  EngineStatus,
  Peers,
  Service,
  TenantStatus,
} from "../contract/service.ts";
import type { LogIdentityMonitor } from "../log/guard/identity-monitor.ts";
import type { Log } from "../log/port.ts";
import type { Clock } from "../runtime/clock.ts";
import { ask } from "../runtime/reply.ts";
import type { Departure } from "./departure.ts";
import { eventsAfter } from "./events.ts";
import { type FeedbackParts, feedbackOf } from "./feedback.ts";
import { type AskView, type ColdWalk, listDocuments } from "./listing.ts";
import { admitAtOwner, admitHere, rawTextOf, usageHere } from "./usage.ts";

/** While the log is refused nothing is answered, not even from memory: another log built it. */
export type Trust = Pick<LogIdentityMonitor, "pass" | "refusal">;

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

interface ColdDocument {
  readonly tenant: TenantId;
  readonly documentId: DocumentId;
  readonly version: Version;
}

/** What only cold knows of a document that was merged before this owner began. */
export interface ColdExpiry {
  /** @throws FreshetError cold_unavailable */
  hasExpired(document: ColdDocument, atMs: number): Promise<boolean>;
  /** Of its first chunk, where cold has that. @throws FreshetError cold_unavailable */
  labelsOf(
    document: ColdDocument,
  ): Promise<{ readonly labels: readonly string[] | undefined } | undefined>;
}

/** What this node answers by itself: `not_ready` for tenants of others. */
export interface LocalService extends Pick<Service, "ask" | "document" | "documents" | "usage"> {
  /** As `Quotas.admitDocument`. */
  admit(user: QuotaUser, bytes: number): Promise<void>;
}

export function createLocalService({
  topology,
  trust,
  log,
  cold,
  clock,
  aclDefault = "allow",
}: Pick<ServiceOptions, "topology" | "trust" | "log" | "clock"> & {
  readonly cold: ColdWalk & ColdExpiry;
  /** What groups see of documents without labels. */
  readonly aclDefault?: AclDefault | undefined;
}): LocalService {
  const isGone = async (tenant: TenantId, documentId: DocumentId, version: Version) =>
    (await isRefused(log, tenant, version)) ||
    (await isOver(cold, { tenant, documentId, version }, clock.nowMs()));
  return {
    ask: async ({ groups, ...request }) => {
      await trust.pass();
      await begin(topology, request.tenant);
      const access = accessOf(groups, aclDefault);
      // Another node's tenant is not counted here: it is asked there (EU1).
      const isCounted = topology.isOwner(request.tenant);
      if (isCounted) topology.quotas.admitQuestion(request);
      const answer = await askQuestion(topology, request, access).catch((thrown: unknown) => {
        if (isCounted && toFreshetError(thrown).code === "not_ready") {
          topology.quotas.takeBackQuestion(request);
        }
        throw thrown;
      });
      // It was found on a log that was refused meanwhile.
      if (trust.refusal !== undefined) throw trust.refusal;
      return answer;
    },
    document: async ({ tenant, groups }, id) => {
      await trust.pass();
      await begin(topology, tenant);
      const access = accessOf(groups, aclDefault);
      const view = await askDocument(topology, tenant, id);
      const { version, shard, visible: visible_seq } = view;
      const isThere =
        access === undefined
          ? version !== undefined
          : await isAdmitted({ cold, access, tenant, id }, view);
      if (!isThere || version === undefined) return { id, status: "absent", visible_seq };
      if (shard === "cold" && (await isGone(tenant, id, version))) {
        return { id, status: "absent", visible_seq };
      }
      return { id, status: "visible", seq: version, shard };
    },
    documents: async ({ tenant, groups }, page) => {
      await trust.pass();
      await begin(topology, tenant);
      const access = accessOf(groups, aclDefault);
      const askView: AskView = (request) => askList(topology, tenant, request);
      const listed = await listDocuments({ tenant, access, cold, askView }, page);
      if (trust.refusal !== undefined) throw trust.refusal;
      return listed;
    },
    admit: async (user, bytes) => {
      await trust.pass();
      admitHere(topology, user, bytes);
    },
    usage: async (tenant) => {
      await trust.pass();
      const usage = await usageHere(topology, tenant);
      return { ...usage, ...(await rawTextOf(log, tenant)) };
    },
  };
}

interface AccessAsked {
  readonly cold: ColdExpiry;
  readonly access: Access;
  readonly tenant: TenantId;
  readonly id: DocumentId;
}

/**
 * Whether the reader may see the document. One that is denied and one that is absent are told
 * alike, and cost alike: cold is asked for either, also where memory knows, unless memory has all
 * of the tenant. While cold is away neither is told.
 */
async function isAdmitted(
  { cold, access, tenant, id: documentId }: AccessAsked,
  { version, info, isInCold }: DocumentView,
): Promise<boolean> {
  if (info !== undefined && admits(access, info.acl)) return true;
  if (!isInCold) return false;
  const asked = { tenant, documentId, version: version ?? (0 as Version) };
  const found = await cold.labelsOf(asked);
  const isKnown = info === undefined && version !== undefined && found !== undefined;
  return isKnown && admits(access, found.labels);
}

/** A tenant that sleeps wakes. @throws FreshetError tenant_erased, tenant_suspended, not_ready */
async function begin(
  { lives, isOwner, awake }: Pick<Topology, "lives" | "isOwner" | "awake">,
  tenant: TenantId,
): Promise<void> {
  lives.check(tenant);
  if (isOwner(tenant)) await awake(tenant);
}

/**
 * A merge takes a document that cold refused out of the stored heads; an owner's own still name it.
 */
async function isRefused(
  { deadLetters }: Pick<Log, "deadLetters">,
  tenant: TenantId,
  version: Version,
): Promise<boolean> {
  return (await deadLetters.get(tenant, version))?.reason === "cold_refused";
}

/**
 * Heads know no expiry, and after a restart their owner does not either: cold has it with each
 * object. While cold is away the heads are believed; no question shows what is in cold then.
 */
async function isOver(cold: ColdExpiry, document: ColdDocument, atMs: number): Promise<boolean> {
  try {
    return await cold.hasExpired(document, atMs);
  } catch (thrown) {
    if (toFreshetError(thrown).code === "cold_unavailable") return false;
    throw thrown;
  }
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
    events: (tenant, { after, signal }) => {
      const { chunks, docs, events: notices } = log;
      const stateOf = (of: TenantId, id: DocumentId) => service.document({ tenant: of }, id);
      const view = { chunks, docs, notices, stateOf, clock };
      return eventsAfter(view, { tenant, after, signal });
    },
    usage: async (tenant) => {
      await trust.pass();
      if (topology.isOwner(tenant)) return local.usage(tenant);
      return peers.usage(await ownerOf(options, tenant), tenant);
    },
    ...feedbackOf({ ...options, lives: topology.lives }),
    lastVersion: (tenant) => log.docs.lastVersion(tenant),
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

function askQuestion(
  { questions }: Topology,
  request: Omit<AskRequest, "groups">,
  access: Access | undefined,
): Promise<Answer> {
  return ask<Answer, QuestionMessage>({
    message: (reply) => ({ type: "question", ...request, access, reply }),
    send: (message) => questions.tryPut(message),
    refused: () => new FreshetError("overloaded"),
  });
}

/** I6: what was found, even that there is nothing, is answered after a proof of the lease. */
async function askDocument(
  { directory, isOwner, proofs }: Pick<Topology, "directory" | "isOwner" | "proofs">,
  tenant: TenantId,
  documentId: DocumentId,
): Promise<DocumentView> {
  if (!isOwner(tenant)) throw new FreshetError("not_ready");
  const { partition, epoch } = directory.partitionOf(tenant);
  const entry = directory.tenant(tenant);
  // A tenant that its partition's owner does not know has no operations, so no documents either.
  if (entry === undefined) {
    await proofs.prove({ partition, epoch });
    const nothing = { version: undefined, info: undefined, isInCold: false } as const;
    return { ...nothing, visible: 0 as Version, shard: "cold" };
  }
  const view = await ask<DocumentView, TenantViewMessage>({
    message: (reply) => ({ type: "document", documentId, reply }),
    send: (message) => entry.view.tryPut(message),
    refused: () => new FreshetError("overloaded"),
  });
  await proofs.prove({ partition, epoch: entry.epoch });
  return view;
}

/** I6, as for one document. */
async function askList(
  { directory, isOwner, proofs }: Pick<Topology, "directory" | "isOwner" | "proofs">,
  tenant: TenantId,
  page: Omit<ListRequest, "type" | "reply">,
): Promise<ListView> {
  if (!isOwner(tenant)) throw new FreshetError("not_ready");
  const { partition, epoch } = directory.partitionOf(tenant);
  const entry = directory.tenant(tenant);
  if (entry === undefined) {
    await proofs.prove({ partition, epoch });
    return { hot: [], cold: [], coldExists: false };
  }
  const view = await ask<ListView, TenantViewMessage>({
    message: (reply) => ({ type: "list", ...page, reply }),
    send: (message) => entry.view.tryPut(message),
    refused: () => new FreshetError("overloaded"),
  });
  await proofs.prove({ partition, epoch: entry.epoch });
  return view;
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
  const entries = owned.flatMap((partition) => [...partition.tenants.values()]);
  const tenants = entries.map(
    ({ tenant, status, progress }): TenantStatus => ({
      tenant,
      state: status.state,
      visible_seq: status.visible,
      documents: status.documents,
      hot: status.hot,
      watermark: status.watermark,
      unmerged_chunks: status.unmergedChunks,
      records_to_replay: progress.toReplay,
      records_replayed: progress.replayed,
      operations_behind: progress.behind,
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
    partitions: { total: partitions.length, owned: owned.length, joining: joining.length },
    tenants,
    ...(resting === undefined ? {} : { resting }),
    services: services(),
  };
}

/** What this node answers by itself: requests of the tenants whose owner it is. */

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
import { type DocumentId, generationName, type TenantId, type Version } from "../contract/ids.ts";
import type { Answer } from "../contract/query.ts";
import type { QuotaUser } from "../contract/quota.ts";
import type { AskRequest, Service } from "../contract/service.ts";
import type { LogIdentityMonitor } from "../log/guard/identity-monitor.ts";
import type { Log } from "../log/port.ts";
import type { Clock } from "../runtime/clock.ts";
import { ask } from "../runtime/reply.ts";
import { type AskView, type ColdWalk, listDocuments } from "./listing.ts";
import { admitHere, type ColdCount, rawTextOf, usageHere } from "./usage.ts";

/** While the log is refused nothing is answered, not even from memory: another log built it. */
export type Trust = Pick<LogIdentityMonitor, "pass" | "refusal">;

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

interface Serving {
  readonly topology: Topology;
  readonly trust: Trust;
  readonly log: Log;
  readonly clock: Clock;
  readonly cold: ColdWalk & ColdExpiry & ColdCount;
  /** What groups see of documents without labels. */
  readonly aclDefault?: AclDefault | undefined;
}

export function createLocalService({
  topology,
  trust,
  log,
  cold,
  clock,
  aclDefault = "allow",
}: Serving): LocalService {
  const isGone = async (tenant: TenantId, documentId: DocumentId, version: Version) =>
    (await isRefused(log, tenant, version)) ||
    (await isOver(cold, { tenant, documentId, version }, clock.nowMs()));
  return {
    ask: (request) => askHere({ topology, trust, aclDefault }, request),
    document: async ({ tenant, groups }, id) => {
      await trust.pass();
      await begin(topology, tenant);
      const access = accessOf(groups, aclDefault);
      const name = hereAnswering(topology, tenant);
      const view = await askDocument(topology, name, id);
      const { version, shard, visible: visible_seq } = view;
      const isThere =
        access === undefined
          ? version !== undefined
          : await isAdmitted({ cold, access, tenant: name, id }, view);
      if (!isThere || version === undefined) return { id, status: "absent", visible_seq };
      if (shard === "cold" && (await isGone(name, id, version))) {
        return { id, status: "absent", visible_seq };
      }
      return { id, status: "visible", seq: version, shard };
    },
    documents: async ({ tenant, groups }, page) => {
      await trust.pass();
      await begin(topology, tenant);
      const access = accessOf(groups, aclDefault);
      const name = hereAnswering(topology, tenant);
      const askView: AskView = (request) => askList(topology, name, request);
      const listed = await listDocuments({ tenant: name, access, cold, askView }, page);
      if (trust.refusal !== undefined) throw trust.refusal;
      return listed;
    },
    admit: async (user, bytes) => {
      await trust.pass();
      admitHere(topology, user, bytes);
    },
    usage: async (tenant) => {
      await trust.pass();
      await letGoOfExpired(topology, tenant);
      const usage = await usageHere(topology, tenant, { manifests: log.manifests, cold });
      return { ...usage, ...(await rawTextOf(log, tenant)) };
    },
  };
}

async function askHere(
  { topology, trust, aclDefault }: Pick<Serving, "topology" | "trust" | "aclDefault">,
  { groups, ...request }: AskRequest,
): Promise<Answer> {
  await trust.pass();
  const patience = { waitMs: request.question.deadline_ms, signal: request.signal };
  await begin(topology, request.tenant, patience);
  const access = accessOf(groups, aclDefault ?? "allow");
  // What has no name to be asked under is asked again elsewhere, and not counted.
  const name = nameOf(topology, request);
  // Another node's tenant is not counted here: it is asked there (EU1).
  const isCounted = topology.isOwner(request.tenant);
  const takeBack = isCounted ? topology.quotas.admitQuestion(request) : undefined;
  const answer = await askQuestion(topology, { ...request, tenant: name }, access).catch(
    (thrown: unknown) => {
      if (toFreshetError(thrown).code === "not_ready") takeBack?.();
      throw thrown;
    },
  );
  // It was found on a log that was refused meanwhile.
  if (trust.refusal !== undefined) throw trust.refusal;
  return answer;
}

/**
 * The generation that answers: chosen once, at the beginning, so no reply is of two.
 * @throws FreshetError invalid_request (the wanted one is not there, or not ready to be asked),
 * not_ready (its model is not loaded here)
 */
function nameOf(
  topology: Pick<Topology, "answering" | "generations" | "isOwner" | "absence">,
  { tenant, question }: Pick<AskRequest, "tenant" | "question">,
): TenantId {
  if (question.generation === undefined) return hereAnswering(topology, tenant);
  const name = generationName(tenant, question.generation);
  if (topology.generations.isFed(name)) return here(topology, name);
  const message = `generation ${question.generation} of this tenant cannot be asked`;
  throw new FreshetError("invalid_request", message);
}

/** @throws FreshetError not_ready */
function hereAnswering(
  topology: Pick<Topology, "answering" | "isOwner" | "absence">,
  tenant: TenantId,
): TenantId {
  return here(topology, topology.answering(tenant));
}

/**
 * An owner without the model of a generation has none of its documents, and must not say that there
 * are none. @throws FreshetError not_ready
 */
function here({ isOwner, absence }: Pick<Topology, "isOwner" | "absence">, name: TenantId) {
  const why = isOwner(name) ? absence(name) : undefined;
  if (why !== undefined) throw why;
  return name;
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
  { lives, isOwner, awake, caughtUp }: Pick<Topology, "lives" | "isOwner" | "awake" | "caughtUp">,
  tenant: TenantId,
  patience?: Parameters<Topology["caughtUp"]>[1],
): Promise<void> {
  lives.check(tenant);
  if (!isOwner(tenant)) return;
  await awake(tenant);
  await caughtUp(tenant, patience);
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

type ViewsOf = Pick<Topology, "directory" | "isOwner" | "proofs" | "generations">;

/**
 * One that was given up between two looks, as of a list of many pages, has nothing any more: that
 * is not "there is nothing". @throws FreshetError not_ready
 */
function checkFed(generations: Topology["generations"], name: TenantId): void {
  if (generations.isFed(name)) return;
  throw new FreshetError("not_ready", "the generation that was asked is given up: ask again");
}

/** I6: what was found, even that there is nothing, is answered after a proof of the lease. */
async function askDocument(
  { directory, isOwner, proofs, generations }: ViewsOf,
  tenant: TenantId,
  documentId: DocumentId,
): Promise<DocumentView> {
  if (!isOwner(tenant)) throw new FreshetError("not_ready");
  const { partition, epoch } = directory.partitionOf(tenant);
  const entry = directory.tenantOrNothing(tenant);
  // A tenant that its partition's owner does not know has no operations, so no documents either.
  if (entry === undefined) {
    checkFed(generations, tenant);
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

/** Time says nothing when it takes a document: a view counts without it once it is asked. */
async function letGoOfExpired(topology: Topology, tenant: TenantId): Promise<void> {
  const name = topology.answering(tenant);
  if (!topology.isOwner(tenant) || topology.directory.tenant(name)?.status.state !== "ready")
    return;
  await askList(topology, name, { hotAfter: undefined, limit: 1, access: undefined, cold: [] });
}

/** I6, as for one document. */
async function askList(
  { directory, isOwner, proofs, generations }: ViewsOf,
  tenant: TenantId,
  page: Omit<ListRequest, "type" | "reply">,
): Promise<ListView> {
  if (!isOwner(tenant)) throw new FreshetError("not_ready");
  const { partition, epoch } = directory.partitionOf(tenant);
  const entry = directory.tenantOrNothing(tenant);
  if (entry === undefined) {
    checkFed(generations, tenant);
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

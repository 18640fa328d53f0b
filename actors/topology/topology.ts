/**
 * The wiring: every actor of a node, downstream first, each receiving only the mailboxes it sends
 * to. README.md draws it. Nothing else spawns an actor.
 */

import type { Embeddings } from "../../src/contract/embeddings.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { type TenantId, tenantOf } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { HeldAmounts, Quotas } from "../../src/contract/quota.ts";
import { TenantCatalogue } from "../../src/log/catalogue.ts";
import type { KnownGenerations } from "../../src/log/generations.ts";
import { TenantLives } from "../../src/log/lives.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { ask } from "../../src/runtime/reply.ts";
import type { ActorSystem } from "../../src/runtime/system.ts";
import { nodeBytes } from "../directory/bytes.ts";
import { Directory, memoryOf, type Proofs, type TenantEntry } from "../directory/directory.ts";
import { boundsOf, NodeHotMemory } from "../directory/hot-memory.ts";
import { StoredChunks } from "../directory/stored-chunks.ts";
import { inShares } from "../embedder/shares.ts";
import { generationWatcherActor } from "../generation-watcher.ts";
import { lifeWatcherActor } from "../life-watcher.ts";
import { manifestWatcherActor } from "../manifest-watcher.ts";
import { mergeTriggerActor } from "../merge-trigger.ts";
import type { MergeTriggerMessage, PartitionMessage } from "../messages.ts";
import { createProofs } from "../partition/lease-proofs.ts";
import { hasRecords } from "../partition/tenants.ts";
import { type QuestionTurns, questionTurns } from "../question/turns.ts";
import type { WriterQuotas } from "../tenant-writer/turn.ts";
import { spawnEmbedder, spawnSparse } from "./embedders.ts";
import { tenantEmbeddings } from "./embeddings.ts";
import {
  forgetting,
  type GenerationParts,
  type Patience,
  tenantGenerations,
} from "./generations.ts";
import type { TopologyOptions } from "./options.ts";
import { type Owner, type PartitionWiring, spawnOwner } from "./partitions.ts";
import { checkWeights, questionShares, revisions } from "./parts.ts";
import { queryLane, questionVectors, sharedByQuestions, spawnQuestions } from "./questions.ts";
import { spawnSources } from "./sources.ts";
import { createSystem } from "./system.ts";

export interface Topology extends Pick<Owner, "hasOthers" | "leave"> {
  /** Vectors alone, by the lanes that questions and documents use. */
  readonly embeddings: Embeddings;
  readonly directory: Directory;
  readonly questions: QuestionTurns;
  readonly system: ActorSystem;
  /** True while hot memory has no room: publishers are refused (I11). */
  isHotFull(tenant: TenantId): boolean;
  /**
   * True while this node serves the tenant's partition, as far as it knows. It says where to ask;
   * answers need a proof (I6).
   */
  isOwner(tenant: TenantId): boolean;
  readonly proofs: Proofs;
  readonly quotas: Quotas;
  /** What the tenant holds here, as its quotas count it. @throws FreshetError cold_unavailable */
  held(tenant: TenantId): Promise<HeldAmounts>;
  /**
   * Why a tenant that has nothing may not come in (P5), told to its publisher; undefined where it
   * has something, or may. @throws FreshetError log_unavailable
   */
  refusalOfNew(tenant: TenantId): Promise<FreshetError | undefined>;
  /** Why the tenant may not store more; undefined while it may. */
  refusalOfMore(tenant: TenantId): FreshetError | undefined;
  /** Which generations tenants have, as far as this node has heard. */
  readonly generations: KnownGenerations;
  /** The name under which the tenant's questions are answered now. */
  answering(tenant: TenantId): TenantId;
  /**
   * Resolves when the generation that answers shows what the one before it may have shown.
   * @throws FreshetError not_ready, log_unavailable
   */
  caughtUp(tenant: TenantId, patience?: Patience): Promise<void>;
  /** Why nothing answers under this name here, where the model of a generation is not loaded. */
  absence(name: TenantId): FreshetError | undefined;
  /** What each tenant of the installation is at, as far as this node has heard. */
  readonly lives: TenantLives;
  /**
   * Starts a tenant that sleeps, where this node serves its partition. Resolves when it has actors.
   * @throws FreshetError not_ready, overloaded
   */
  awake(tenant: TenantId): Promise<void>;
  /** Questions in hand end first, then ingest; leases are given back last. */
  stop(): Promise<void>;
}

/** @throws RangeError when a tenant's weight is no number above zero */
export function startTopology(options: TopologyOptions): Topology {
  const { log, clock, settings } = options;
  checkWeights(settings.tenantWeights);
  const system = createSystem(options);
  const directory = new Directory(log.partitions);
  const lanes = spawnLanes(system, options);
  const hot = new NodeHotMemory(directory, clock, {
    bounds: boundsOf(settings.keptBytesMax),
    quotaOf: (name) => options.quotas.quotaOf(tenantOf(name)).hot_bytes ?? Infinity,
  });
  const lives = new TenantLives(log.lives);
  const own = { model: options.embedder.model, ingest: lanes.ingest, vectors: lanes.vectors };
  const parts = tenantGenerations(system, options, { own, directory });
  const { generations, encoders, answering, visible, absence, caughtUp } = parts;
  const amounts = tenantAmounts(options, directory, answering);
  const shared = { system, options, directory, lanes, hot, lives, parts };
  const wiring = tenantWiring(shared, amounts.refusalOfLogged);
  const { partitions, hasOthers, leave } = spawnOwner(wiring);
  const proofs = createProofs(options, partitions);
  spawnManifestWatcher(system, options, directory);
  const kept = sharedByQuestions(options, generations, encoders);
  const questions = spawnQuestions(system, options, { directory, proofs, kept, encoders });
  const mailboxOf = (tenant: TenantId) => partitions[directory.partitionOf(tenant).partition];
  const forget = forgetting(options, parts, kept);
  spawnWatchers(system, options, { lives, generations, mailboxOf, forget });
  const [anyQuestion] = questions;
  if (anyQuestion === undefined) throw new RangeError("a node answers one question at least");
  const isHotFull = (tenant: TenantId): boolean => hot.isFull(tenant);
  const isOwner = (tenant: TenantId): boolean => {
    const { state, validUntilMs } = directory.partitionOf(tenant);
    return state === "serving" && clock.monotonicMs() < validUntilMs;
  };
  spawnSources(system, options, { visible, isOwner, isHotFull });
  return {
    embeddings: tenantEmbeddings(options, { lives, query: lanes.query, document: lanes.ingest }),
    directory,
    proofs,
    lives,
    generations,
    answering,
    absence,
    caughtUp,
    awake: (tenant) => awake(tenant, directory.tenant(answering(tenant)), mailboxOf(tenant)),
    questions: questionTurns({ pool: anyQuestion.mailbox, shares: questionShares(), clock }),
    system,
    isHotFull,
    isOwner,
    quotas: options.quotas,
    held: amounts.held,
    refusalOfNew: async (tenant) => {
      const { catalogue } = wiring;
      // How many tenants there are is known where they come in.
      if (catalogue.isNamed(tenant) && !isOwner(tenant)) return undefined;
      const refused = catalogue.wouldAdmit(tenant);
      if (refused.kind === "admitted" || lives.of(tenant) !== undefined) return undefined;
      const name = answering(tenant);
      if (directory.tenant(name) !== undefined || (await hasRecords(log, name))) return undefined;
      return new FreshetError("unknown_tenant", refused.message);
    },
    refusalOfMore: amounts.refusalOfMore,
    hasOthers,
    leave,
    stop: async () => {
      await Promise.all(questions.map((question) => question.stop()));
      kept.asOf.close();
      await stopThenClose(system, encoders);
    },
  };
}

/** Encoders have threads, which keep a process alive whose actors would not stop. */
async function stopThenClose(
  system: ActorSystem,
  encoders: { close(): Promise<unknown> },
): Promise<void> {
  try {
    await system.stop();
  } finally {
    await encoders.close();
  }
}

interface SharedByTenants {
  readonly system: ActorSystem;
  readonly options: TopologyOptions;
  readonly directory: Directory;
  readonly lanes: Pick<ReturnType<typeof spawnLanes>, "ingestSparse">;
  readonly hot: NodeHotMemory;
  readonly lives: TenantLives;
  readonly parts: GenerationParts;
}

function tenantWiring(
  { system, options, directory, lanes, hot, lives, parts }: SharedByTenants,
  refusalOfLogged: WriterQuotas["refusalOfLogged"],
): PartitionWiring {
  const { log, settings } = options;
  return {
    system,
    options,
    directory,
    encoders: parts.encoders,
    generations: parts.generations,
    sparse: lanes.ingestSparse,
    mergeTrigger: spawnMergeTrigger(system, options),
    hot,
    nextRevision: revisions(),
    loads: new FairShares({ total: limits.loadsInFlightMax }),
    recoveries: new FairShares({ total: limits.recoveriesInFlightMax }),
    catalogue: new TenantCatalogue(settings.tenants ?? { max: limits.tenantsMax }, {
      // A tombstone is no tenant.
      tenantCount: async () => (await log.chunks.tenantCount()) - lives.erasedCount,
    }),
    bytes: nodeBytes(),
    refusalOfLogged,
    lives,
  };
}

/** Of the embedder, and of the learned-sparse signal where that is on; in shares of the tenants. */
function spawnLanes(system: ActorSystem, options: TopologyOptions) {
  const { settings } = options;
  const bulk = () => new FairShares({ total: limits.embedQueueTextsMax });
  const ingestSparse = spawnSparse(system, options, "ingest");
  const querySparse = spawnSparse(system, options, "query");
  const query = queryLane(settings, spawnEmbedder(system, options, { lane: "query" }).mailbox);
  return {
    ingest: inShares(spawnEmbedder(system, options, { lane: "ingest" }).mailbox, bulk()),
    query,
    ingestSparse: ingestSparse && inShares(ingestSparse, bulk()),
    vectors: questionVectors(options, {
      embedder: query,
      sparse: querySparse && queryLane(settings, querySparse),
    }),
  };
}

async function awake(
  tenant: TenantId,
  entry: TenantEntry | undefined,
  mailbox: Mailbox<PartitionMessage> | undefined,
): Promise<void> {
  if (entry !== undefined) return;
  await ask<void, PartitionMessage>({
    message: (reply) => ({ type: "wake", tenant, reply }),
    send: (message) => mailbox?.tryPut(message) ?? false,
    refused: () => new FreshetError("overloaded"),
  });
}

/** What a tenant holds, and whether that is all it may. */
function tenantAmounts(
  { cold, clock, quotas }: TopologyOptions,
  directory: Directory,
  answering: (tenant: TenantId) => TenantId,
): Pick<Topology, "held" | "refusalOfMore"> & Pick<WriterQuotas, "refusalOfLogged"> {
  const stored = new StoredChunks(cold, clock);
  const known = (tenant: TenantId): HeldAmounts => {
    const name = answering(tenant);
    const status = directory.tenant(name)?.status;
    if (status === undefined) return { chunks: 0, hotBytes: 0 };
    return { chunks: stored.of(name, status), hotBytes: memoryOf(status) };
  };
  const held = async (tenant: TenantId): Promise<HeldAmounts> => {
    const name = answering(tenant);
    const status = directory.tenant(name)?.status;
    if (status !== undefined) await stored.counted(name, status);
    return known(tenant);
  };
  const hasQuota = (tenant: TenantId): boolean => {
    const { stored_chunks, hot_bytes } = quotas.quotaOf(tenant);
    return stored_chunks !== undefined || hot_bytes !== undefined;
  };
  const refusalOfMore = (tenant: TenantId) =>
    hasQuota(tenant) ? quotas.refusalOfMore(tenant, known(tenant)) : undefined;
  // Memory above the quota is waited for, as long as a merge can free it: it frees no heads.
  const refusalOfLogged = (tenant: TenantId) => {
    if (!hasQuota(tenant)) return undefined;
    const hotBytes = directory.tenant(answering(tenant))?.status.headsBytes ?? 0;
    return quotas.refusalOfMore(tenant, { ...known(tenant), hotBytes });
  };
  return { held, refusalOfMore, refusalOfLogged };
}

function spawnMergeTrigger(system: ActorSystem, { merges, logger }: TopologyOptions) {
  const actor = system.spawn<MergeTriggerMessage>({
    name: "merge-trigger",
    capacity: limits.mergeTriggerMailboxMax,
    behaviour: mergeTriggerActor({ merges, everyMs: limits.mergeRequestEveryMs, logger }),
  });
  return actor.mailbox;
}

function spawnWatchers(
  system: ActorSystem,
  { log, logger }: TopologyOptions,
  {
    lives,
    generations,
    mailboxOf,
    forget,
  }: {
    readonly lives: TenantLives;
    readonly generations: KnownGenerations;
    readonly mailboxOf: (tenant: TenantId) => Mailbox<PartitionMessage> | undefined;
    readonly forget: (tenant: TenantId) => void;
  },
): void {
  const retryMs = limits.restartBackoffMinMs;
  system.spawn<never>({
    name: "generation-watcher",
    capacity: 1,
    behaviour: generationWatcherActor({
      ...{ store: log.generations, generations, partitionOf: mailboxOf, retryMs, logger },
    }),
  });
  system.spawn<never>({
    name: "life-watcher",
    capacity: 1,
    behaviour: lifeWatcherActor({
      store: log.lives,
      lives,
      partitionOf: mailboxOf,
      forget,
      retryMs,
      logger,
    }),
  });
}

function spawnManifestWatcher(
  system: ActorSystem,
  { log, logger }: TopologyOptions,
  directory: Directory,
): void {
  system.spawn<never>({
    name: "manifest-watcher",
    capacity: 1,
    behaviour: manifestWatcherActor({
      manifests: log.manifests,
      directory,
      retryMs: limits.restartBackoffMinMs,
      logger,
    }),
  });
}

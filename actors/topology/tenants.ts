/**
 * The wiring of a tenant: a view that answers, and a writer that appends to the log and feeds the
 * view. They send to each other and to their partition, so their mailboxes are made first.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import { type Epoch, noVersion, type TenantId, tenantOf } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
import type { KnownGenerations } from "../../src/log/generations.ts";
import type { EventSink } from "../../src/log/port.ts";
import type { FairShares } from "../../src/runtime/fair-shares.ts";
import { BoundedMailbox, type Mailbox } from "../../src/runtime/mailbox.ts";
import type { ActorSystem } from "../../src/runtime/system.ts";
import { type NodeBytes, TenantBytes } from "../directory/bytes.ts";
import { noProgress, recoveringStatus, type TenantEntry } from "../directory/directory.ts";
import type { HotMemory, KeptMemory } from "../directory/hot-memory.ts";
import { KeptRows } from "../directory/kept-rows.ts";
import { TenantRoute } from "../directory/route.ts";
import type {
  EmbedderMessage,
  FencedMessage,
  MergeTriggerMessage,
  TenantFailedMessage,
  TenantViewMessage,
  TenantWriterMessage,
} from "../messages.ts";
import type { TenantHandle } from "../partition/tenants.ts";
import type { Keeping } from "../tenant-view/residency.ts";
import { tenantViewActor } from "../tenant-view/view.ts";
import type { WriterQuotas } from "../tenant-writer/turn.ts";
import { tenantWriterActor } from "../tenant-writer/writer.ts";
import type { TenantEncoders } from "./encoders.ts";
import type { TopologyOptions } from "./options.ts";
import { recordBytes, tenantLimits } from "./parts.ts";

/** Undefined where nothing is kept. */
function keepingOf({ options, hot, loads, recoveries }: TenantWiring): Keeping | undefined {
  const { log, cold, settings } = options;
  if (settings.keptBytesMax === 0) return undefined;
  const { chunks, manifests } = log;
  const isRecovering = (): boolean => recoveries.held > 0;
  return { chunks, manifests, cold, memory: hot, loads, isRecovering };
}

/** What all tenants of a node share. */
export interface TenantWiring {
  readonly system: ActorSystem;
  readonly options: TopologyOptions;
  readonly encoders: TenantEncoders;
  readonly generations: KnownGenerations;
  readonly sparse: Pick<Mailbox<EmbedderMessage<SparseVector>>, "put"> | undefined;
  readonly mergeTrigger: Mailbox<MergeTriggerMessage>;
  readonly hot: HotMemory & KeptMemory;
  /** Tenants that are loaded again. */
  readonly loads: FairShares;
  readonly nextRevision: () => number;
  readonly recoveries: FairShares;
  readonly bytes: NodeBytes;
  readonly refusalOfLogged: WriterQuotas["refusalOfLogged"];
}

/** An operation is charged once, to the generation that answers; both refuse what is too much. */
function writerQuotas(wiring: TenantWiring): WriterQuotas {
  const { options, generations, refusalOfLogged } = wiring;
  const { quotas } = options;
  return {
    takeIn: (name, operation) =>
      generations.isAnswering(name) ? quotas.takeIn(tenantOf(name), operation) : 0,
    limitsPublishing: (user) => quotas.limitsPublishing({ ...user, tenant: tenantOf(user.tenant) }),
    refusalOfLogged: (name) => refusalOfLogged(tenantOf(name)),
  };
}

/** What publishers hear of: what the answering generation shows, and the old one has not told. */
function eventsOf(
  { options, generations }: TenantWiring,
  name: TenantId,
): Pick<EventSink, "publish"> {
  return {
    publish: (_, event) => {
      const isTold = generations.isAnswering(name) && event.seq > generations.floorOf(name);
      if (isTold) options.log.events.publish(tenantOf(name), event);
    },
  };
}

interface TenantSpawn {
  readonly tenant: TenantId;
  readonly epoch: Epoch;
  readonly partition: Mailbox<FencedMessage | TenantFailedMessage>;
}

/** What belongs to one generation alone; its mailboxes are made before its actors. */
function ownOf(wiring: TenantWiring, tenant: TenantId) {
  const view = new BoundedMailbox<TenantViewMessage>(limits.shardMailboxMax, {
    max: limits.shardMailboxBytesMax,
    of: recordBytes,
  });
  const writer = new BoundedMailbox<TenantWriterMessage>(limits.tenantQueueMax);
  const bytes = new TenantBytes(tenant, wiring.bytes, wiring.options.log.documentTextBytesMax);
  const route = new TenantRoute(writer, bytes);
  const shown = { view, route, progress: noProgress(), kept: new KeptRows() };
  return { shown, writer, bytes };
}

export function spawnTenant(
  wiring: TenantWiring,
  { tenant, epoch, partition }: TenantSpawn,
): TenantHandle {
  const { system, options, mergeTrigger } = wiring;
  const own = ownOf(wiring, tenant);
  const entry: TenantEntry = { tenant, epoch, ...own.shown, status: recoveringStatus };
  const { log, metrics, logger, settings, preparation, isolation } = options;
  const encoder = wiring.encoders.of(tenant);
  if (encoder === undefined) throw new FreshetError("internal", "a tenant's model is not loaded");
  const { fingerprint, dimensions } = encoder.model;
  // A partition of many tenants may fail with all of them at once: a full mailbox is waited for.
  const onEscalate = (): void => void partition.put({ type: "tenant-failed", tenant });
  // The names of the two are metric labels (`kindOf`), and older than the words "view" and
  // "writer".
  const view = system.spawnAt(own.shown.view, {
    name: `shard/${tenant}`,
    onEscalate,
    behaviour: tenantViewActor({
      tenant,
      createHot: () => options.createHot({ dimensions }),
      graceMs: settings.graceMs,
      keeping: keepingOf(wiring),
      markerEveryMs: limits.coldMarkerEveryMs,
      mergeSizeChunks: settings.mergeSizeChunks,
      events: eventsOf(wiring, tenant),
      mergeTrigger,
      metrics,
      nextRevision: wiring.nextRevision,
      writer: own.writer,
      entry,
    }),
  });
  const writer = system.spawnAt(own.writer, {
    name: `tenant/${tenant}`,
    onEscalate,
    behaviour: tenantWriterActor({
      tenant,
      epoch,
      log,
      preparation,
      isolation,
      model: fingerprint,
      embedder: encoder.ingest,
      // A process of its own has the engines' model.
      reembedsIsolated: !wiring.encoders.isOwn(tenant),
      beginsAt: () => wiring.generations.generation(tenant)?.builtTo ?? noVersion,
      sparse: wiring.sparse,
      view: own.shown.view,
      partition,
      mergeTrigger,
      route: own.shown.route,
      progress: own.shown.progress,
      recoveries: wiring.recoveries,
      hot: wiring.hot,
      limits: tenantLimits,
      quotas: writerQuotas(wiring),
      ...{ metrics, logger, tracer: options.tracer },
    }),
  });
  return {
    entry,
    stop: async () => {
      await writer.stop();
      await view.stop();
      own.bytes.close();
    },
  };
}

/**
 * The wiring of a tenant: a view that answers, and a writer that appends to the log and feeds the
 * view. They send to each other and to their partition, so their mailboxes are made first.
 */

import type { Epoch, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
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
  readonly ingest: Pick<Mailbox<EmbedderMessage>, "put">;
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

function writerQuotas({ options: { quotas }, refusalOfLogged }: TenantWiring): WriterQuotas {
  return {
    takeIn: (tenant, operation) => quotas.takeIn(tenant, operation),
    limitsPublishing: (user) => quotas.limitsPublishing(user),
    refusalOfLogged,
  };
}

interface TenantSpawn {
  readonly tenant: TenantId;
  readonly epoch: Epoch;
  readonly partition: Mailbox<FencedMessage | TenantFailedMessage>;
}

export function spawnTenant(
  wiring: TenantWiring,
  { tenant, epoch, partition }: TenantSpawn,
): TenantHandle {
  const { system, options, mergeTrigger } = wiring;
  const viewMailbox = new BoundedMailbox<TenantViewMessage>(limits.shardMailboxMax, {
    max: limits.shardMailboxBytesMax,
    of: recordBytes,
  });
  const writerMailbox = new BoundedMailbox<TenantWriterMessage>(limits.tenantQueueMax);
  const bytes = new TenantBytes(tenant, wiring.bytes, options.log.documentTextBytesMax);
  const route = new TenantRoute(writerMailbox, bytes);
  const own = { view: viewMailbox, route, progress: noProgress(), kept: new KeptRows() };
  const entry: TenantEntry = { tenant, epoch, ...own, status: recoveringStatus };
  const { log, metrics, logger, embedder, settings, preparation, isolation } = options;
  // A partition of many tenants may fail with all of them at once: a full mailbox is waited for.
  const onEscalate = (): void => void partition.put({ type: "tenant-failed", tenant });
  // The names of the two are metric labels (`kindOf`), and older than the words "view" and
  // "writer".
  const view = system.spawnAt(viewMailbox, {
    name: `shard/${tenant}`,
    onEscalate,
    behaviour: tenantViewActor({
      tenant,
      createHot: () => options.createHot({ dimensions: embedder.model.dimensions }),
      graceMs: settings.graceMs,
      keeping: keepingOf(wiring),
      markerEveryMs: limits.coldMarkerEveryMs,
      mergeSizeChunks: settings.mergeSizeChunks,
      events: log.events,
      mergeTrigger,
      metrics,
      nextRevision: wiring.nextRevision,
      writer: writerMailbox,
      entry,
    }),
  });
  const writer = system.spawnAt(writerMailbox, {
    name: `tenant/${tenant}`,
    onEscalate,
    behaviour: tenantWriterActor({
      tenant,
      epoch,
      log,
      preparation,
      isolation,
      model: embedder.model.fingerprint,
      embedder: wiring.ingest,
      sparse: wiring.sparse,
      view: viewMailbox,
      partition,
      mergeTrigger,
      route,
      progress: own.progress,
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
      bytes.close();
    },
  };
}

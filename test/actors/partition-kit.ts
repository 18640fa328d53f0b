/**
 * One partition with the membership of its node, over a log in memory, and tenants that only keep
 * what comes.
 */

import { nodeBytes, TenantBytes } from "../../actors/directory/bytes.ts";
import {
  noProgress,
  type PartitionEntry,
  recoveringStatus,
  type TenantEntry,
} from "../../actors/directory/directory.ts";
import { KeptRows } from "../../actors/directory/kept-rows.ts";
import { TenantRoute } from "../../actors/directory/route.ts";
import { membershipActor } from "../../actors/membership.ts";
import type {
  MergeTriggerMessage,
  PartitionMessage,
  TenantViewMessage,
  TenantWriterMessage,
} from "../../actors/messages.ts";
import { type PartitionOptions, partitionActor } from "../../actors/partition/partition.ts";
import type { TenantHandle } from "../../actors/partition/tenants.ts";
import { preferredNode } from "../../src/cluster/ownership.ts";
import { createMemoryCold } from "../../src/cold/memory.ts";
import type { Epoch, Partition, TenantId, Version } from "../../src/contract/ids.ts";
import { type Logger, silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { type TenantBounds, TenantCatalogue } from "../../src/log/catalogue.ts";
import { KnownGenerations } from "../../src/log/generations.ts";
import type { LeaseStore } from "../../src/log/lease-port.ts";
import { TenantLives } from "../../src/log/lives.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { startActor } from "./kit.ts";

export const leaseMs = 9_000;
export const renewEveryMs = 3_000;
export const respawnMs = 1_000;
export const lookEveryMs = 500;
export const settleMs = 2_000;
export const takeAnywayMs = 2 * leaseMs;
export const partition = 0 as Partition;
const names = Array.from({ length: 20 }, (_, index) => `node-${index}`);
/**
 * By how much the partition prefers them: one that comes before this node, and one that comes
 * after.
 */
export const [greater, me, lesser] = ranked(names) as [string, string, string];

function ranked(nodes: readonly string[]): string[] {
  const best = preferredNode(partition, nodes);
  if (best === undefined) return [];
  return [best, ...ranked(nodes.filter((node) => node !== best))];
}

/** Stands for the two actors of a tenant: what came to it, and whether it still lives. */
export interface FakeTenant {
  readonly tenant: TenantId;
  readonly epoch: Epoch;
  readonly entry: TenantEntry;
  readonly mailbox: BoundedMailbox<TenantWriterMessage>;
  stopped: boolean;
}

export interface SetUp {
  readonly log?: MemoryLog;
  readonly wrap?: (log: MemoryLog) => PartitionOptions["log"];
  readonly logger?: Logger;
  readonly queueMax?: number;
  readonly tenants?: TenantBounds;
  readonly sleepMs?: number;
  readonly modelOf?: (name: TenantId) => Promise<void> | undefined;
  /** Resolves before a tenant has ended. */
  readonly stopping?: () => Promise<void>;
}

export function setUp(options: SetUp = {}) {
  const time = createManualClock();
  const log = options.log ?? createMemoryLog({ clock: time, partitions: 1, leaseMs });
  const entry: PartitionEntry = {
    ...{ partition, state: "joining", epoch: 0 as Epoch, validUntilMs: 0, tenants: new Map() },
    leaseFailure: undefined,
    resting: new Set(),
  };
  const spawned: FakeTenant[] = [];
  const spawnTenant = (tenant: TenantId, epoch: Epoch): TenantHandle => {
    if (spawned.some((other) => other.tenant === tenant && !other.stopped)) {
      throw new Error(`${tenant} lives already`);
    }
    const mailbox = new BoundedMailbox<TenantWriterMessage>(options.queueMax ?? 100);
    const bytes = new TenantBytes(tenant, nodeBytes(), log.documentTextBytesMax);
    const route = new TenantRoute(mailbox, bytes);
    route.caughtUp(0 as Version);
    const view = new BoundedMailbox<TenantViewMessage>(1);
    const tenantEntry: TenantEntry = {
      ...{
        tenant,
        epoch,
        view,
        route,
        progress: noProgress(),
        kept: new KeptRows(),
        status: recoveringStatus,
      },
    };
    const fake = { tenant, epoch, entry: tenantEntry, mailbox, stopped: false };
    spawned.push(fake);
    const stop = async (): Promise<void> => {
      await options.stopping?.();
      fake.stopped = true;
    };
    return { entry: tenantEntry, stop };
  };
  const start = () => {
    const seen = options.wrap?.(log) ?? log;
    const catalogue = new TenantCatalogue(options.tenants ?? { max: 1_000 }, seen.chunks);
    const lives = new TenantLives(seen.lives);
    const generations = new KnownGenerations(seen.generations);
    const sleep = {
      afterMs: options.sleepMs ?? 0,
      cold: createMemoryCold(),
      mergeTrigger: new BoundedMailbox<MergeTriggerMessage>(10),
    };
    const shared = {
      log: seen,
      catalogue,
      lives,
      ...{ generations, modelOf: options.modelOf ?? (() => undefined) },
      sleep,
      metrics: silentMetrics,
      logger: options.logger ?? silentLogger,
    };
    const started = startActor<PartitionMessage>(
      partitionActor({
        ...{ partition, node: "me~1", name: me, entry, spawnTenant, ...shared },
        ...{ renewEveryMs, takeAnywayMs, respawnMs, pullMax: 10 },
      }),
      { clock: time },
    );
    const partitions = [started.actor.mailbox];
    const membership = startActor<never>(
      membershipActor({
        ...{ name: me, leases: seen.leases, partitions, logger: shared.logger },
        ...{ announceEveryMs: renewEveryMs, lookEveryMs, settleMs },
      }),
      { clock: time },
    );
    return { ...started, membership: membership.actor };
  };
  const publish = (tenant: TenantId, text = "x") =>
    log.docs.publish({ tenant, payload: new TextEncoder().encode(text) });
  const living = () => spawned.filter(({ stopped }) => !stopped);
  return { clock: time, log, entry, spawned, living, start, publish };
}

export function bound(leases: LeaseStore): LeaseStore {
  return {
    acquire: (...args) => leases.acquire(...args),
    renew: (...args) => leases.renew(...args),
    release: (...args) => leases.release(...args),
    holder: (...args) => leases.holder(...args),
    epochOf: (...args) => leases.epochOf(...args),
    announce: (...args) => leases.announce(...args),
    announced: () => leases.announced(),
    withdraw: (...args) => leases.withdraw(...args),
    snapshot: () => leases.snapshot(),
  };
}

export function versions({ mailbox }: FakeTenant): Promise<number[]> {
  const read = async (): Promise<number[]> => {
    const all: number[] = [];
    while (mailbox.depth > 0) {
      const message = await mailbox.take();
      if (message?.type === "operation") all.push(message.admitted.operation.version);
    }
    return all;
  };
  return read();
}

/**
 * Which tenants and partitions this node serves, and how they are doing.
 *
 * Plain data, so that a lookup costs nothing and waits for no actor. Each part has one writer: the
 * partition actor writes its `PartitionEntry`, the tenant writer its `progress`, the tenant view
 * its `status`; a `TenantRoute` keeps its own state. Everything else only reads.
 */

import { type ErrorCode, FreshetError } from "../../src/contract/errors.ts";
import {
  type Epoch,
  type Partition,
  partitionOf,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import type { KeptUse } from "../../src/hot/kept.ts";
import type { HotAmount } from "../../src/hot/port.ts";
import type { HotTotals, HotUse } from "../../src/hot/shares.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import type { TenantViewMessage } from "../messages.ts";
import { CountedTenants } from "./counted-tenants.ts";
import type { KeptRows } from "./kept-rows.ts";
import type { TenantRoute } from "./route.ts";

/** How far a tenant's recovery has come; written by the tenant writer. */
export interface TenantProgress {
  /** Records of CHUNKS to replay, once their number is known. */
  toReplay: number;
  replayed: number;
  /** Operations in DOCS that are not here yet, as far as the tenant has looked. */
  behind: number;
}

export const noProgress = (): TenantProgress => ({ toReplay: 0, replayed: 0, behind: 0 });

/** Operations that are published and not visible yet, as far as the tenant has heard of them. */
export function operationsBehind({
  progress,
  route,
}: Pick<TenantEntry, "progress" | "route">): number {
  return progress.behind + route.bytes.operations;
}

/** What a tenant view lets others see without asking; replaced as a whole after each message. */
export interface ViewStatus {
  readonly state: "recovering" | "ready";
  readonly visible: Version;
  readonly documents: number;
  /** What memory has to hold: it is not in cold yet, or not for good. */
  readonly hot: HotAmount;
  /** What cold has for good and memory keeps while there is room. */
  readonly kept: HotAmount;
  readonly isResident: boolean;
  /** Memory of the tenant's heads: no merge frees it, so it counts beside what hot holds. */
  readonly headsBytes: number;
  readonly watermark: number;
  readonly unmergedChunks: number;
  readonly oldestUnmergedAtMs: number | undefined;
}

export interface TenantEntry {
  readonly tenant: TenantId;
  /**
   * Of the tenure in which it lives: its view answers under it, whichever node has the lease later.
   */
  readonly epoch: Epoch;
  readonly view: Mailbox<TenantViewMessage>;
  readonly route: TenantRoute;
  readonly progress: TenantProgress;
  /** What the view keeps while there is room: the node takes it. */
  readonly kept: KeptRows;
  /** Written by the tenant view only. */
  status: ViewStatus;
}

/**
 * `joining`: its owner is not known yet, or it is this node's own and on its way here; `waiting`:
 * another node's, or on its way there.
 */
export type PartitionState = "joining" | "waiting" | "recovering" | "serving";

export interface PartitionEntry {
  readonly partition: Partition;
  state: PartitionState;
  /** Of the newest tenure; 0 before the first. */
  epoch: Epoch;
  /** Monotonic milliseconds until which the lease holds, if no clock has stepped or stood still. */
  validUntilMs: number;
  /** Why its lease could not be asked for when that was last tried. */
  leaseFailure: ErrorCode | undefined;
  readonly tenants: Map<TenantId, TenantEntry>;
  /**
   * Names that have records and no actors in this tenure: at rest, or between two lives. Of any
   * other that is not among `tenants` there is nothing.
   */
  readonly resting: Set<TenantId>;
}

export interface Claim {
  readonly partition: Partition;
  /** Of the tenure in which the answer was found. */
  readonly epoch: Epoch;
}

/** Proofs that this node is still the owner: see partition/lease-proofs.ts. */
export interface Proofs {
  /**
   * Resolves when the lease was this claim's at some moment after the call.
   * @throws FreshetError not_ready (it is not), log_unavailable, cancelled
   */
  prove(claim: Claim, signal?: AbortSignal): Promise<void>;
}

export const recoveringStatus: ViewStatus = {
  state: "recovering",
  visible: 0 as Version,
  documents: 0,
  hot: { documents: 0, chunks: 0, bytes: 0 },
  kept: { documents: 0, chunks: 0, bytes: 0 },
  isResident: false,
  headsBytes: 0,
  watermark: 0,
  unmergedChunks: 0,
  oldestUnmergedAtMs: undefined,
};

/** Bytes that a tenant has to hold on this node: what it keeps beside them counts for nothing. */
export function memoryOf({ hot, headsBytes }: ViewStatus): number {
  return hot.bytes + headsBytes;
}

export class Directory {
  readonly partitions: ReadonlyMap<Partition, PartitionEntry>;
  readonly #count: number;
  readonly #totals = { bytes: 0, keptBytes: 0, tenants: 0 };

  constructor(partitions: number) {
    this.#count = partitions;
    const count = this.#countMemory.bind(this);
    this.partitions = new Map(
      Array.from({ length: partitions }, (_, index) => {
        const partition = index as Partition;
        const entry: PartitionEntry = {
          partition,
          state: "joining",
          epoch: 0 as Epoch,
          validUntilMs: 0,
          leaseFailure: undefined,
          tenants: new CountedTenants(count),
          resting: new Set(),
        };
        return [partition, entry];
      }),
    );
  }

  /** Of those that are not here: no lease can be asked for before the node is announced. */
  sayLeaseFailure(failure: ErrorCode | undefined): void {
    for (const entry of this.partitions.values()) {
      if (entry.state === "joining") entry.leaseFailure = failure;
    }
  }

  partitionOf(tenant: TenantId): PartitionEntry {
    return this.partition(partitionOf(tenant, this.#count));
  }

  partition(partition: Partition): PartitionEntry {
    const entry = this.partitions.get(partition);
    if (entry === undefined) throw new RangeError("a partition outside the log's count");
    return entry;
  }

  tenant(tenant: TenantId): TenantEntry | undefined {
    return this.partitionOf(tenant).tenants.get(tenant);
  }

  /**
   * As `tenant`, for who takes undefined for "there is nothing".
   * @throws FreshetError not_ready: it rests, and is woken by who asks again
   */
  tenantOrNothing(tenant: TenantId): TenantEntry | undefined {
    const { tenants, resting } = this.partitionOf(tenant);
    if (!resting.has(tenant)) return tenants.get(tenant);
    throw new FreshetError("not_ready", "the tenant was put to rest meanwhile: ask again");
  }

  *tenants(): Iterable<TenantEntry> {
    for (const { tenants } of this.partitions.values()) yield* tenants.values();
  }

  /** What every tenant of this node holds in hot memory, heads included. */
  hotUses(): readonly HotUse[] {
    return [...this.tenants()].map(({ tenant, status }) => ({
      tenant,
      bytes: memoryOf(status),
      mergeable: status.unmergedChunks > 0,
      watermark: status.watermark,
    }));
  }

  /**
   * Memory of all hot shards and heads of this node, how many tenants hold any, and what is kept
   * beside it.
   */
  hotTotals(): HotTotals & { readonly keptBytes: number } {
    return { ...this.#totals };
  }

  #countMemory(status: ViewStatus, sign: 1 | -1): void {
    const totals = this.#totals;
    const held = memoryOf(status);
    if (held > 0) totals.tenants += sign;
    totals.keptBytes += sign * status.kept.bytes;
    // Sizes are estimates with fractions: what their sums lose ends with the last tenant.
    totals.bytes = totals.tenants === 0 ? 0 : totals.bytes + sign * held;
  }

  /** What every tenant of this node keeps while there is room. */
  keptUses(): readonly KeptUse[] {
    return [...this.tenants()].map(({ tenant, status, kept }) => ({
      tenant,
      bytes: status.kept.bytes,
      askedAtMs: kept.askedAtMs,
    }));
  }
}

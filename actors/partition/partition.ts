/**
 * Partition: serves the tenants of one partition for as long as it is this node's and this node holds its lease.
 *
 * Owns: the lease, the shared DOCS reader, and the tenant and shard actors it spawns.
 * Never: reads a document, or waits for a tenant while reading (T4).
 * Receives: view (from the membership); fenced, tenant-failed (from its tenants); lease-lost (from questions).
 * Sends: operation, to tenants.
 *
 *   P1  a lease that was not renewed in time by this node's monotonic clock ends the tenure. That is for liveness: what
 *       is answered is proved (lease-proofs.ts), what is written is fenced;
 *   P2  reading starts at the log's end as it was before any tenant recovered, and every tenant catches up to
 *       there by itself: no operation falls between the two;
 *   P3  when the tenure ends (lease lost, fenced, handed over, stopped) its tenants end before another tenure begins;
 *   P4  the lease is given back when the tenants have ended, so that the next owner begins at once;
 *   P5  a tenant without records is let in by the catalogue, or its operations end as dead letters (I11);
 *   P6  a partition that is this node's own is asked for while it is held, too: the lease may be an earlier start's.
 */

import { type OwnershipView, PartitionClaim } from "../../src/cluster/ownership.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import {
  type Epoch,
  isTenantId,
  type Partition,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import type { Admission, TenantCatalogue } from "../../src/log/catalogue.ts";
import type { Lease, Log, NodeStart, StoredOperation } from "../../src/log/port.ts";
import type { Logger, Metrics } from "../../src/observe/port.ts";
import type { ActorContext, Behaviour } from "../../src/runtime/actor.ts";
import { readBytesMax } from "../directory/bytes.ts";
import type { PartitionEntry, TenantEntry } from "../directory/directory.ts";
import type { PartitionMessage } from "../messages.ts";

/** What a partition needs to start and end a tenant; topology knows how. */
export interface TenantHandle {
  readonly entry: TenantEntry;
  /** Ends its actors; when it resolves the tenant does nothing any more. */
  stop(): Promise<void>;
}

export interface PartitionOptions {
  readonly partition: Partition;
  /** This process, as its leases name it. */
  readonly node: string;
  /** The node's name, by which partitions are shared. */
  readonly name: string;
  readonly log: Log;
  readonly entry: PartitionEntry;
  readonly catalogue: TenantCatalogue;
  readonly spawnTenant: (tenant: TenantId, epoch: Epoch) => TenantHandle;
  readonly renewEveryMs: number;
  /** So long a partition may lie free before another node than its own takes it. */
  readonly takeAnywayMs: number;
  readonly respawnMs: number;
  readonly pullMax: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** One stretch of holding the lease. */
interface Tenure {
  lease: Lease;
  readonly ended: AbortController;
  readonly handles: Map<TenantId, TenantHandle>;
  handedOver: boolean;
  /** Operations under a token that is no tenant, or none that is served, wait in DOCS for their dead letters. */
  refusing: boolean;
  refusedAnew: boolean;
  /** Per token, the newest operation that has its dead letter. */
  readonly refusedTo: Map<string, Version>;
}

export function partitionActor(
  options: PartitionOptions,
): (context: ActorContext<PartitionMessage>) => Behaviour<PartitionMessage> {
  return (context) => new PartitionBehaviour(options, context);
}

class PartitionBehaviour implements Behaviour<PartitionMessage> {
  readonly #options: PartitionOptions;
  readonly #context: ActorContext<PartitionMessage>;
  readonly #claim: PartitionClaim;
  /** From the question for the lease until it is given back. */
  #isBusy = false;
  /** An answer about the lease was lost: it may be held by this very process. */
  #isUnsure = false;
  #tenure: Tenure | undefined;

  constructor(options: PartitionOptions, context: ActorContext<PartitionMessage>) {
    this.#options = options;
    this.#context = context;
    const { partition, name: me, takeAnywayMs } = options;
    this.#claim = new PartitionClaim({ partition, me, takeAnywayMs });
  }

  receive(message: PartitionMessage): void {
    if (message.type === "ownership") return this.#decide(message.view, message.start);
    const tenure = this.#tenure;
    if (tenure === undefined) return;
    switch (message.type) {
      case "fenced":
        if (message.epoch > tenure.lease.epoch) this.#endTenure(tenure, "fenced by a newer owner");
        return;
      case "lease-lost":
        if (message.epoch === tenure.lease.epoch) this.#endTenure(tenure, "the lease is lost");
        return;
      case "tenant-failed":
        this.#context.task(() => this.#respawn(tenure, message.tenant));
        return;
    }
  }

  #decide(view: OwnershipView, start: NodeStart): void {
    const tenure = this.#tenure;
    const isMine = tenure?.ended.signal.aborted === false;
    // Between two tenures nothing is decided: the next look is half a second away.
    if (this.#isBusy && !isMine) return;
    const { entry } = this.#options;
    const move = this.#claim.next(this.#isUnsure ? withoutLeases(view) : view, isMine);
    switch (move.kind) {
      case "keep":
        return;
      case "hand-over":
        if (tenure === undefined) return;
        tenure.handedOver = true;
        return this.#endTenure(tenure, `handed over to ${move.to}`);
      case "await":
        entry.state = "joining";
        return this.#ask(start);
      case "take":
        return this.#ask(start);
      case "leave":
        entry.state = "waiting";
        return;
    }
  }

  #ask(start: NodeStart): void {
    this.#isBusy = true;
    this.#context.task(() => this.#take(start));
  }

  async #take(start: NodeStart): Promise<void> {
    const { log, partition, node, logger } = this.#options;
    const lease = await log.leases.acquire(partition, node, start).catch((thrown: unknown) => {
      const { code } = toFreshetError(thrown);
      logger.warn({ partition, code }, "the lease can not be asked for");
      return undefined;
    });
    this.#isUnsure = lease === undefined;
    if (lease !== undefined && lease !== null) await this.#serve(lease);
    this.#isBusy = false;
  }

  async #serve(lease: Lease): Promise<void> {
    const { log, partition, node, logger, entry, metrics } = this.#options;
    const { signal, clock } = this.#context;
    const tenure: Tenure = {
      lease,
      ended: new AbortController(),
      handles: new Map(),
      handedOver: false,
      refusing: false,
      refusedAnew: false,
      refusedTo: new Map(),
    };
    this.#tenure = tenure;
    const ended = AbortSignal.any([tenure.ended.signal, signal]);
    entry.epoch = lease.epoch;
    entry.validUntilMs = lease.validUntilMs;
    entry.state = "recovering";
    logger.info({ partition, epoch: lease.epoch }, "lease acquired");
    const renewing = this.#renew(tenure, ended);
    try {
      const from = ((await log.docs.lastSequence()) + 1) as Version; // P2: before any tenant is asked
      await this.#options.catalogue.look();
      for (const tenant of await log.chunks.tenants(partition)) {
        if (await this.#hasRecords(tenant)) this.#ensureTenant(tenure, tenant);
      }
      const names = await log.docs.tenants(partition);
      if (names.filter((name) => !this.#serves(tenure, name)).length > 0) this.#refuse(tenure);
      entry.state = "serving";
      metrics.set("partitions_owned", 1, { partition: String(partition) });
      for await (const operation of log.docs.read({ partition, from, signal: ended })) {
        this.#route(tenure, operation);
      }
    } catch (thrown) {
      const error = toFreshetError(thrown);
      logger.error(
        { partition, code: error.code, cause: error.message },
        "the partition stopped serving",
      );
      // A wrong log does not get right by trying fast; the pause keeps the reason readable. Nothing is answered in it.
      const failed = !ended.aborted;
      this.#endTenure(tenure, "the reader failed");
      if (failed) await clock.sleep(this.#options.respawnMs, signal);
    } finally {
      this.#endTenure(tenure, "the reader ended");
      entry.state = tenure.handedOver ? "waiting" : "joining";
      metrics.set("partitions_owned", 0, { partition: String(partition) });
      await renewing;
      await Promise.all([...tenure.handles.values()].map((handle) => handle.stop())); // P3
      entry.tenants.clear();
      this.#isUnsure = await log.leases.release(tenure.lease, node).then(
        () => false,
        () => true,
      );
      this.#tenure = undefined;
    }
  }

  /** P1: renews at a third of the lease; what is not renewed in time ends the tenure. */
  async #renew(tenure: Tenure, ended: AbortSignal): Promise<void> {
    const { log, node, renewEveryMs, entry } = this.#options;
    const { clock } = this.#context;
    for (;;) {
      await clock.sleep(renewEveryMs, ended);
      if (ended.aborted) return;
      const renewed = await log.leases.renew(tenure.lease, node).catch(() => undefined);
      // A tenure that ended meanwhile (fenced) must not become valid again by a late answer (I6).
      if (ended.aborted) return;
      if (renewed === null) return this.#endTenure(tenure, "the lease was lost");
      if (renewed !== undefined) {
        tenure.lease = renewed;
        entry.validUntilMs = renewed.validUntilMs;
      } else if (clock.monotonicMs() >= tenure.lease.validUntilMs) {
        return this.#endTenure(tenure, "the lease could not be renewed in time");
      }
    }
  }

  #endTenure(tenure: Tenure, reason: string): void {
    if (tenure.ended.signal.aborted) return;
    tenure.ended.abort();
    this.#options.entry.validUntilMs = 0;
    const { partition } = this.#options;
    this.#options.logger.info({ partition, reason }, "tenure ended");
  }

  #route(tenure: Tenure, operation: StoredOperation): void {
    const handle = this.#serves(tenure, operation.tenant);
    if (handle === undefined) return this.#refuse(tenure);
    handle.entry.route.offer(operation);
  }

  /** P5. The tenant's actors, which are started if it may come in. */
  #serves(tenure: Tenure, name: string): TenantHandle | undefined {
    if (!isTenantId(name)) return undefined;
    const known = tenure.handles.get(name);
    if (known !== undefined) return known;
    const { kind } = this.#options.catalogue.admit(name);
    return kind === "admitted" ? this.#ensureTenant(tenure, name) : undefined;
  }

  /** A foreign message under a name in CHUNKS makes no tenant, where only named ones come in. */
  async #hasRecords(tenant: TenantId): Promise<boolean> {
    const { catalogue, log } = this.#options;
    if (catalogue.isNamed(tenant)) return true;
    try {
      return (await log.chunks.last(tenant)) !== null;
    } catch (thrown) {
      // It has one that can not be read: it stops by itself, and says so.
      if (toFreshetError(thrown).code === "broken_chain") return true;
      throw thrown;
    }
  }

  /**
   * A subject token that is no tenant has no place in CHUNKS; its dead letters are where its operations end (I2).
   * Beside the reader, and from DOCS: dead letters that can not be written must not keep tenants waiting (I9).
   */
  #refuse(tenure: Tenure): void {
    tenure.refusedAnew = true;
    if (tenure.refusing) return;
    tenure.refusing = true;
    const { clock, signal } = this.#context;
    const ended = AbortSignal.any([tenure.ended.signal, signal]);
    this.#context.task(async () => {
      while (tenure.refusedAnew && !ended.aborted) {
        tenure.refusedAnew = false;
        const done = await this.#refuseAll(tenure, ended).catch(toFreshetError);
        if (done === undefined) continue;
        this.#options.logger.warn({ code: done.code }, "dead letters of refused tenants wait");
        tenure.refusedAnew = true;
        await clock.sleep(this.#options.respawnMs, ended);
      }
      tenure.refusing = false;
    });
  }

  async #refuseAll(tenure: Tenure, ended: AbortSignal): Promise<undefined> {
    const { log, partition, pullMax } = this.#options;
    const { refusedTo } = tenure;
    const names = await log.docs.tenants(partition);
    for (const name of names.filter((token) => this.#serves(tenure, token) === undefined)) {
      let after = refusedTo.get(name) ?? (0 as Version);
      for (let more = true; more && !ended.aborted; ) {
        // The token stands for itself here: the log does not ask who it is.
        const tenant = name as TenantId;
        const operations = await log.docs.readTenant({
          ...{ tenant, after, max: pullMax },
          bytesMax: readBytesMax,
        });
        for (const operation of operations) await this.#refuseOne(operation);
        after = operations.at(-1)?.version ?? after;
        refusedTo.set(name, after);
        more = operations.length > 0;
      }
      await log.deadLetters.trim(name);
    }
  }

  /** Idempotent: a later tenure says the same again. */
  async #refuseOne({ tenant, version, atMs }: StoredOperation): Promise<void> {
    const { log, catalogue } = this.#options;
    const refusal = isTenantId(tenant) ? refusalOf(catalogue.admit(tenant)) : notATenant;
    if (refusal === undefined) return;
    const letter = { tenant, version, documentId: null, ...refusal, atMs } as const;
    await log.deadLetters.publish(letter);
  }

  #ensureTenant(tenure: Tenure, tenant: TenantId): TenantHandle {
    const known = tenure.handles.get(tenant);
    if (known !== undefined) return known;
    const handle = this.#options.spawnTenant(tenant, tenure.lease.epoch);
    tenure.handles.set(tenant, handle);
    this.#options.entry.tenants.set(tenant, handle.entry);
    return handle;
  }

  async #respawn(tenure: Tenure, tenant: TenantId): Promise<void> {
    const failed = tenure.handles.get(tenant);
    await this.#context.clock.sleep(this.#options.respawnMs, tenure.ended.signal);
    if (tenure.ended.signal.aborted || this.#context.signal.aborted) return;
    await failed?.stop();
    // Meanwhile the tenure may have ended (P3), or the tenant's other actor has failed and was faster.
    if (tenure.ended.signal.aborted || this.#context.signal.aborted) return;
    if (tenure.handles.get(tenant) !== failed) return;
    tenure.handles.delete(tenant);
    this.#options.entry.tenants.delete(tenant);
    this.#ensureTenant(tenure, tenant);
  }
}

interface Refusal {
  readonly reason: "invalid_tenant" | "unknown_tenant";
  readonly message: string;
}

const notATenant: Refusal = {
  reason: "invalid_tenant",
  message: "the subject's tenant is 1-64 letters, digits, _ or -",
};

function refusalOf(admission: Admission): Refusal | undefined {
  if (admission.kind === "admitted") return undefined;
  return { reason: "unknown_tenant", message: admission.message };
}

/** Only the lease itself can say whether this process has it. */
function withoutLeases(view: OwnershipView): OwnershipView {
  return { ...view, held: new Set() };
}

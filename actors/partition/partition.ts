/**
 * Partition: serves the tenants of one partition for as long as it is this node's and this node
 * holds its lease.
 *
 * Owns: the lease, the shared DOCS reader, and the tenant writers and views that it spawns.
 * Never: reads a document, or waits for a tenant while reading (T4).
 * Receives: ownership (from the membership); fenced, tenant-failed (from its tenants); lease-lost
 * (from questions); life (from the life watcher); wake (from the service).
 * Sends: operation, to tenant writers.
 *
 *   P1  a lease that was not renewed in time by this node's monotonic clock ends the tenure. That
 *       is for liveness: what is answered is proved (lease-proofs.ts), what is written is fenced;
 *   P2  reading starts at the log's end as it was before any tenant recovered, and every tenant
 *       catches up to there by itself: no operation falls between the two;
 *   P3  when the tenure ends (lease lost, fenced, handed over, stopped) its tenants end before
 *       another tenure begins;
 *   P4  the lease is given back when the tenants have ended, so that the next owner begins at once;
 *   P5  a tenant without records is admitted by the catalogue, or its operations end as dead
 *       letters (I11);
 *   P6  a partition that is this node's own is asked for while it is held, too: the lease may be an
 *       earlier start's.
 *
 *   | state        | take, await | hand-over, fenced, lease-lost | the lease store answers |
 *   | idle, unsure | acquiring   | -                             | -                       |
 *   | acquiring    | -           | -                             | idle, unsure, serving   |
 *   | serving      | -           | releasing                     | -                       |
 *   | releasing    | -           | -                             | idle, unsure            |
 */

import { type OwnershipView, PartitionClaim } from "../../src/cluster/ownership.ts";
import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { Partition, TenantId, Version } from "../../src/contract/ids.ts";
import type { Metrics } from "../../src/contract/observation.ts";
import type { Lease, NodeStart } from "../../src/log/lease-port.ts";
import type { Log } from "../../src/log/port.ts";
import type { ActorContext, Behaviour } from "../../src/runtime/actor.ts";
import type { PartitionState } from "../directory/directory.ts";
import type { PartitionMessage } from "../messages.ts";
import type { RefusalsOptions } from "./refusals.ts";
import type { SleeperOptions } from "./sleeper.ts";
import type { TenantsOptions } from "./tenants.ts";
import { Tenure } from "./tenure.ts";

export interface PartitionOptions extends TenantsOptions, RefusalsOptions, SleeperOptions {
  readonly partition: Partition;
  /** This process, as its leases name it. */
  readonly node: string;
  /** The node's name, by which partitions are shared. */
  readonly name: string;
  readonly log: Log;
  readonly renewEveryMs: number;
  /** How long a partition may lie free before a node that it does not prefer takes it. */
  readonly takeAnywayMs: number;
  readonly metrics: Metrics;
}

interface Releasing {
  readonly kind: "releasing";
  readonly tenure: Tenure;
  /** What the directory says of the partition once the tenants have ended. */
  readonly leavesAs: Extract<PartitionState, "joining" | "waiting">;
}

/** What this node has to do with the partition's lease. */
type Holding =
  | { readonly kind: "idle" }
  /** An answer about the lease was lost: this very process may hold it. */
  | { readonly kind: "unsure" }
  | { readonly kind: "acquiring" }
  | { readonly kind: "serving"; readonly tenure: Tenure }
  /** The tenure is over; its tenants end, then the lease is given back (P3, P4). */
  | Releasing;

export function partitionActor(
  options: PartitionOptions,
): (context: ActorContext<PartitionMessage>) => Behaviour<PartitionMessage> {
  return (context) => new PartitionBehaviour(options, context);
}

class PartitionBehaviour implements Behaviour<PartitionMessage> {
  readonly #options: PartitionOptions;
  readonly #context: ActorContext<PartitionMessage>;
  readonly #claim: PartitionClaim;
  #holding: Holding = { kind: "idle" };

  constructor(options: PartitionOptions, context: ActorContext<PartitionMessage>) {
    this.#options = options;
    this.#context = context;
    const { partition, name: me, takeAnywayMs } = options;
    this.#claim = new PartitionClaim({ partition, me, takeAnywayMs });
  }

  receive(message: PartitionMessage): void {
    if (message.type === "ownership") return this.#decide(message.view, message.start);
    if (this.#holding.kind !== "serving") {
      if (message.type === "wake") message.reply.reject(new FreshetError("not_ready"));
      return;
    }
    const { tenure } = this.#holding;
    switch (message.type) {
      case "fenced":
        if (message.epoch > tenure.lease.epoch) this.#endTenure(tenure, "fenced by a newer owner");
        return;
      case "lease-lost":
        if (message.epoch === tenure.lease.epoch) this.#endTenure(tenure, "the lease is lost");
        return;
      case "tenant-failed":
        return this.#respawn(tenure, message.tenant);
      case "life":
        return this.#heed(tenure, message.tenant);
      case "wake":
        tenure.tenants.wake(message.tenant).then(message.reply.resolve, message.reply.reject);
        return;
    }
  }

  #decide(view: OwnershipView, start: NodeStart): void {
    const holding = this.#holding;
    switch (holding.kind) {
      case "acquiring":
      case "releasing":
        // Between two tenures nothing is decided: the next look is half a second away.
        return;
      case "serving":
        return this.#keepOrHandOver(view, holding.tenure);
      case "idle":
        return this.#takeOrLeave(view, start);
      case "unsure":
        // Only the lease itself can say whether this process has it.
        return this.#takeOrLeave({ ...view, held: new Set() }, start);
    }
  }

  #keepOrHandOver(view: OwnershipView, tenure: Tenure): void {
    const move = this.#claim.next(view, true);
    if (move.kind !== "hand-over") return;
    this.#endTenure(tenure, `handed over to ${move.to}`, "waiting");
  }

  #takeOrLeave(view: OwnershipView, start: NodeStart): void {
    const { entry } = this.#options;
    const move = this.#claim.next(view, false);
    switch (move.kind) {
      case "await":
        entry.state = "joining";
        return this.#acquire(start);
      case "take":
        return this.#acquire(start);
      case "leave":
        entry.state = "waiting";
        return;
      case "keep":
      case "hand-over":
        return;
    }
  }

  #acquire(start: NodeStart): void {
    const { log, partition, node, entry, logger } = this.#options;
    this.#holding = { kind: "acquiring" };
    this.#context.task(async () => {
      const lease = await log.leases.acquire(partition, node, start).catch(toFreshetError);
      const failure = lease instanceof FreshetError ? lease.code : undefined;
      // Once for each reason: it is tried twice a second, and a full disk is one of the reasons.
      if (failure !== undefined && failure !== entry.leaseFailure) {
        logger.warn({ partition, code: failure }, "the lease cannot be asked for");
      }
      entry.leaseFailure = failure;
      if (lease instanceof FreshetError) {
        this.#holding = { kind: "unsure" };
      } else if (lease === null) {
        this.#holding = { kind: "idle" };
      } else {
        await this.#serve(lease);
      }
    });
  }

  async #serve(lease: Lease): Promise<void> {
    const { partition, logger, entry } = this.#options;
    const tenure = new Tenure(lease, this.#options, this.#context);
    this.#holding = { kind: "serving", tenure };
    entry.epoch = lease.epoch;
    entry.validUntilMs = lease.validUntilMs;
    entry.state = "recovering";
    logger.info({ partition, epoch: lease.epoch }, "lease acquired");
    const renewing = this.#renew(tenure);
    try {
      await this.#read(tenure);
    } catch (thrown) {
      const { code, message: cause } = toFreshetError(thrown);
      logger.error({ partition, code, cause }, "the partition stopped serving");
      const failed = !tenure.ended.aborted;
      this.#endTenure(tenure, "the reader failed");
      // A wrong log does not get right by trying fast; the pause keeps the reason readable. Nothing
      // is answered meanwhile.
      const { clock, signal } = this.#context;
      if (failed) await clock.sleep(this.#options.respawnMs, signal);
    } finally {
      const releasing = this.#endTenure(tenure, "the reader ended");
      await this.#release(releasing, renewing);
    }
  }

  /** P2: from before any tenant is asked, until the tenure ends. */
  async #read({ tenants, refusals, sleeper, ended }: Tenure): Promise<void> {
    const { log, partition, entry, catalogue, metrics } = this.#options;
    const from = ((await log.docs.lastSequence()) + 1) as Version;
    await catalogue.look();
    await tenants.startAll(partition);
    const names = await log.docs.tenants(partition);
    if (names.filter((name) => tenants.isRefused(name)).length > 0) refusals.refuse();
    entry.state = "serving";
    this.#context.task(() => sleeper.run(ended));
    metrics.set("partitions_owned", 1, { partition: String(partition) });
    for await (const operation of log.docs.read({ partition, from, signal: ended })) {
      const admitted = tenants.admit(operation.tenant);
      if (admitted === "refused") refusals.refuse();
      else if (admitted !== "waits") for (const { entry } of admitted) entry.route.offer(operation);
    }
  }

  /** P3, P4. */
  async #release({ tenure, leavesAs }: Releasing, renewing: Promise<void>): Promise<void> {
    const { log, partition, node, entry, metrics } = this.#options;
    entry.state = leavesAs;
    metrics.set("partitions_owned", 0, { partition: String(partition) });
    await renewing;
    await tenure.tenants.stop();
    this.#holding = await log.leases.release(tenure.lease, node).then(
      (): Holding => ({ kind: "idle" }),
      (): Holding => ({ kind: "unsure" }),
    );
  }

  /** P1: renews at a third of the lease; one that is not renewed in time ends the tenure. */
  async #renew(tenure: Tenure): Promise<void> {
    const { log, node, renewEveryMs, entry } = this.#options;
    const { clock } = this.#context;
    for (;;) {
      await clock.sleep(renewEveryMs, tenure.ended);
      if (tenure.ended.aborted) return;
      const renewed = await log.leases.renew(tenure.lease, node).catch(toFreshetError);
      // A tenure that ended meanwhile (fenced) must not become valid again by a late answer (I6).
      if (tenure.ended.aborted) return;
      if (renewed === null) {
        this.#endTenure(tenure, "the lease was lost");
        return;
      }
      if (!(renewed instanceof FreshetError)) {
        tenure.lease = renewed;
        entry.validUntilMs = renewed.validUntilMs;
      } else if (clock.monotonicMs() >= tenure.lease.validUntilMs) {
        this.#endTenure(tenure, `the lease could not be renewed in time (${renewed.code})`);
        return;
      }
    }
  }

  /** From serving to releasing; a tenure that is over already keeps the reason of its end. */
  #endTenure(
    tenure: Tenure,
    reason: string,
    leavesAs: Releasing["leavesAs"] = "joining",
  ): Releasing {
    if (this.#holding.kind === "releasing") return this.#holding;
    const releasing: Releasing = { kind: "releasing", tenure, leavesAs };
    this.#holding = releasing;
    tenure.end();
    const { entry, partition, logger } = this.#options;
    entry.validUntilMs = 0;
    logger.info({ partition, reason }, "tenure ended");
    return releasing;
  }

  #heed({ tenants, refusals }: Tenure, tenant: TenantId): void {
    const { logger } = this.#options;
    this.#context.task(async () => {
      try {
        await tenants.heed(tenant);
      } catch (thrown) {
        logger.warn({ tenant, code: toFreshetError(thrown).code }, "a tenant could not be started");
      }
      if (tenants.isRefused(tenant)) refusals.refuse();
    });
  }

  #respawn({ tenants, ended }: Tenure, tenant: TenantId): void {
    const { clock } = this.#context;
    this.#context.task(() => tenants.respawn(tenant, clock, ended));
  }
}

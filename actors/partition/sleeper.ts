/**
 * Puts idle tenants of a tenure to sleep.
 *
 * Owns: since when each tenant is idle. Never: takes the actors of a tenant that has something
 * which only memory or the log holds.
 *
 *   ZZ1  a tenant sleeps when nobody has asked it or written to it for `afterMs`, and all of it is
 *        in cold for good and marked; otherwise a merge is asked for first;
 *   ZZ2  its actors end before it is looked whether something came meanwhile, and the record that
 *        it sleeps says up to where: what came later wakes it, here or at a later owner;
 *   ZZ4  a tenant that is re-embedded stays awake;
 *   ZZ3  a look puts a bounded number to sleep.
 */

import type { ColdShard } from "../../src/cold/port.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import { type Position, type TenantId, tenantOf, type Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { confirmedTo, emptyManifest } from "../../src/contract/manifest.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import { activeLife } from "../../src/contract/tenant-life.ts";
import type { KnownGenerations } from "../../src/log/generations.ts";
import { changeLife, type TenantLives } from "../../src/log/lives.ts";
import type { Log } from "../../src/log/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { operationsBehind, type PartitionEntry, type TenantEntry } from "../directory/directory.ts";
import type { MergeTriggerMessage } from "../messages.ts";
import type { TenureTenants } from "./tenants.ts";

export interface SleepOptions {
  /** 0: never. */
  readonly afterMs: number;
  readonly cold: Pick<ColdShard, "readMarker" | "sleepTenant">;
  readonly mergeTrigger: Pick<Mailbox<MergeTriggerMessage>, "tryPut">;
}

export interface SleeperOptions {
  readonly log: Pick<Log, "chunks" | "docs" | "manifests" | "lives">;
  readonly entry: PartitionEntry;
  readonly lives: TenantLives;
  readonly generations: KnownGenerations;
  readonly sleep: SleepOptions;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

interface Idle {
  readonly visible: Version;
  readonly sinceMs: number;
}

export class Sleeper {
  readonly #options: SleeperOptions;
  readonly #tenants: TenureTenants;
  readonly #clock: Clock;
  readonly #idle = new Map<TenantId, Idle>();

  constructor(options: SleeperOptions, tenants: TenureTenants, clock: Clock) {
    this.#options = options;
    this.#tenants = tenants;
    this.#clock = clock;
  }

  /** Until the tenure ends. */
  async run(ended: AbortSignal): Promise<void> {
    const { afterMs } = this.#options.sleep;
    if (afterMs === 0) return;
    const everyMs = Math.min(limits.sleepLookEveryMs, afterMs / 2);
    for (;;) {
      await this.#clock.sleep(everyMs, ended);
      if (ended.aborted) return;
      await this.look(ended);
    }
  }

  /** ZZ3. */
  async look(ended: AbortSignal): Promise<void> {
    const { entry, logger } = this.#options;
    const { generations } = this.#options;
    const idle = [...entry.tenants.values()].filter(
      // ZZ4.
      (one) => this.#isIdle(one) && generations.of(one.tenant).state === "single",
    );
    for (const tenant of this.#idle.keys()) {
      if (!entry.tenants.has(tenant)) this.#idle.delete(tenant);
    }
    for (const { tenant } of idle.slice(0, limits.sleepsPerLookMax)) {
      if (ended.aborted) return;
      try {
        await this.#putToSleep(tenant);
      } catch (thrown) {
        const { code } = toFreshetError(thrown);
        logger.debug({ tenant, code }, "an idle tenant could not be put to sleep");
        await this.#tenants.heed(tenantOf(tenant)).catch(() => {});
      }
    }
  }

  #isIdle(entry: TenantEntry): boolean {
    const { tenant, status, kept } = entry;
    const nowMs = this.#clock.monotonicMs();
    const before = this.#idle.get(tenant);
    const isBusy = status.state !== "ready" || operationsBehind(entry) > 0;
    if (before === undefined || before.visible !== status.visible || isBusy) {
      this.#idle.set(tenant, { visible: status.visible, sinceMs: nowMs });
      return false;
    }
    const sinceMs = Math.max(before.sinceMs, kept.askedAtMs);
    return nowMs - sinceMs >= this.#options.sleep.afterMs;
  }

  async #putToSleep(name: TenantId): Promise<void> {
    const { log, lives, sleep, metrics } = this.#options;
    const tenant = tenantOf(name);
    const end = await this.#mergedEnd(name);
    if (end === undefined) return;
    await this.#tenants.retire(tenant);
    const newest = await log.docs.lastVersion(tenant);
    // ZZ2. A question or an operation may have started it again already.
    if (newest > end.version) return this.#tenants.heed(tenant);
    if (this.#tenants.has(tenant)) return;
    const { life, revision } = await changeLife(log.lives, tenant, (now) =>
      now.state === "active" ? { state: "asleep", atMs: this.#clock.nowMs(), ...end } : undefined,
    );
    if (this.#tenants.has(tenant)) {
      await changeLife(log.lives, tenant, (now) =>
        now.state === "asleep" ? activeLife : undefined,
      );
      return;
    }
    lives.heard(tenant, life, revision);
    metrics.count("tenants_slept_total");
    if (end.to > 0) await sleep.cold.sleepTenant(name);
  }

  /** ZZ1. Up to where all is in cold for good; undefined while it is not. */
  async #mergedEnd(
    tenant: TenantId,
  ): Promise<{ readonly version: Version; readonly to: Position } | undefined> {
    const { log, sleep } = this.#options;
    const last = await log.chunks.last(tenant);
    const manifest = (await log.manifests.get(tenant))?.manifest ?? emptyManifest;
    const version = last?.version ?? manifest.version;
    if (version > manifest.version) {
      sleep.mergeTrigger.tryPut({ type: "unmerged", tenant });
      return undefined;
    }
    if (confirmedTo(manifest) < manifest.to) return undefined;
    if (manifest.to > 0) {
      const marker = await sleep.cold.readMarker(tenant);
      if (marker === null || marker.to < manifest.to) return undefined;
    }
    return { version, to: manifest.to };
  }
}

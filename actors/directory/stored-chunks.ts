/**
 * How many chunks a tenant has stored, in memory and in cold. Memory is counted as it is. Where it
 * does not hold the whole tenant, cold is asked once after each merge; what is replaced there
 * counts until the merge after it.
 *
 * Owns: what cold said last, of tenants with such a quota or whose use is looked at. Never: lets
 * a publish wait for cold; until its answer is there the larger of what is known holds.
 */

import type { ColdShard } from "../../src/cold/port.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { ViewStatus } from "./directory.ts";

interface Counted {
  readonly chunks: number;
  /** The watermark of which cold was asked. */
  readonly watermark: number;
  /** The sum while that watermark held. */
  readonly total: number;
}

export class StoredChunks {
  readonly #cold: Pick<ColdShard, "count">;
  readonly #clock: Clock;
  readonly #counted = new Map<TenantId, Counted>();
  readonly #askedAtMs = new Map<TenantId, number>();

  constructor(cold: Pick<ColdShard, "count">, clock: Clock) {
    this.#cold = cold;
    this.#clock = clock;
  }

  of(tenant: TenantId, status: ViewStatus): number {
    const { hot, kept, isResident, watermark, unmergedChunks } = status;
    if (isResident || watermark === 0) return hot.chunks + kept.chunks;
    const known = this.#counted.get(tenant);
    if (known?.watermark !== watermark) this.#ask(tenant, watermark);
    const total = (known?.chunks ?? 0) + unmergedChunks;
    if (known?.watermark !== watermark) return Math.max(total, known?.total ?? 0);
    this.#counted.set(tenant, { ...known, total });
    return total;
  }

  /**
   * The same for who looks, who would take what was not counted yet for nothing.
   * @throws FreshetError cold_unavailable, where cold has not said it once
   */
  async counted(tenant: TenantId, status: ViewStatus): Promise<number> {
    const { isResident, watermark } = status;
    if (!isResident && watermark !== 0 && !this.#counted.has(tenant)) {
      await this.#count(tenant, watermark);
    }
    return this.of(tenant, status);
  }

  #ask(tenant: TenantId, watermark: number): void {
    const nowMs = this.#clock.monotonicMs();
    const askedAtMs = this.#askedAtMs.get(tenant) ?? Number.NEGATIVE_INFINITY;
    if (nowMs - askedAtMs < limits.storedChunksEveryMs) return;
    this.#askedAtMs.set(tenant, nowMs);
    // Cold is away: the next look asks again.
    this.#count(tenant, watermark).catch(() => this.#askedAtMs.delete(tenant));
  }

  async #count(tenant: TenantId, watermark: number): Promise<void> {
    const chunks = await this.#cold.count(tenant);
    this.#counted.set(tenant, { chunks, watermark, total: chunks });
  }
}

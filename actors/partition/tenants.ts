/**
 * The tenants of one tenure: started when they have records or are admitted, ended with it (P3,
 * P5).
 *
 * Owns: the handles of their actors, and the partition's entries in the directory.
 */

import { toFreshetError } from "../../src/contract/errors.ts";
import { type Epoch, isTenantId, type TenantId } from "../../src/contract/ids.ts";
import type { TenantCatalogue } from "../../src/log/catalogue.ts";
import type { Log } from "../../src/log/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { PartitionEntry, TenantEntry } from "../directory/directory.ts";

/** What a partition needs to start and end a tenant; topology knows how. */
export interface TenantHandle {
  readonly entry: TenantEntry;
  /** Ends its actors; when it resolves the tenant does nothing any more. */
  stop(): Promise<void>;
}

export interface TenantsOptions {
  readonly log: Pick<Log, "chunks">;
  readonly entry: PartitionEntry;
  readonly catalogue: TenantCatalogue;
  readonly spawnTenant: (tenant: TenantId, epoch: Epoch) => TenantHandle;
  /** Pause before a tenant that failed is started again. */
  readonly respawnMs: number;
}

export class TenureTenants {
  readonly #options: TenantsOptions;
  readonly #epoch: Epoch;
  readonly #handles = new Map<TenantId, TenantHandle>();

  constructor(options: TenantsOptions, epoch: Epoch) {
    this.#options = options;
    this.#epoch = epoch;
  }

  /** Starts it, if it has records. A stray message under its name in CHUNKS makes no tenant. */
  async startRecorded(tenant: TenantId): Promise<void> {
    if (await this.#hasRecords(tenant)) this.#ensure(tenant);
  }

  /** P5. The tenant's actors, started if it is admitted; undefined when it is refused. */
  admit(name: string): TenantHandle | undefined {
    if (!isTenantId(name)) return undefined;
    const known = this.#handles.get(name);
    if (known !== undefined) return known;
    const { kind } = this.#options.catalogue.admit(name);
    return kind === "admitted" ? this.#ensure(name) : undefined;
  }

  /** Starts a tenant of which an actor failed for good again, after a pause. */
  async respawn(tenant: TenantId, clock: Clock, ended: AbortSignal): Promise<void> {
    const failed = this.#handles.get(tenant);
    await clock.sleep(this.#options.respawnMs, ended);
    if (ended.aborted) return;
    await failed?.stop();
    // Meanwhile the tenure may have ended (P3), or the tenant's other actor failed and was faster.
    if (ended.aborted || this.#handles.get(tenant) !== failed) return;
    this.#handles.delete(tenant);
    this.#options.entry.tenants.delete(tenant);
    this.#ensure(tenant);
  }

  /** P3. */
  async stop(): Promise<void> {
    await Promise.all([...this.#handles.values()].map((handle) => handle.stop()));
    this.#options.entry.tenants.clear();
  }

  #ensure(tenant: TenantId): TenantHandle {
    const known = this.#handles.get(tenant);
    if (known !== undefined) return known;
    const handle = this.#options.spawnTenant(tenant, this.#epoch);
    this.#handles.set(tenant, handle);
    this.#options.entry.tenants.set(tenant, handle.entry);
    return handle;
  }

  async #hasRecords(tenant: TenantId): Promise<boolean> {
    const { catalogue, log } = this.#options;
    if (catalogue.isNamed(tenant)) return true;
    try {
      return (await log.chunks.last(tenant)) !== null;
    } catch (thrown) {
      // It has one that cannot be read: its writer stops by itself, and says so.
      if (toFreshetError(thrown).code === "broken_chain") return true;
      throw thrown;
    }
  }
}

/**
 * The tenants of one tenure: started when they have records or are admitted, ended with it (P3,
 * P5), or when they rest.
 *
 * Owns: the handles of their actors, and the partition's entries in the directory.
 *
 *   PT1  a tenant has one life at a time: one that ends is waited for before it starts again;
 *   PT2  a tenant that rests (asleep, suspended, erased) has no actors. What is published to one
 *        that sleeps or is suspended stays in DOCS, and it reads it there when it starts;
 *   PT4  a generation has actors while its tenant's record says that it is fed, and its model is
 *        loaded; each takes every operation, so any of them may answer;
 *   PT3  a tenant that sleeps is started only for an operation that it has not seen, or for a
 *        question: a takeover reads one list of newest operations for all of them;
 *   PT5  one that has no actors at the moment is named as resting: who asks it in between, or was
 *        asking it already, is not told that it has nothing (I12).
 */

import { toFreshetError } from "../../src/contract/errors.ts";
import {
  type Epoch,
  isTenantId,
  type Partition,
  type TenantId,
  tenantOf,
} from "../../src/contract/ids.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import { activeLife, isErased, type TenantLife } from "../../src/contract/tenant-life.ts";
import type { TenantCatalogue } from "../../src/log/catalogue.ts";
import type { KnownGenerations } from "../../src/log/generations.ts";
import { changeLife, type TenantLives } from "../../src/log/lives.ts";
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
  readonly log: Pick<Log, "chunks" | "docs" | "lives">;
  readonly entry: PartitionEntry;
  readonly catalogue: TenantCatalogue;
  readonly lives: TenantLives;
  readonly generations: KnownGenerations;
  /** Undefined when the model of a generation is loaded; else resolves when it is. */
  readonly modelOf: (name: TenantId) => Promise<void> | undefined;
  readonly spawnTenant: (tenant: TenantId, epoch: Epoch) => TenantHandle;
  /** Pause before a tenant that failed is started again. */
  readonly respawnMs: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Of each generation that has actors. `waits`: operations are read from DOCS when it starts. */
export type TenantAdmission = readonly TenantHandle[] | "refused" | "waits";

export class TenureTenants {
  readonly #options: TenantsOptions;
  readonly #epoch: Epoch;
  readonly #handles = new Map<TenantId, TenantHandle>();
  /** PT1. */
  readonly #ending = new Map<TenantId, Promise<void>>();
  /** PT4: generations that wait for their model. */
  readonly #loading = new Set<TenantId>();
  #isOver = false;

  constructor(options: TenantsOptions, epoch: Epoch) {
    this.#options = options;
    this.#epoch = epoch;
  }

  /** Those that have records and do not rest; a stray message in CHUNKS makes no tenant. */
  async startAll(partition: Partition): Promise<void> {
    const { log, lives, generations } = this.#options;
    await Promise.all([lives.load(), generations.load()]);
    let sleeps = false;
    for (const name of await log.chunks.tenants(partition)) {
      if (!generations.isFed(name)) continue;
      const life = lives.of(tenantOf(name));
      if (isResting(life)) {
        this.#options.entry.resting.add(name);
        if (life?.state === "asleep") sleeps = true;
      } else if (await this.#hasRecords(name)) this.#start(name);
    }
    if (sleeps) await this.#wakeBehind(partition);
  }

  /** PT3. */
  async #wakeBehind(partition: Partition): Promise<void> {
    const { log, lives } = this.#options;
    for await (const { tenant, version } of log.docs.newest(partition)) {
      if (!isTenantId(tenant)) continue;
      const life = lives.of(tenant);
      if (life?.state === "asleep" && version > life.version) await this.wake(tenant);
    }
  }

  /** P5. The tenant's actors, started if it is admitted. */
  admit(name: string): TenantAdmission {
    if (!isTenantId(name)) return "refused";
    const { lives, catalogue } = this.#options;
    const known = this.#handlesOf(name);
    if (known.length > 0) {
      const fed = this.#options.generations.fed(name);
      if (known.length < fed.length) for (const one of fed) this.#start(one);
      return known;
    }
    const life = lives.of(name);
    if (isErased(life)) return "refused";
    if (life?.state === "suspended") return "waits";
    if (life?.state === "asleep" || this.#isEnding(name)) {
      void this.wake(name);
      return "waits";
    }
    if (catalogue.admit(name).kind !== "admitted") return "refused";
    for (const one of this.#options.generations.fed(name)) this.#start(one);
    const started = this.#handlesOf(name);
    return started.length > 0 ? started : "waits";
  }

  /** Whether its operations end as dead letters; wakes nobody. */
  isRefused(name: string): boolean {
    const rests = isTenantId(name) && !isErased(this.#life(name)) && isResting(this.#life(name));
    return !rests && this.admit(name) === "refused";
  }

  /** Resolves when it has actors, or has none to have. */
  async wake(tenant: TenantId): Promise<void> {
    const { lives, log, logger, metrics } = this.#options;
    if (lives.woke(tenant)) {
      metrics.count("tenants_woken_total");
      // Only news for others: if it is lost, a later owner finds what was written since.
      changeLife(log.lives, tenant, (life) =>
        life.state === "asleep" ? activeLife : undefined,
      ).then(
        ({ life, revision }) => void lives.heard(tenant, life, revision),
        (thrown: unknown) => {
          const { code } = toFreshetError(thrown);
          logger.warn({ tenant, code }, "that a tenant is awake could not be noted");
        },
      );
    } else if (!this.#isEnding(tenant) && !this.#lacksActors(tenant)) return;
    await this.#startAgain(tenant);
  }

  /**
   * PT4, PT5: one of a later generation has documents, and so may one that has just ended: nothing
   * here is not nothing there.
   */
  #lacksActors(tenant: TenantId): boolean {
    const { generations, entry } = this.#options;
    const mayHave = (name: TenantId) => name !== tenant || entry.resting.has(name);
    return generations.fed(tenant).some((name) => mayHave(name) && !this.#handles.has(name));
  }

  /** What the tenant is at has changed, or which generations it has. */
  async heed(tenant: TenantId): Promise<void> {
    const { log } = this.#options;
    if (isResting(this.#life(tenant))) {
      if (this.#handlesOf(tenant).length === 0 && !this.#isEnding(tenant)) return;
      await this.retire(tenant);
      const life = this.#life(tenant);
      // An operator put it to sleep while something came.
      const isBehind =
        life?.state === "asleep" && (await log.docs.lastVersion(tenant)) > life.version;
      return isBehind ? this.wake(tenant) : undefined;
    }
    const fed = this.#options.generations.fed(tenant);
    for (const name of this.#namesOf(tenant)) if (!fed.includes(name)) await this.#end(name);
    if (fed.every((name) => this.#handles.has(name))) return;
    const [answering = tenant] = fed;
    const isKnown = (await this.#hasRecords(answering)) || (await log.docs.lastVersion(tenant)) > 0;
    if (isKnown) await this.#startAgain(tenant);
  }

  /** Whether any generation of the tenant has actors. */
  has(tenant: TenantId): boolean {
    return this.#handlesOf(tenant).length > 0;
  }

  /** PT2. Resolves when it does nothing any more. */
  async retire(tenant: TenantId): Promise<void> {
    await Promise.all(this.#namesOf(tenant).map((name) => this.#end(name)));
  }

  /** Starts a generation of which an actor failed for good again, after a pause. */
  async respawn(name: TenantId, clock: Clock, ended: AbortSignal): Promise<void> {
    const failed = this.#handles.get(name);
    await clock.sleep(this.#options.respawnMs, ended);
    if (ended.aborted) return;
    await failed?.stop();
    // Meanwhile the tenure may have ended (P3), or the tenant's other actor failed and was faster.
    if (ended.aborted || this.#handles.get(name) !== failed) return;
    this.#letGo(name);
    await this.#startAgain(tenantOf(name));
  }

  /** P3. */
  async stop(): Promise<void> {
    this.#isOver = true;
    const ends = [...this.#handles.values()].map((handle) => handle.stop());
    await Promise.all([...ends, ...this.#ending.values()]);
    this.#options.entry.tenants.clear();
    this.#options.entry.resting.clear();
  }

  async #startAgain(tenant: TenantId): Promise<void> {
    for (const name of this.#namesOf(tenant)) await this.#ending.get(name);
    for (const name of this.#options.generations.fed(tenant)) this.#start(name);
  }

  /** PT1, PT4. */
  #start(name: TenantId): void {
    const isFed = this.#options.generations.isFed(name) && !this.#ending.has(name);
    if (this.#isOver || !isFed || isResting(this.#life(tenantOf(name)))) return;
    const loading = this.#options.modelOf(name);
    if (loading === undefined) this.#ensure(name);
    else if (!this.#loading.has(name)) void this.#startLoaded(name, loading);
  }

  /** A model that cannot be loaded is tried again when the tenant is asked, or has an operation. */
  async #startLoaded(name: TenantId, loading: Promise<void>): Promise<void> {
    this.#loading.add(name);
    const isLoaded = await loading.then(
      () => true,
      () => false,
    );
    this.#loading.delete(name);
    if (isLoaded) this.#start(name);
  }

  async #end(name: TenantId): Promise<void> {
    const handle = this.#handles.get(name);
    if (handle !== undefined) {
      this.#letGo(name);
      const ended = handle.stop().finally(() => this.#ending.delete(name));
      this.#ending.set(name, ended);
    }
    await this.#ending.get(name);
  }

  /** PT5. */
  #letGo(name: TenantId): void {
    const { entry, generations } = this.#options;
    this.#handles.delete(name);
    entry.tenants.delete(name);
    if (generations.isFed(name)) entry.resting.add(name);
  }

  /** Of the tenant's generations, those that have actors or are about to have none. */
  #namesOf(tenant: TenantId): readonly TenantId[] {
    const names = new Set([...this.#handles.keys(), ...this.#ending.keys()]);
    return [...names].filter((name) => tenantOf(name) === tenant);
  }

  #handlesOf(tenant: TenantId): readonly TenantHandle[] {
    const handles = this.#options.generations.fed(tenant).map((name) => this.#handles.get(name));
    return handles.filter((handle) => handle !== undefined);
  }

  #isEnding(tenant: TenantId): boolean {
    return this.#options.generations.fed(tenant).some((name) => this.#ending.has(name));
  }

  #life(tenant: TenantId): TenantLife | undefined {
    return this.#options.lives.of(tenant);
  }

  #ensure(tenant: TenantId): TenantHandle {
    const known = this.#handles.get(tenant);
    if (known !== undefined) return known;
    const handle = this.#options.spawnTenant(tenant, this.#epoch);
    this.#handles.set(tenant, handle);
    this.#options.entry.tenants.set(tenant, handle.entry);
    this.#options.entry.resting.delete(tenant);
    return handle;
  }

  async #hasRecords(tenant: TenantId): Promise<boolean> {
    const { catalogue, log } = this.#options;
    return catalogue.isNamed(tenantOf(tenant)) || hasRecords(log, tenant);
  }
}

/** @throws FreshetError log_unavailable */
export async function hasRecords(
  { chunks }: { readonly chunks: Pick<Log["chunks"], "last"> },
  tenant: TenantId,
): Promise<boolean> {
  try {
    return (await chunks.last(tenant)) !== null;
  } catch (thrown) {
    // It has one that cannot be read: its writer stops by itself, and says so.
    if (toFreshetError(thrown).code === "broken_chain") return true;
    throw thrown;
  }
}

function isResting(life: TenantLife | undefined): boolean {
  return life !== undefined && life.state !== "active";
}

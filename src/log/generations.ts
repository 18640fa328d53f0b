/**
 * Which generations the tenants of an installation have, as one process knows it.
 *
 * Owns: a copy of the records, and which generation of a tenant this process answers from. Never:
 * decides which; a record of the store does.
 *
 *   GB1  nothing is served before all records were read once;
 *   GB2  after a cut-over that came while this process served, the new generation answers as soon
 *        as it shows all that the old one has shown; until then, a moment, the old one does. So
 *        what was seen once is seen again, and every reply is of one generation;
 *   GB3  that moment is of the life that showed the old one when the cut-over came. A process that
 *        begins to serve the tenant later, as its next owner does, answers from the new one alone:
 *        the owner before it may have done so already;
 *   GB4  and not before it shows all that the old one had recorded when it was first asked there:
 *        the owner before may have shown that by the old one.
 */

import {
  fedGenerations,
  fedNames,
  firstGeneration,
  type Generation,
  type TenantGenerations,
} from "../contract/generation.ts";
import {
  generationName,
  generationOf,
  type TenantId,
  tenantOf,
  type Version,
} from "../contract/ids.ts";
import { untilStored } from "./compare-and-set.ts";
import type { GenerationStore, StoredGenerations } from "./generation-port.ts";
import { loadOnce } from "./load-once.ts";
import { generationsAfter } from "./wire/generation.ts";

/** What a generation shows here; undefined while it cannot answer. */
export type VisibleOf = (name: TenantId) => Version | undefined;

interface Known {
  readonly record: TenantGenerations;
  readonly revision: number;
  /** The generation that answers here. */
  answering: number;
  /** GB3: what shows it here, where that is not the one that the record names. */
  readonly through: object | undefined;
  /** What shows the one that answers, if it was seen to show all that the one before had shown. */
  proved?: object | undefined;
}

/** GB3: what shows a generation here, an object of its own for each life; undefined for nothing. */
export type LifeOf = (name: TenantId) => object | undefined;

export class KnownGenerations {
  readonly #store: Pick<GenerationStore, "all">;
  readonly #lifeOf: LifeOf;
  readonly #known = new Map<TenantId, Known>();
  /** GB1. Once; a failure is tried again at the next call. @throws FreshetError log_unavailable */
  readonly load = loadOnce(() => this.#readAll());

  constructor(store: Pick<GenerationStore, "all">, lifeOf: LifeOf) {
    this.#store = store;
    this.#lifeOf = lifeOf;
  }

  /** False for what was known already. */
  heard(tenant: TenantId, record: TenantGenerations, revision: number): boolean {
    const known = this.#known.get(tenant);
    if (known !== undefined && known.revision >= revision) return false;
    const { number } = record.active;
    const before = known?.answering ?? number;
    const isFed = fedGenerations(record).some((one) => one.number === before);
    const life = isFed ? this.#lifeOf(generationName(tenant, before)) : undefined;
    // What was to end with an earlier life has ended.
    const goesOn = known?.through === undefined || known.through === life;
    const through = before !== number && goesOn ? life : undefined;
    const answering = through === undefined ? number : before;
    this.#known.set(tenant, { record, revision, answering, through });
    return true;
  }

  of(name: TenantId): TenantGenerations {
    return this.#known.get(tenantOf(name))?.record ?? firstGeneration;
  }

  /** Those that the tenant's owner feeds. */
  fed(tenant: TenantId): readonly TenantId[] {
    return fedNames(tenant, this.of(tenant));
  }

  isFed(name: TenantId): boolean {
    return this.generation(name) !== undefined;
  }

  /** Undefined for one that nobody feeds. */
  generation(name: TenantId): Generation | undefined {
    const number = generationOf(name);
    return fedGenerations(this.of(name)).find((one) => one.number === number);
  }

  /** GB2. The name under which the tenant's questions are answered now. */
  answering(tenant: TenantId, visibleOf: VisibleOf): TenantId {
    const known = this.#known.get(tenant);
    if (known === undefined) return tenant;
    const { active } = known.record;
    if (known.answering === active.number) return generationName(tenant, active.number);
    const old = generationName(tenant, known.answering);
    const shown = visibleOf(generationName(tenant, active.number));
    const hasAll = shown !== undefined && shown >= (visibleOf(old) ?? 0);
    if (hasAll) known.proved = this.#lifeOf(generationName(tenant, active.number));
    if (hasAll || this.#lifeOf(old) !== known.through) known.answering = active.number;
    return generationName(tenant, known.answering);
  }

  /**
   * The other one that is fed, where the one that answers took over from it and has not been seen
   * here to show all that it had shown: an earlier owner may have shown more (GB4).
   */
  unproved(tenant: TenantId): TenantId | undefined {
    const known = this.#known.get(tenant);
    if (known?.record.state !== "fed" || known.record.cut === undefined) return undefined;
    const { active, other } = known.record;
    if (known.answering !== active.number) return undefined;
    const life = this.#lifeOf(generationName(tenant, active.number));
    if (life === undefined || known.proved === life) return undefined;
    return generationName(tenant, other.number);
  }

  /** It shows all that the other one had recorded. */
  prove(tenant: TenantId, life: object): void {
    const known = this.#known.get(tenant);
    if (known !== undefined) known.proved = life;
  }

  /** Whether what this one shows is what the tenant's publishers hear of. */
  isAnswering(name: TenantId): boolean {
    const known = this.#known.get(tenantOf(name));
    return (known?.answering ?? 1) === generationOf(name);
  }

  /** Generations that somebody feeds, by the models that they want beside the engines' own. */
  models(): ReadonlyMap<string, Generation> {
    const wanted = new Map<string, Generation>();
    for (const { record } of this.#known.values()) {
      for (const one of fedGenerations(record)) if (one.model !== null) wanted.set(one.model, one);
    }
    return wanted;
  }

  async #readAll(): Promise<void> {
    for await (const { tenant, generations, revision } of this.#store.all()) {
      this.heard(tenant, generations, revision);
    }
  }
}

/** The name that the documents lie under which answer. @throws FreshetError log_unavailable */
export async function activeName(
  store: Pick<GenerationStore, "get"> | undefined,
  tenant: TenantId,
): Promise<TenantId> {
  if (store === undefined) return tenant;
  return generationName(tenant, (await store.get(tenant)).generations.active.number);
}

/**
 * Changes a tenant's generations: `next` makes the record from the one that is there.
 * @throws FreshetError log_unavailable, and what `next` throws
 */
export async function changeGenerations(
  store: Pick<GenerationStore, "get" | "put">,
  tenant: TenantId,
  next: (record: TenantGenerations) => TenantGenerations | Promise<TenantGenerations>,
): Promise<StoredGenerations> {
  return untilStored("the tenant's generations change all the time", async () => {
    const stored = await store.get(tenant);
    const generations = await next(stored.generations);
    if (generations === stored.generations) return stored;
    const kept = generationsAfter(stored.generations, generations);
    const isStored = await store.put(tenant, kept, stored.revision);
    return isStored ? store.get(tenant) : undefined;
  });
}

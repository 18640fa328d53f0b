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
 *        the owner before may have shown that by the old one;
 *   GB5  while operations keep coming, the one that takes over may always be behind. Where that is
 *        little, it answers all the same once it shows what the old one did at that point, as it
 *        does where the old one is given up before it was overtaken: questions wait for it.
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
  noVersion,
  type TenantId,
  tenantOf,
  type Version,
} from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
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
  /** What the old one showed at a point of the moment, to measure how far the new one is behind. */
  mark?: { readonly version: Version; readonly atMs: number } | undefined;
  /** GB5: what the old one had shown when the new one took its place. */
  readonly floor?: Version | undefined;
}

/** GB3: what shows a generation here, an object of its own for each life; undefined for nothing. */
export type LifeOf = (name: TenantId) => object | undefined;

/** How this process serves generations. */
export interface ServedGenerations {
  readonly lifeOf: LifeOf;
  readonly visibleOf: VisibleOf;
  readonly nowMs: () => number;
}

export class KnownGenerations {
  readonly #store: Pick<GenerationStore, "all">;
  readonly #served: ServedGenerations;
  readonly #known = new Map<TenantId, Known>();
  /** GB1. Once; a failure is tried again at the next call. @throws FreshetError log_unavailable */
  readonly load = loadOnce(() => this.#readAll());

  constructor(store: Pick<GenerationStore, "all">, served: Partial<ServedGenerations> = {}) {
    this.#store = store;
    const nothing = () => undefined;
    this.#served = { lifeOf: nothing, visibleOf: nothing, nowMs: () => 0, ...served };
  }

  /** False for what was known already. */
  heard(tenant: TenantId, record: TenantGenerations, revision: number): boolean {
    const known = this.#known.get(tenant);
    if (known !== undefined && known.revision >= revision) return false;
    const { number } = record.active;
    const before = known?.answering ?? number;
    const isFed = fedGenerations(record).some((one) => one.number === before);
    const old = generationName(tenant, before);
    const life = isFed ? this.#served.lifeOf(old) : undefined;
    // What was to end with an earlier life has ended.
    const goesOn = known?.through === undefined || known.through === life;
    const through = before !== number && goesOn ? life : undefined;
    const answering = through === undefined ? number : before;
    // GB5: what was shown stays shown, also where the old one is gone before it was overtaken.
    const floor = answering === before ? known?.floor : this.#served.visibleOf(old);
    this.#known.set(tenant, { record, revision, answering, through, floor });
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

  /** GB2, GB5. The name under which the tenant's questions are answered now. */
  answering(tenant: TenantId): TenantId {
    const known = this.#known.get(tenant);
    if (known === undefined) return tenant;
    const { active } = known.record;
    const next = generationName(tenant, active.number);
    if (known.answering === active.number) return next;
    const { lifeOf, visibleOf } = this.#served;
    const old = generationName(tenant, known.answering);
    const shown = visibleOf(next);
    const toShow = visibleOf(old);
    if (lifeOf(old) !== known.through) {
      // GB3, and GB4 is to be proved.
      known.answering = active.number;
    } else if (shown === undefined || toShow === undefined) {
      // One that is loaded again has not forgotten what it has shown: it will say.
      return old;
    } else if (shown >= toShow) {
      this.#known.set(tenant, { ...known, answering: active.number, proved: lifeOf(next) });
    } else if (this.#isClose(known, shown, toShow)) {
      const proved = lifeOf(next);
      this.#known.set(tenant, { ...known, answering: active.number, proved, floor: toShow });
    }
    return generationName(tenant, (this.#known.get(tenant) ?? known).answering);
  }

  /** GB5: it shows now what the old one did at most `generationLagMs` ago. */
  #isClose(known: Known, shown: Version, toShow: Version): boolean {
    const atMs = this.#served.nowMs();
    const { mark } = known;
    if (mark !== undefined && shown < mark.version) return false;
    if (mark !== undefined && atMs - mark.atMs <= limits.generationLagMs) return true;
    known.mark = { version: toShow, atMs };
    return false;
  }

  /** Once it has shown what `floorOf` says that is over: later lives begin where the log does. */
  reached(tenant: TenantId, visible: Version | undefined): void {
    const known = this.#known.get(tenant);
    if (known?.floor === undefined || visible === undefined || visible < known.floor) return;
    this.#known.set(tenant, { ...known, floor: undefined });
  }

  /** GB5: what the one that answers has to show before it is asked. */
  floorOf(name: TenantId): Version {
    return this.#known.get(tenantOf(name))?.floor ?? noVersion;
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
    const life = this.#served.lifeOf(generationName(tenant, active.number));
    if (life === undefined || known.proved === life) return undefined;
    return generationName(tenant, other.number);
  }

  /** It shows all that the other one had recorded. */
  prove(tenant: TenantId, life: object): void {
    const known = this.#known.get(tenant);
    if (known !== undefined) known.proved = life;
  }

  /**
   * Whether what this one shows is what the tenant's publishers hear of. It is asked with each
   * operation, and so measures the one that takes over also where there are few questions.
   */
  isAnswering(name: TenantId): boolean {
    return this.answering(tenantOf(name)) === name;
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

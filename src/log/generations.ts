/**
 * Which generations the tenants of an installation have, as one process knows it.
 *
 * Owns: a copy of the records, and which generation of a tenant this process answers from. Never:
 * decides which; a record of the store does.
 *
 *   GB1  nothing is served before all records were read once;
 *   GB2  after a cut-over that came while this process served, the new generation answers as soon
 *        as it shows all that the old one has shown; until then, a moment, the old one does. So
 *        what was seen once is seen again, and every reply is of one generation.
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
}

export class KnownGenerations {
  readonly #store: Pick<GenerationStore, "all">;
  readonly #known = new Map<TenantId, Known>();
  /** GB1. Once; a failure is tried again at the next call. @throws FreshetError log_unavailable */
  readonly load = loadOnce(() => this.#readAll());

  constructor(store: Pick<GenerationStore, "all">) {
    this.#store = store;
  }

  /** False for what was known already. */
  heard(tenant: TenantId, record: TenantGenerations, revision: number): boolean {
    const known = this.#known.get(tenant);
    if (known !== undefined && known.revision >= revision) return false;
    const isFed = fedGenerations(record).some(({ number }) => number === known?.answering);
    const answering = known !== undefined && isFed ? known.answering : record.active.number;
    this.#known.set(tenant, { record, revision, answering });
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
    const shown = visibleOf(generationName(tenant, active.number));
    const before = visibleOf(generationName(tenant, known.answering)) ?? 0;
    if (shown !== undefined && shown >= before) known.answering = active.number;
    return generationName(tenant, known.answering);
  }

  /** Whether what this one shows is what the tenant's publishers hear of. */
  isAnswering(name: TenantId): boolean {
    const known = this.#known.get(tenantOf(name));
    return (known?.answering ?? 1) === generationOf(name);
  }

  /** Those that generations want which somebody feeds, beside the engines' own. */
  models(): ReadonlySet<string> {
    const all = [...this.#known.values()].flatMap(({ record }) => fedGenerations(record));
    return new Set(all.flatMap(({ model }) => (model === null ? [] : [model])));
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

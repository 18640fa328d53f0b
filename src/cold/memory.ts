/**
 * A complete cold shard in memory, for tests and for the two stories without servers. Exact where
 * Weaviate is approximate. Its hooks do to it what happens to a real one: outages, lost objects,
 * objects that are stored and not found, and deleted objects that come back.
 */

import { FreshetError } from "../contract/errors.ts";
import { hasExpired } from "../contract/expiry.ts";
import type { DocumentId, TenantId, Version } from "../contract/ids.ts";
import { checkObjects, checkQuery, throwRefused } from "./checks.ts";
import { bothLists, wordsIn } from "./memory-search.ts";
import type {
  ColdEntry,
  ColdFound,
  ColdMarker,
  ColdObject,
  ColdQuery,
  ColdShard,
  ExpiredEntry,
  ExpiredPage,
} from "./port.ts";
import { objectTerms } from "./terms.ts";

interface TenantState {
  readonly objects: Map<string, ColdObject>;
  /** Made when an object was written; none of one that an earlier Freshet wrote. */
  readonly terms: Map<string, readonly string[]>;
  /**
   * Ids of stored objects that no search finds; writing the same again changes nothing about it.
   */
  readonly hidden: Set<string>;
  marker: ColdMarker | null;
}

export interface MemoryCold extends ColdShard {
  /** While down every method rejects with cold_unavailable. */
  setDown(down: boolean): void;
  /**
   * The next `count` upserts write half of their objects and then reject: a partial error of the
   * vendor.
   */
  breakUpserts(count: number): void;
  /** From now on these objects are refused for good; the others of their page are written. */
  refuse(isRefused: (object: ColdObject) => boolean): void;
  /** Puts objects there past every rule: a late writer, or a delete that a restart undid. */
  resurrect(tenant: TenantId, objects: readonly ColdObject[]): void;
  /** Makes objects such as an earlier Freshet wrote: words find none of them. */
  forgetTerms(tenant: TenantId, ids: readonly string[]): void;
  /** Loses objects silently. */
  drop(tenant: TenantId, ids: readonly string[]): void;
  /** Makes objects stay stored and be found no more: an index that lost its entries in a crash. */
  hide(tenant: TenantId, ids: readonly string[]): void;
  /** They are found again after all: an index that caught up. */
  reveal(tenant: TenantId, ids: readonly string[]): void;
  /** What a search can find. */
  findable(tenant: TenantId): readonly ColdObject[];
  /** Loses the tenant with all it holds, marker included. */
  dropTenant(tenant: TenantId): void;
  /** Everything that is there, stale or not. */
  objects(tenant: TenantId): readonly ColdObject[];
  /** Calls so far by method name. */
  readonly calls: ReadonlyMap<string, number>;
}

export function createMemoryCold(): MemoryCold {
  const cold = new ColdInMemory();
  // Plain functions rather than methods: tests spread it and replace one.
  return {
    calls: cold.calls,
    ensureTenant: (tenant) => cold.ensureTenant(tenant),
    eraseTenant: (tenant) => cold.eraseTenant(tenant),
    hasTenant: (tenant) => cold.hasTenant(tenant),
    sleepTenant: (tenant) => cold.sleepTenant(tenant),
    upsert: (tenant, objects) => cold.upsert(tenant, objects),
    rewrite: (tenant, objects) => cold.rewrite(tenant, objects),
    versions: (tenant, ids) => cold.versions(tenant, ids),
    staleIds: (tenant, document) => cold.staleIds(tenant, document),
    deleteIds: (tenant, ids) => cold.deleteIds(tenant, ids),
    walk: (tenant, page) => cold.walk(tenant, page),
    count: (tenant) => cold.count(tenant),
    stored: (tenant, ids) => cold.stored(tenant, ids),
    labels: (tenant, ids) => cold.labels(tenant, ids),
    expired: (tenant, page) => cold.expired(tenant, page),
    renewTerms: (tenant, ids) => cold.renewTerms(tenant, ids),
    search: (query) => cold.search(query),
    writeMarker: (tenant, marker) => cold.writeMarker(tenant, marker),
    readMarker: (tenant) => cold.readMarker(tenant),
    ping: () => cold.ping(),
    close: () => cold.close(),
    setDown: (down) => cold.setDown(down),
    breakUpserts: (count) => cold.breakUpserts(count),
    refuse: (isRefused) => cold.refuse(isRefused),
    resurrect: (tenant, objects) => cold.resurrect(tenant, objects),
    forgetTerms: (tenant, ids) => cold.forgetTerms(tenant, ids),
    drop: (tenant, ids) => cold.drop(tenant, ids),
    hide: (tenant, ids) => cold.hide(tenant, ids),
    reveal: (tenant, ids) => cold.reveal(tenant, ids),
    findable: (tenant) => cold.findable(tenant),
    dropTenant: (tenant) => cold.dropTenant(tenant),
    objects: (tenant) => cold.objects(tenant),
  };
}

class ColdInMemory implements MemoryCold {
  readonly calls = new Map<string, number>();
  readonly #tenants = new Map<TenantId, TenantState>();
  #down = false;
  #upsertsToBreak = 0;
  /**
   * As Weaviate does: it cannot read half a character, and the number of a chunk is an integer in
   * its schema.
   */
  #isRefused = ({ documentId, chunk }: ColdObject): boolean =>
    !documentId.isWellFormed() || !Number.isInteger(chunk);

  async ensureTenant(tenant: TenantId): Promise<void> {
    await this.#enter("ensureTenant");
    this.#stateOf(tenant);
  }

  async eraseTenant(tenant: TenantId): Promise<void> {
    await this.#enter("eraseTenant");
    this.dropTenant(tenant);
  }

  async hasTenant(tenant: TenantId): Promise<boolean> {
    await this.#enter("hasTenant");
    return this.#tenants.has(tenant);
  }

  /** There is nothing to leave; the next call counts as its waking. */
  async sleepTenant(_tenant: TenantId): Promise<void> {
    await this.#enter("sleepTenant");
  }

  async upsert(tenant: TenantId, objects: readonly ColdObject[]): Promise<void> {
    const { sound, refused } = checkObjects(objects);
    await this.#enter("upsert");
    const broken = this.#upsertsToBreak > 0;
    const taken = sound.filter((object) => !this.#isRefused(object));
    const written = broken ? taken.slice(0, Math.floor(taken.length / 2)) : taken;
    const state = this.#stateOf(tenant);
    for (const object of written) put(state, structuredClone(object));
    if (broken) {
      this.#upsertsToBreak -= 1;
      throw new FreshetError("cold_unavailable", "some objects were not taken");
    }
    throwRefused([...refused, ...sound.filter(this.#isRefused)]);
  }

  async rewrite(tenant: TenantId, objects: readonly ColdObject[]): Promise<void> {
    const { sound, refused } = checkObjects(objects);
    await this.#enter("rewrite");
    const taken = sound.filter((object) => !this.#isRefused(object));
    this.resurrect(tenant, structuredClone(taken));
    throwRefused([...refused, ...sound.filter(this.#isRefused)]);
  }

  async versions(tenant: TenantId, ids: readonly string[]): Promise<ReadonlyMap<string, Version>> {
    await this.#enter("versions");
    const found = new Map<string, Version>();
    const wanted = new Set(ids);
    for (const { id, version } of this.findable(tenant)) if (wanted.has(id)) found.set(id, version);
    return found;
  }

  async staleIds(
    tenant: TenantId,
    document: { readonly documentId: DocumentId; readonly keep: Version | null },
  ): Promise<readonly string[]> {
    await this.#enter("staleIds");
    const { documentId, keep } = document;
    return this.objects(tenant)
      .filter((object) => object.documentId === documentId && object.version !== keep)
      .map((object) => object.id);
  }

  async deleteIds(tenant: TenantId, ids: readonly string[]): Promise<void> {
    await this.#enter("deleteIds");
    this.drop(tenant, ids);
  }

  async walk(
    tenant: TenantId,
    { after, limit }: { readonly after: string | null; readonly limit: number },
  ): Promise<readonly ColdEntry[]> {
    await this.#enter("walk");
    const terms = this.#tenants.get(tenant)?.terms;
    return this.objects(tenant)
      .filter(({ id }) => id > (after ?? ""))
      .toSorted((left, right) => (left.id < right.id ? -1 : 1))
      .slice(0, limit)
      .map(({ id, documentId, version, chunk, chunkCount, info: { expiresAtMs } }) => ({
        ...{ id, documentId, version, chunk, chunkCount, info: { expiresAtMs } },
        ...(terms?.has(id) === true ? {} : { hasOldTerms: true }),
      }));
  }

  async count(tenant: TenantId): Promise<number> {
    await this.#enter("count");
    return this.objects(tenant).length;
  }

  async stored(tenant: TenantId, ids: readonly string[]): Promise<readonly ColdObject[]> {
    await this.#enter("stored");
    const objects = this.#tenants.get(tenant)?.objects;
    return [...new Set(ids)].flatMap((id) => {
      const object = objects?.get(id);
      return object === undefined ? [] : [structuredClone(object)];
    });
  }

  async labels(
    tenant: TenantId,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, readonly string[] | undefined>> {
    await this.#enter("labels");
    const objects = this.#tenants.get(tenant)?.objects;
    const found = new Map<string, readonly string[] | undefined>();
    for (const id of ids) {
      const object = objects?.get(id);
      if (object !== undefined) found.set(id, object.info.acl);
    }
    return found;
  }

  async expired(
    tenant: TenantId,
    { atMs, limit, id: only }: ExpiredPage,
  ): Promise<readonly ExpiredEntry[]> {
    await this.#enter("expired");
    return this.objects(tenant)
      .filter(({ id, info }) => (only === undefined || id === only) && hasExpired(info, atMs))
      .slice(0, limit)
      .map(({ id, documentId, version }) => ({ id, documentId, version }));
  }

  async renewTerms(tenant: TenantId, ids: readonly string[]): Promise<void> {
    await this.#enter("renewTerms");
    const state = this.#tenants.get(tenant);
    for (const id of ids) {
      const object = state?.objects.get(id);
      if (state !== undefined && object !== undefined) put(state, object);
    }
  }

  async search(query: ColdQuery): Promise<ColdFound> {
    checkQuery(query);
    await this.#enter("search", query.signal);
    const terms = this.#tenants.get(query.tenant)?.terms;
    if (terms === undefined) return { hits: [], isCut: false, isUnknown: true };
    return { hits: bothLists(this.findable(query.tenant), terms, query), isCut: false };
  }

  async writeMarker(tenant: TenantId, marker: ColdMarker): Promise<void> {
    await this.#enter("writeMarker");
    this.#stateOf(tenant).marker = { ...marker };
  }

  async readMarker(tenant: TenantId): Promise<ColdMarker | null> {
    await this.#enter("readMarker");
    return this.#tenants.get(tenant)?.marker ?? null;
  }

  async ping(): Promise<void> {
    await this.#enter("ping");
  }

  async close(): Promise<void> {}

  setDown(down: boolean): void {
    this.#down = down;
  }

  breakUpserts(count: number): void {
    this.#upsertsToBreak = count;
  }

  refuse(isRefused: (object: ColdObject) => boolean): void {
    this.#isRefused = isRefused;
  }

  resurrect(tenant: TenantId, objects: readonly ColdObject[]): void {
    for (const object of objects) put(this.#stateOf(tenant), object);
    this.reveal(
      tenant,
      objects.map(({ id }) => id),
    );
  }

  forgetTerms(tenant: TenantId, ids: readonly string[]): void {
    for (const id of ids) this.#stateOf(tenant).terms.delete(id);
  }

  drop(tenant: TenantId, ids: readonly string[]): void {
    for (const id of ids) this.#tenants.get(tenant)?.objects.delete(id);
    this.reveal(tenant, ids);
  }

  hide(tenant: TenantId, ids: readonly string[]): void {
    const state = this.#stateOf(tenant);
    for (const id of ids) if (state.objects.has(id)) state.hidden.add(id);
  }

  reveal(tenant: TenantId, ids: readonly string[]): void {
    for (const id of ids) this.#tenants.get(tenant)?.hidden.delete(id);
  }

  findable(tenant: TenantId): readonly ColdObject[] {
    const hidden = this.#tenants.get(tenant)?.hidden;
    return this.objects(tenant).filter(({ id }) => hidden?.has(id) !== true);
  }

  dropTenant(tenant: TenantId): void {
    this.#tenants.delete(tenant);
  }

  objects(tenant: TenantId): readonly ColdObject[] {
    return [...(this.#tenants.get(tenant)?.objects.values() ?? [])];
  }

  /** A turn of the event loop and the outage check, as with a real server. */
  async #enter(method: string, signal?: AbortSignal): Promise<void> {
    this.calls.set(method, (this.calls.get(method) ?? 0) + 1);
    await new Promise((resolve) => setImmediate(resolve));
    if (signal?.aborted === true) throw new FreshetError("cancelled");
    if (this.#down) throw new FreshetError("cold_unavailable");
  }

  #stateOf(tenant: TenantId): TenantState {
    const known = this.#tenants.get(tenant);
    if (known !== undefined) return known;
    const created: TenantState = {
      objects: new Map(),
      terms: new Map(),
      hidden: new Set(),
      marker: null,
    };
    this.#tenants.set(tenant, created);
    return created;
  }
}

function put({ objects, terms }: TenantState, object: ColdObject): void {
  objects.set(object.id, object);
  terms.set(object.id, wordsIn(objectTerms(object)));
}

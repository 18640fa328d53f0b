/**
 * A complete cold shard in memory, for tests and for the two stories without servers. Exact where
 * Weaviate is approximate. Its hooks do to it what happens to a real one: outages, lost objects, and
 * deleted objects that come back.
 */

import type { Candidate } from "../contract/candidate.ts";
import { FreshetError } from "../contract/errors.ts";
import { matchesFilter } from "../contract/filter.ts";
import type { TenantId } from "../contract/ids.ts";
import { checkObjects, checkQuery, cosine } from "./checks.ts";
import type { ColdMarker, ColdObject, ColdQuery, ColdShard } from "./port.ts";

interface TenantState {
  readonly objects: Map<string, ColdObject>;
  marker: ColdMarker | null;
}

export interface MemoryCold extends ColdShard {
  /** While down every method rejects with cold_unavailable. */
  setDown(down: boolean): void;
  /** The next `count` upserts write half of their objects and then reject: a partial error of the vendor. */
  breakUpserts(count: number): void;
  /** Puts objects there past every rule: a late writer, or a delete that a restart undid. */
  resurrect(tenant: TenantId, objects: readonly ColdObject[]): void;
  /** Loses objects silently. */
  drop(tenant: TenantId, ids: readonly string[]): void;
  /** Loses the tenant with all it holds, marker included. */
  dropTenant(tenant: TenantId): void;
  /** Everything that is there, stale or not. */
  objects(tenant: TenantId): readonly ColdObject[];
  /** Calls so far by method name. */
  readonly calls: ReadonlyMap<string, number>;
}

export function createMemoryCold(): MemoryCold {
  const tenants = new Map<TenantId, TenantState>();
  const calls = new Map<string, number>();
  let down = false;
  let upsertsToBreak = 0;

  /** A turn of the event loop and the outage check, as with a real server. */
  async function enter(method: string, signal?: AbortSignal): Promise<void> {
    calls.set(method, (calls.get(method) ?? 0) + 1);
    await new Promise((resolve) => setImmediate(resolve));
    if (signal?.aborted === true) throw new FreshetError("cancelled");
    if (down) throw new FreshetError("cold_unavailable");
  }

  function stateOf(tenant: TenantId): TenantState {
    const known = tenants.get(tenant);
    if (known !== undefined) return known;
    const created: TenantState = { objects: new Map(), marker: null };
    tenants.set(tenant, created);
    return created;
  }

  return {
    calls,
    async ensureTenant(tenant) {
      await enter("ensureTenant");
      stateOf(tenant);
    },
    async upsert(tenant, objects) {
      checkObjects(objects);
      await enter("upsert");
      const broken = upsertsToBreak > 0;
      const written = broken ? objects.slice(0, Math.floor(objects.length / 2)) : objects;
      for (const object of written) stateOf(tenant).objects.set(object.id, structuredClone(object));
      if (!broken) return;
      upsertsToBreak -= 1;
      throw new FreshetError("cold_unavailable", "some objects were refused");
    },
    async versions(tenant, ids) {
      await enter("versions");
      const objects = tenants.get(tenant)?.objects;
      return new Map(
        ids.flatMap((id) => {
          const object = objects?.get(id);
          return object === undefined ? [] : [[id, object.version] as const];
        }),
      );
    },
    async staleIds(tenant, { documentId, keep }) {
      await enter("staleIds");
      return [...(tenants.get(tenant)?.objects.values() ?? [])]
        .filter((object) => object.documentId === documentId && object.version !== keep)
        .map((object) => object.id);
    },
    async deleteIds(tenant, ids) {
      await enter("deleteIds");
      for (const id of ids) tenants.get(tenant)?.objects.delete(id);
    },
    async search(query) {
      checkQuery(query);
      await enter("search", query.signal);
      return hybrid([...(tenants.get(query.tenant)?.objects.values() ?? [])], query);
    },
    async writeMarker(tenant, marker) {
      await enter("writeMarker");
      stateOf(tenant).marker = { ...marker };
    },
    async readMarker(tenant) {
      await enter("readMarker");
      return tenants.get(tenant)?.marker ?? null;
    },
    ping: () => enter("ping"),
    close: async () => {},
    setDown(value) {
      down = value;
    },
    breakUpserts(count) {
      upsertsToBreak = count;
    },
    resurrect(tenant, objects) {
      for (const object of objects) stateOf(tenant).objects.set(object.id, object);
    },
    drop(tenant, ids) {
      for (const id of ids) tenants.get(tenant)?.objects.delete(id);
    },
    dropTenant(tenant) {
      tenants.delete(tenant);
    },
    objects: (tenant) => [...(tenants.get(tenant)?.objects.values() ?? [])],
  };
}

interface Scored {
  readonly object: ColdObject;
  readonly dense: number;
  readonly lexical: number;
}

/** Mean of the two scores, each scaled to 0…1 over the matching objects: relative-score fusion, alpha 0.5. */
function hybrid(objects: readonly ColdObject[], query: ColdQuery): readonly Candidate[] {
  const wanted = new Set(words(query.text));
  const scored = objects
    .filter((object) => matchesFilter({ id: object.documentId, ...object.info }, query.filter))
    .map((object) => ({
      object,
      dense: cosine(object.vector, query.vector),
      lexical: sharedWords(object, wanted),
    }));
  const dense = scaler(scored.map((entry) => entry.dense));
  const lexical = scaler(scored.map((entry) => entry.lexical));
  const fused = (entry: Scored): number => dense(entry.dense) + lexical(entry.lexical);
  return scored
    .toSorted((left, right) => fused(right) - fused(left))
    .slice(0, query.limit)
    .map((entry) => candidate(entry.object, entry.dense));
}

function candidate(object: ColdObject, cosineOfObject: number): Candidate {
  const { documentId, version, chunk, text, heading, info } = object;
  return { shard: "cold", documentId, version, chunk, text, heading, info, cosine: cosineOfObject };
}

function sharedWords(object: ColdObject, wanted: ReadonlySet<string>): number {
  const own = new Set(words(`${object.info.title ?? ""} ${object.heading ?? ""} ${object.text}`));
  return [...wanted].filter((word) => own.has(word)).length;
}

function words(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

function scaler(values: readonly number[]): (value: number) => number {
  const min = Math.min(...values);
  const span = Math.max(...values) - min;
  return (value) => (span === 0 ? 0 : (value - min) / span);
}

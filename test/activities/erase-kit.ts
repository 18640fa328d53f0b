/** Erases over a world in memory, whose steps are durable as under Temporal, and may be killed. */

import { createEraseActivities } from "../../activities/erase/erase.ts";
import type { ErasePorts } from "../../activities/erase/tenant.ts";
import { type Deletes, type EraseActivities, eraseMarkerId } from "../../src/contract/erase.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "../../src/contract/ids.ts";
import type { ChunkRecord } from "../../src/contract/record.ts";
import { testSigner } from "../support/signer.ts";
import { runMerge } from "./run-merge.ts";
import { acme, createWorld, RecordWriter, type World, writeStory } from "./world.ts";

export const neighbour = "neighbour" as TenantId;

export class Killed extends Error {}

export type Moment = "before" | "after";

const payloadOf = (id: string, op?: "delete") =>
  new TextEncoder().encode(
    JSON.stringify(op === undefined ? { id, text: `canary of ${id}` } : { id, op }),
  );

export const publish = async (
  { log }: World,
  id: string,
  { tenant = acme, op }: { readonly tenant?: TenantId; readonly op?: "delete" } = {},
): Promise<Version> => (await log.docs.publish({ tenant, payload: payloadOf(id, op) })).seq;

/** Two tenants with operations, records, letters, feedback, manifests, heads, attempts, cold objects. */
export async function filledWorld(): Promise<World> {
  const world = createWorld();
  for (const tenant of [acme, neighbour]) {
    for (const id of ["alpha", "beta", "gamma"]) await publish(world, id, { tenant });
    const writer = tenant === acme ? world.writer : new RecordWriter(world.log, tenant);
    await writeStory(writer);
    await runMerge(world.ports, tenant);
    await writer.upsert("unmerged");
    await world.log.feedback.append(tenant, new TextEncoder().encode("{}"));
    await world.log.attempts.put(tenant, { upTo: 3 as Version, lives: 1, epoch: 1 as never });
    const owed = { after: 1 as never, revision: 0 };
    await world.log.deadLetters.owe(tenant, owed);
    await addSource(world, tenant);
    await addEndpoint(world, tenant);
  }
  return world;
}

/** A source of the tenant, and what its mapper refused. */
async function addSource({ sources }: World, tenant: TenantId): Promise<void> {
  const [name, generation] = [`of-${tenant}`, "00000001"];
  const input = { kind: "webhook" } as const;
  const definition = { name, generation, tenant, input, expression: "$", options: {} };
  await sources.add({ ...definition, createdAtMs: 1 });
  const letter = { source: name, generation, tenant, subject: "s", atMs: 1, sequence: 1 };
  await sources.putLetter({ ...letter, message: "m" });
}

/** A webhook of the tenant. */
async function addEndpoint({ endpoints }: World, tenant: TenantId): Promise<void> {
  const secrets = [{ value: "whsec_AAAA", createdAtMs: 1 }];
  const sent = { url: "https://example.com/", types: ["document.indexed" as const], secrets };
  const state = { after: 0, delivered: 0, failed: 0 };
  const id = tenant === acme ? "wh_aaaaaaaaaaaaaaaa" : "wh_bbbbbbbbbbbbbbbb";
  await endpoints.add({ id, tenant, ...sent, status: "active", createdAtMs: 1 }, state);
}

export function erasePorts(world: World): ErasePorts {
  return {
    ...world.ports,
    clock: { ...world.ports.clock, sleep: async () => {} },
    sources: world.sources,
    endpoints: world.endpoints,
    sign: testSigner,
    requestMerge: async (tenant) => void (await runMerge(world.ports, tenant)),
    cancelMerge: async () => true,
  };
}

/** Ports that count their calls and die at one of them. */
export function dyingPorts(world: World, dieAt: number, moment: Moment) {
  let calls = 0;
  let isDead = false;
  const die = (): never => {
    isDead = true;
    throw new Killed();
  };
  function wrap<T extends object>(target: T): T {
    return new Proxy(target, {
      get(object, key) {
        const value: unknown = Reflect.get(object, key, object);
        if (typeof value === "object" && value !== null) return wrap(value);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          if (isDead) throw new Killed();
          calls += 1;
          const dies = calls === dieAt;
          if (dies && moment === "before") die();
          const result: unknown = value.apply(object, args);
          return dies && result instanceof Promise ? result.then(die) : result;
        };
      },
    });
  }
  const ports = erasePorts(world);
  return {
    ports: {
      ...ports,
      log: wrap(ports.log),
      cold: wrap(ports.cold),
      sources: wrap(world.sources),
      sign: wrap(ports.sign),
    },
    calls: () => calls,
  };
}

/** What Temporal adds: a step that has ended is not run again, and its result is known. */
export function durable(): (ports: ErasePorts) => EraseActivities {
  const results = new Map<string, unknown>();
  return (ports) => {
    const turns = new Map<string, number>();
    const steps = createEraseActivities(ports);
    return Object.fromEntries(
      Object.entries(steps).map(([name, step]) => [
        name,
        async (request: never) => {
          const turn = (turns.get(name) ?? 0) + 1;
          turns.set(name, turn);
          const key = `${name} ${turn}`;
          if (!results.has(key)) {
            results.set(key, await (step as (request: never) => Promise<unknown>)(request));
          }
          return results.get(key);
        },
      ]),
    ) as unknown as EraseActivities;
  };
}

/** Everything that the stores have of a tenant. */
export async function holdings({ log, cold, sources, endpoints }: World, tenant: TenantId) {
  const count = (of: Parameters<typeof log.erasure.count>[0]["of"]) =>
    log.erasure.count({ tenant, of });
  return {
    operations: await count("operations"),
    records: await count("records"),
    manifests: await count("manifests"),
    heads: await count("heads"),
    letters: await count("letters"),
    sources: await sources.countOf(tenant),
    webhooks: await endpoints.countOf(tenant),
    feedback: await count("feedback"),
    cold: cold.objects(tenant).length,
  };
}

export const documentIds = async ({ log }: World, tenant: TenantId) => {
  const ids: (DocumentId | null)[] = [];
  const first = await log.chunks.first(tenant);
  const last = await log.chunks.last(tenant);
  if (first === null || last === null) return ids;
  const range = { tenant, after: first.previous, to: last.position };
  for await (const { documentId } of log.chunks.headers(range)) ids.push(documentId);
  return ids;
};

/** Their deletes and the marker, as its owner writes them; what comes between is the caller's. */
export async function deletesOf(
  world: World,
  ids: readonly string[],
  between: () => Promise<void> = async () => {},
): Promise<Deletes> {
  const versions: Version[] = [];
  for (const id of ids) {
    versions.push(await deleteAs(world, id));
    await between();
  }
  return { versions, through: await deleteAs(world, eraseMarkerId) };
}

export async function deleteAs(world: World, id: string): Promise<Version> {
  const version = await publish(world, id, { op: "delete" });
  const last = (await world.log.chunks.last(acme))?.position ?? (0 as Position);
  const record: ChunkRecord = {
    ...{ kind: "delete", tenant: acme, version, epoch: 1 as Epoch, documentId: id as DocumentId },
  };
  const outcome = await world.log.chunks.append(record, last);
  if (outcome.kind !== "appended") throw new Error(outcome.kind);
  return version;
}

/** What records, operations and cold have of a document. */
export async function tracesOf(world: World, id: string) {
  const { log, cold } = world;
  const operations = await log.docs.readTenant({ tenant: acme, after: 0 as Version, max: 999 });
  const texts = operations.map(({ payload }) => new TextDecoder().decode(payload));
  return {
    records: (await documentIds(world, acme)).filter((found) => found === id).length,
    operations: texts.filter((text) => text.includes(`"${id}"`)).length,
    cold: cold.objects(acme).filter(({ documentId }) => documentId === id).length,
  };
}

/**
 * Webhooks in a bucket of NATS (`nats kv ls freshet_webhooks`): `endpoint.<tenant>.<id>`,
 * `state.<tenant>.<id>`, `failures.<tenant>.<id>`. It is created when it is first used.
 */

import { type JetStreamClient, type KV, type NatsConnection, StorageType } from "nats";
import { z } from "zod";
import {
  checkEndpointRoom,
  type Endpoint,
  type EndpointFailure,
  type EndpointState,
  endpointFailureSchema,
  endpointSchema,
  endpointStateSchema,
} from "../../contract/endpoint.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { inRoomThatIsLeft } from "../../runtime/room.ts";
import type { EndpointStore, Stored } from "../endpoint-port.ts";
import { decodeJson, encodeJson } from "../wire/json.ts";
import { apiCode, isMessageGone, jetStream, logError } from "./errors.ts";

const bucket = "freshet_webhooks";
const bucketStream = `KV_${bucket}`;
const subjectPrefix = `$KV.${bucket}.`;

export interface NatsEndpointsOptions {
  readonly connection: NatsConnection;
  /** Copies on a cluster. */
  readonly replicas: number;
}

type Name = Pick<Endpoint, "tenant" | "id">;

const failuresSchema = z.array(endpointFailureSchema);

export class NatsEndpoints implements EndpointStore {
  readonly #replicas: number;
  readonly #js: JetStreamClient;
  #kv: Promise<KV> | undefined;

  constructor({ connection, replicas }: NatsEndpointsOptions) {
    this.#replicas = replicas;
    this.#js = connection.jetstream({ timeout: limits.publishAckMs });
  }

  async add(endpoint: Endpoint, state: EndpointState): Promise<void> {
    const keys = await this.#present("endpoint.>");
    const own = keyOf("endpoint", { tenant: endpoint.tenant, id: "" });
    const ofTenant = keys.filter((key) => key.startsWith(own)).length;
    checkEndpointRoom({ ofTenant, inAll: keys.length });
    try {
      // The definition comes last: what has one has all.
      await this.#call(async (kv) => {
        await kv.create(keyOf("state", endpoint), encodeJson(state));
        await kv.create(keyOf("failures", endpoint), encodeJson([]));
        await kv.create(keyOf("endpoint", endpoint), encodeJson(endpoint));
      });
    } catch (thrown) {
      // Nobody knows its id, so nobody would remove what is there of it.
      await this.#removeAll(endpoint).catch(() => {});
      throw thrown;
    }
  }

  get(tenant: TenantId, id: string): Promise<Stored<Endpoint> | null> {
    return this.#read(keyOf("endpoint", { tenant, id }), endpointSchema);
  }

  list(tenant: TenantId): Promise<readonly Endpoint[]> {
    return this.#endpoints(keyOf("endpoint", { tenant, id: "*" }));
  }

  all(): Promise<readonly Endpoint[]> {
    return this.#endpoints("endpoint.>");
  }

  async put(endpoint: Endpoint, revision: number): Promise<boolean> {
    return (await this.#update(keyOf("endpoint", endpoint), endpoint, revision)) !== undefined;
  }

  async remove(tenant: TenantId, id: string): Promise<boolean> {
    const found = await this.get(tenant, id);
    await this.#removeAll({ tenant, id });
    return found !== null;
  }

  async #removeAll(name: Name): Promise<void> {
    for (const kind of ["endpoint", "state", "failures"] as const) {
      await this.#overwrite(keyOf(kind, name));
    }
  }

  state(endpoint: Name): Promise<Stored<EndpointState> | null> {
    return this.#read(keyOf("state", endpoint), endpointStateSchema);
  }

  putState(endpoint: Name, state: EndpointState, revision: number): Promise<number | undefined> {
    return this.#update(keyOf("state", endpoint), state, revision);
  }

  async addFailure(endpoint: Name, failure: EndpointFailure): Promise<void> {
    const key = keyOf("failures", endpoint);
    const stored = await this.#read(key, failuresSchema);
    if (stored === null) return;
    // Where two add at once, one of the two is missing: they tell the same story.
    const kept = [failure, ...stored.value].slice(0, limits.endpointFailuresMax);
    await this.#update(key, kept, stored.revision);
  }

  async failures(endpoint: Name): Promise<readonly EndpointFailure[]> {
    return (await this.#read(keyOf("failures", endpoint), failuresSchema))?.value ?? [];
  }

  async eraseTenant(tenant: TenantId): Promise<void> {
    for (const key of await this.#keysOf(tenant)) await this.#overwrite(key);
  }

  async countOf(tenant: TenantId): Promise<number> {
    return (await this.#keysOf(tenant)).length;
  }

  #keysOf(tenant: TenantId): Promise<readonly string[]> {
    return this.#present(`*.${tenant}.*`);
  }

  async #endpoints(filter: string): Promise<readonly Endpoint[]> {
    const found: Endpoint[] = [];
    for (const key of await this.#keys(filter)) {
      const stored = await this.#read(key, endpointSchema);
      if (stored !== null) found.push(stored.value);
    }
    return found.sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  /**
   * Also those that were removed: their newest entry says so. From the leader: `keys()` of the
   * bucket reads by a consumer, perhaps on an old copy.
   */
  #keys(filter: string): Promise<readonly string[]> {
    return this.#call(async () => {
      const jsm = await this.#js.jetstreamManager();
      const subjects_filter = `${subjectPrefix}${filter}`;
      const { state } = await jsm.streams.info(bucketStream, { subjects_filter });
      return Object.keys(state.subjects ?? {}).map((key) => key.slice(subjectPrefix.length));
    });
  }

  async #present(filter: string): Promise<readonly string[]> {
    const keys: string[] = [];
    for (const key of await this.#keys(filter)) {
      const entry = await this.#call((kv) => kv.get(key));
      if (entry?.operation === "PUT") keys.push(key);
    }
    return keys;
  }

  #read<Value>(key: string, schema: z.ZodType<Value>): Promise<Stored<Value> | null> {
    return this.#call(async (kv) => {
      const entry = await kv.get(key);
      if (entry === null || entry.operation !== "PUT") return null;
      const value = decodeJson(schema, entry.value);
      return value === undefined ? null : { value, revision: entry.revision };
    });
  }

  /** NE1: a purge would leave secrets in the server's files. Nothing is left, no mark either. */
  #overwrite(key: string): Promise<void> {
    return this.#call(async (kv) => {
      const jsm = await this.#js.jetstreamManager();
      for (let entry = await kv.get(key); entry !== null; entry = await kv.get(key)) {
        await jsm.streams.deleteMessage(bucketStream, entry.revision, true).catch(unlessGone);
      }
    });
  }

  /** Undefined when the entry is at another revision. */
  async #update(key: string, value: object, revision: number): Promise<number | undefined> {
    return this.#call(async (kv) => {
      try {
        return await kv.update(key, encodeJson(value), revision);
      } catch (thrown) {
        if (apiCode(thrown) === jetStream.wrongLastSequence) return undefined;
        throw thrown;
      }
    });
  }

  async #call<Value>(work: (kv: KV) => Promise<Value>): Promise<Value> {
    try {
      return await work(await this.#bucket());
    } catch (thrown) {
      throw logError(thrown);
    }
  }

  /** Tried again by the next caller when it failed. */
  #bucket(): Promise<KV> {
    this.#kv ??= inRoomThatIsLeft(limits.endpointBucketBytesMax, (bytesMax) =>
      this.#openBucket(bytesMax),
    ).catch((thrown: unknown) => {
      this.#kv = undefined;
      throw thrown;
    });
    return this.#kv;
  }

  async #openBucket(bytesMax: number): Promise<KV> {
    try {
      return await this.#js.views.kv(bucket, {
        ...{ history: 1, replicas: this.#replicas, storage: StorageType.File },
        // A direct read is answered by any copy, also by one that is old.
        allow_direct: false,
        ...{ max_bytes: bytesMax, description: "Freshet: webhooks" },
      });
    } catch (thrown) {
      throw logError(thrown);
    }
  }
}

/** Somebody was faster: what took its place is looked at next. */
function unlessGone(thrown: unknown): void {
  if (!isMessageGone(thrown)) throw thrown;
}

type Kind = "endpoint" | "state" | "failures";
const keyOf = (kind: Kind, { tenant, id }: { readonly tenant: string; readonly id: string }) =>
  `${kind}.${tenant}.${id}`;

/** Webhooks in memory. */

import {
  checkEndpointRoom,
  type Endpoint,
  type EndpointFailure,
  type EndpointState,
} from "../../contract/endpoint.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { EndpointStore, Stored } from "../endpoint-port.ts";

interface Kept {
  endpoint: Stored<Endpoint>;
  state: Stored<EndpointState>;
  failures: readonly EndpointFailure[];
}

type Name = Pick<Endpoint, "tenant" | "id">;

export class MemoryEndpoints implements EndpointStore {
  readonly #kept = new Map<string, Kept>();
  #revision = 0;

  async add(endpoint: Endpoint, state: EndpointState): Promise<void> {
    const ofTenant = (await this.list(endpoint.tenant)).length;
    checkEndpointRoom({ ofTenant, inAll: this.#kept.size });
    const [value, at] = [structuredClone(endpoint), structuredClone(state)];
    this.#kept.set(keyOf(endpoint), {
      endpoint: { value, revision: this.#next() },
      state: { value: at, revision: this.#next() },
      failures: [],
    });
  }

  async get(tenant: TenantId, id: string): Promise<Stored<Endpoint> | null> {
    await Promise.resolve();
    return this.#kept.get(keyOf({ tenant, id }))?.endpoint ?? null;
  }

  async list(tenant: TenantId): Promise<readonly Endpoint[]> {
    return (await this.all()).filter((endpoint) => endpoint.tenant === tenant);
  }

  async all(): Promise<readonly Endpoint[]> {
    await Promise.resolve();
    const all = [...this.#kept.values()].map(({ endpoint }) => endpoint.value);
    return all.sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  async put(endpoint: Endpoint, revision: number): Promise<boolean> {
    await Promise.resolve();
    const kept = this.#kept.get(keyOf(endpoint));
    if (kept?.endpoint.revision !== revision) return false;
    kept.endpoint = { value: structuredClone(endpoint), revision: this.#next() };
    return true;
  }

  async remove(tenant: TenantId, id: string): Promise<boolean> {
    await Promise.resolve();
    return this.#kept.delete(keyOf({ tenant, id }));
  }

  async state(endpoint: Name): Promise<Stored<EndpointState> | null> {
    await Promise.resolve();
    return this.#kept.get(keyOf(endpoint))?.state ?? null;
  }

  async putState(
    endpoint: Name,
    state: EndpointState,
    revision: number,
  ): Promise<number | undefined> {
    await Promise.resolve();
    const kept = this.#kept.get(keyOf(endpoint));
    if (kept?.state.revision !== revision) return undefined;
    kept.state = { value: structuredClone(state), revision: this.#next() };
    return kept.state.revision;
  }

  async addFailure(endpoint: Name, failure: EndpointFailure): Promise<void> {
    await Promise.resolve();
    const kept = this.#kept.get(keyOf(endpoint));
    if (kept === undefined) return;
    kept.failures = [failure, ...kept.failures].slice(0, limits.endpointFailuresMax);
  }

  async failures(endpoint: Name): Promise<readonly EndpointFailure[]> {
    await Promise.resolve();
    return this.#kept.get(keyOf(endpoint))?.failures ?? [];
  }

  async eraseTenant(tenant: TenantId): Promise<void> {
    for (const { id } of await this.list(tenant)) await this.remove(tenant, id);
  }

  async countOf(tenant: TenantId): Promise<number> {
    return (await this.list(tenant)).length;
  }

  #next(): number {
    this.#revision += 1;
    return this.#revision;
  }
}

const keyOf = ({ tenant, id }: Name): string => `${tenant}.${id}`;

/**
 * Where webhooks are kept: definition, position and failures, apart from the log's own streams.
 * Every change compares: two that change at once do not undo each other.
 *
 *   HX1  a position changes only from the one that was read: an attempt that was passed by learns
 *        of it before it moves anything back;
 *   HX2  what is removed has no position and no failures either, and none is written for it later.
 */

import type { Endpoint, EndpointFailure, EndpointState } from "../contract/endpoint.ts";
import type { TenantId } from "../contract/ids.ts";

export interface Stored<Value> {
  readonly value: Value;
  /** Changes with every change. */
  readonly revision: number;
}

/** All reject with log_unavailable while the log is away. */
export interface EndpointStore {
  /**
   * Definition and position in one step, as far as a reader can tell.
   * @throws FreshetError limit_reached when the tenant, or all of them, have as many as they may
   */
  add(endpoint: Endpoint, state: EndpointState): Promise<void>;
  get(tenant: TenantId, id: string): Promise<Stored<Endpoint> | null>;
  /** In the order of their ids. */
  list(tenant: TenantId): Promise<readonly Endpoint[]>;
  all(): Promise<readonly Endpoint[]>;
  /** False when it is not at this revision any more. */
  put(endpoint: Endpoint, revision: number): Promise<boolean>;
  /** False when it was not there. */
  remove(tenant: TenantId, id: string): Promise<boolean>;
  state(endpoint: Pick<Endpoint, "tenant" | "id">): Promise<Stored<EndpointState> | null>;
  /** The new revision; undefined when it is not at `revision` any more. */
  putState(
    endpoint: Pick<Endpoint, "tenant" | "id">,
    state: EndpointState,
    revision: number,
  ): Promise<number | undefined>;
  /** The newest are kept. */
  addFailure(endpoint: Pick<Endpoint, "tenant" | "id">, failure: EndpointFailure): Promise<void>;
  /** Newest first. */
  failures(endpoint: Pick<Endpoint, "tenant" | "id">): Promise<readonly EndpointFailure[]>;
  /** All that there is of a tenant's webhooks; may be repeated. */
  eraseTenant(tenant: TenantId): Promise<void>;
  /** Entries that are there of the tenant. */
  countOf(tenant: TenantId): Promise<number>;
}

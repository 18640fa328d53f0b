/**
 * One stretch of holding a partition's lease: the lease, the tenants that live in it, and its end.
 */

import type { Lease } from "../../src/log/lease-port.ts";
import type { Clock } from "../../src/runtime/clock.ts";

import { Refusals, type RefusalsOptions } from "./refusals.ts";
import { type TenantsOptions, TenureTenants } from "./tenants.ts";

/** The life of the partition actor that the tenure is part of. */
interface PartitionLife {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  task(work: () => Promise<void>): void;
}

export class Tenure {
  /** The newest renewal; its epoch is the same all through. */
  lease: Lease;
  readonly tenants: TenureTenants;
  readonly refusals: Refusals;
  /** Aborts when the tenure ends, or its actor does. */
  readonly ended: AbortSignal;
  readonly #end = new AbortController();

  constructor(
    lease: Lease,
    options: TenantsOptions & RefusalsOptions,
    { clock, signal, task }: PartitionLife,
  ) {
    this.lease = lease;
    this.ended = AbortSignal.any([this.#end.signal, signal]);
    const { ended } = this;
    this.tenants = new TenureTenants(options, lease.epoch);
    const isServed = (name: string): boolean => this.tenants.admit(name) !== undefined;
    this.refusals = new Refusals(options, { clock, task, ended, isServed });
  }

  end(): void {
    this.#end.abort();
  }
}

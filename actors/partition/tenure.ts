/**
 * One stretch of holding a partition's lease: the lease, the tenants that live in it, and its end.
 */

import type { Lease } from "../../src/log/lease-port.ts";
import type { Clock } from "../../src/runtime/clock.ts";

import { Refusals, type RefusalsOptions } from "./refusals.ts";
import { Sleeper, type SleeperOptions } from "./sleeper.ts";
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
  readonly sleeper: Sleeper;
  /** Aborts when the tenure ends, or its actor does. */
  readonly ended: AbortSignal;
  readonly #end = new AbortController();

  constructor(
    lease: Lease,
    options: TenantsOptions & RefusalsOptions & SleeperOptions,
    { clock, signal, task }: PartitionLife,
  ) {
    this.lease = lease;
    this.ended = AbortSignal.any([this.#end.signal, signal]);
    const { ended } = this;
    this.tenants = new TenureTenants(options, lease.epoch);
    const isRefused = (name: string): boolean => this.tenants.isRefused(name);
    this.refusals = new Refusals(options, { clock, task, ended, isRefused });
    this.sleeper = new Sleeper(options, this.tenants, clock);
  }

  end(): void {
    this.#end.abort();
  }
}

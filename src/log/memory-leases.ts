/** Partition leases and announcements in memory; they expire by the injected clock. */

import type { Epoch, Partition } from "../contract/ids.ts";
import type { Clock } from "../kernel/clock.ts";
import type { MemorySwitch } from "./memory-switch.ts";
import type { Lease, LeaseLook, LeaseStore } from "./port.ts";

interface Options {
  readonly clock: Clock;
  readonly base: number;
  readonly power: MemorySwitch;
  readonly leaseMs: number;
}

interface Held {
  readonly node: string;
  readonly epoch: Epoch;
  readonly untilMs: number;
}

interface Announced {
  readonly revision: number;
  readonly untilMs: number;
}

export class MemoryLeases implements LeaseStore {
  readonly #options: Options;
  readonly #held = new Map<Partition, Held>();
  readonly #announced = new Map<string, Announced>();
  #revision: number;

  constructor(options: Options) {
    this.#options = options;
    this.#revision = options.base;
  }

  async acquire(partition: Partition, node: string): Promise<Lease | null> {
    await this.#options.power.pass();
    const held = this.#current(partition);
    if (held !== undefined && held.node !== node) return null;
    this.#revision += 1;
    return this.#hold(partition, node, this.#revision as Epoch);
  }

  async renew(lease: Lease, node: string): Promise<Lease | null> {
    await this.#options.power.pass();
    if (!this.#isMine(lease, node)) return null;
    this.#revision += 1;
    return this.#hold(lease.partition, node, lease.epoch);
  }

  async release(lease: Lease, node: string): Promise<void> {
    await this.#options.power.pass();
    if (this.#isMine(lease, node)) this.#held.delete(lease.partition);
  }

  async holder(partition: Partition): Promise<string | null> {
    await this.#options.power.pass();
    return this.#current(partition)?.node ?? null;
  }

  async announce(name: string): Promise<number> {
    await this.#options.power.pass();
    this.#revision += 1;
    const untilMs = this.#options.clock.monotonicMs() + this.#options.leaseMs;
    this.#announced.set(name, { revision: this.#revision, untilMs });
    return this.#revision;
  }

  async withdraw(name: string, revision: number): Promise<void> {
    await this.#options.power.pass();
    if (this.#announced.get(name)?.revision === revision) this.#announced.delete(name);
  }

  async look(): Promise<LeaseLook> {
    await this.#options.power.pass();
    const nowMs = this.#options.clock.monotonicMs();
    for (const [name, { untilMs }] of this.#announced) {
      if (untilMs <= nowMs) this.#announced.delete(name);
    }
    const held = [...this.#held.keys()].filter((partition) => this.#current(partition));
    return { nodes: [...this.#announced.keys()], held };
  }

  #hold(partition: Partition, node: string, epoch: Epoch): Lease {
    const validUntilMs = this.#options.clock.monotonicMs() + this.#options.leaseMs;
    this.#held.set(partition, { node, epoch, untilMs: validUntilMs });
    return { partition, epoch, validUntilMs };
  }

  #isMine(lease: Lease, node: string): boolean {
    const held = this.#current(lease.partition);
    return held?.node === node && held.epoch === lease.epoch;
  }

  #current(partition: Partition): Held | undefined {
    const held = this.#held.get(partition);
    if (held === undefined || held.untilMs > this.#options.clock.monotonicMs()) return held;
    this.#held.delete(partition);
    return undefined;
  }
}

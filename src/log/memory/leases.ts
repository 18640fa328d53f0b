/**
 * Partition leases and announcements in memory. They expire by the server's clock, which a test may
 * set, or when they were not renewed for a lease time of the injected clock.
 */

import { type Epoch, epoch, type Partition } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Announcement, Lease, LeaseSnapshot, LeaseStore, NodeStart } from "../lease-port.ts";
import { LeaseWatch } from "../lease-watch.ts";
import type { Availability } from "./availability.ts";

interface Options {
  readonly clock: Clock;
  readonly base: number;
  readonly availability: Availability;
  readonly leaseMs?: number | undefined;
}

interface Held {
  readonly node: string;
  readonly start: NodeStart | undefined;
  readonly epoch: Epoch;
  readonly revision: number;
  readonly untilMs: number;
}

interface Announced {
  readonly models: readonly string[] | undefined;
  readonly revision: number;
  readonly untilMs: number;
}

export class MemoryLeases implements LeaseStore {
  readonly #options: Options;
  readonly #leaseMs: number;
  readonly #held = new Map<Partition, Held>();
  readonly #announced = new Map<string, Announced>();
  readonly #watch: LeaseWatch<Partition | string>;
  #revision: number;
  #steppedMs = 0;

  constructor(options: Options) {
    this.#options = options;
    this.#revision = options.base;
    this.#leaseMs = options.leaseMs ?? limits.leaseMs;
    this.#watch = new LeaseWatch(this.#leaseMs);
  }

  /** Sets the server's clock forward, or back: what is there expires so much sooner or later. */
  stepClock(ms: number): void {
    this.#steppedMs += ms;
  }

  async acquire(partition: Partition, node: string, start?: NodeStart): Promise<Lease | null> {
    await this.#options.availability.pass();
    const held = this.#current(partition);
    if (held !== undefined && !this.#mayTake(partition, held, { node, start })) return null;
    return this.#hold(partition, { node, start, epoch: epoch(this.#revision + 1) });
  }

  async renew(lease: Lease, node: string): Promise<Lease | null> {
    await this.#options.availability.pass();
    const held = this.#mine(lease, node);
    return held === undefined ? null : this.#hold(lease.partition, held);
  }

  async release(lease: Lease, node: string): Promise<void> {
    await this.#options.availability.pass();
    if (this.#mine(lease, node) !== undefined) this.#held.delete(lease.partition);
  }

  async holder(partition: Partition): Promise<string | null> {
    await this.#options.availability.pass();
    return this.#current(partition)?.node ?? null;
  }

  async epochOf(partition: Partition): Promise<Epoch | null> {
    await this.#options.availability.pass();
    return this.#current(partition)?.epoch ?? null;
  }

  async announce(name: string, models?: readonly string[]): Promise<number> {
    await this.#options.availability.pass();
    this.#revision += 1;
    const revision = this.#revision;
    this.#announced.set(name, { models, revision, untilMs: this.#expiryMs() });
    return this.#revision;
  }

  async announced(): Promise<readonly Announcement[]> {
    const { nodes } = await this.snapshot();
    return nodes.map((name) => ({ name, models: this.#announced.get(name)?.models }));
  }

  async withdraw(name: string, revision: number): Promise<void> {
    await this.#options.availability.pass();
    if (this.#announced.get(name)?.revision === revision) this.#announced.delete(name);
  }

  async snapshot(): Promise<LeaseSnapshot> {
    await this.#options.availability.pass();
    for (const [name, { untilMs }] of this.#announced) {
      if (untilMs <= this.#serverMs()) this.#announced.delete(name);
    }
    const held = [...this.#held.keys()].filter((partition) => this.#current(partition));
    return {
      nodes: [...this.#announced].flatMap(([name, { revision }]) =>
        this.#isStale(name, revision) ? [] : [name],
      ),
      held: held.filter(
        (partition) => !this.#isStale(partition, this.#held.get(partition)?.revision ?? 0),
      ),
    };
  }

  #mayTake(
    partition: Partition,
    held: Held,
    { node, start }: { readonly node: string; readonly start: NodeStart | undefined },
  ): boolean {
    if (held.node === node || this.#isStale(partition, held.revision)) return true;
    return held.start !== undefined && held.start.name === start?.name
      ? held.start.boot < start.boot
      : false;
  }

  #isStale(key: Partition | string, revision: number): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    return this.#watch.see(key, revision, { sentMs: nowMs, answeredMs: nowMs });
  }

  #hold(partition: Partition, held: Pick<Held, "node" | "start" | "epoch">): Lease {
    const { epoch } = held;
    this.#revision += 1;
    const untilMs = this.#expiryMs();
    this.#held.set(partition, { ...held, revision: this.#revision, untilMs });
    const validUntilMs = this.#options.clock.monotonicMs() + this.#leaseMs;
    return { partition, epoch, validUntilMs };
  }

  #mine(lease: Lease, node: string): Held | undefined {
    const held = this.#current(lease.partition);
    return held?.node === node && held.epoch === lease.epoch ? held : undefined;
  }

  #current(partition: Partition): Held | undefined {
    const held = this.#held.get(partition);
    if (held === undefined || held.untilMs > this.#serverMs()) return held;
    this.#held.delete(partition);
    return undefined;
  }

  #serverMs(): number {
    return this.#options.clock.monotonicMs() + this.#steppedMs;
  }

  #expiryMs(): number {
    return this.#serverMs() + this.#leaseMs;
  }
}

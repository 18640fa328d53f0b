/**
 * The nemesis: makes planned faults happen, and undoes them.
 *
 * Owns: which targets and links are in trouble now. Never: has two faults on one target or link at once, which would undo
 * each other; a planned fault whose place is taken is skipped.
 */

import type { Fault, FaultKind, Link, Target } from "./faults.ts";
import { describeFault } from "./faults.ts";
import type { History } from "./history.ts";
import type { ChaosSite } from "./site.ts";

export interface NemesisOptions {
  readonly site: ChaosSite;
  readonly history: History;
  /** Purges CHUNKS but for the newest record of each tenant. */
  readonly loseRecords: () => Promise<void>;
  /** A stream without a leader at the moment is no failure of it. */
  readonly stepDown: (nth: number) => Promise<void>;
  /** Drops all leases, or lets the server drop none by their age until it is told so again. */
  readonly leases: { drop(): Promise<void>; keep(always: boolean): Promise<void> };
  /** An operator's cancel; a Temporal that does not answer is no failure of it. */
  readonly cancelMerge: (nth: number) => Promise<void>;
  /** An operator's step; false when it did not go. */
  readonly generation: (nth: number) => Promise<boolean>;
  readonly sleep: (ms: number) => Promise<void>;
  readonly say: (line: string) => void;
}

/** A fail-point that is not reached in this time is not reached at all: nothing merges, say. */
const reachMs = 6_000;

export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #troubled = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  readonly counts = new Map<FaultKind, number>();
  skipped = 0;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Begins the fault; it ends by itself. */
  begin(fault: Fault): void {
    const place = placeOf(fault);
    if ([...this.#troubled].some((other) => clashes(place, other))) {
      this.skipped += 1;
      return;
    }
    this.#troubled.add(place);
    const run = this.#make(fault)
      .catch((thrown: unknown) => {
        const why = thrown instanceof Error ? thrown.message : String(thrown);
        this.#options.history.violation("process", `${describeFault(fault)}: ${why}`);
      })
      .finally(() => {
        this.#troubled.delete(place);
        this.#running.delete(run);
      });
    this.#running.add(run);
  }

  /** Resolves when every fault is over and every process runs. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
    const { site } = this.#options;
    for (const target of site.targets) await site.process(target).start();
  }

  #count(fault: Fault): void {
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    this.#options.history.note({ fault });
    this.#options.say(describeFault(fault));
  }

  async #make(fault: Fault): Promise<void> {
    const { site, sleep } = this.#options;
    switch (fault.kind) {
      case "kill":
        this.#count(fault);
        return this.#killAndStart(fault.target, fault.lastsMs);
      case "freeze": {
        const target = site.process(fault.target);
        this.#count(fault);
        target.freeze();
        await sleep(fault.lastsMs);
        return target.thaw();
      }
      case "fail-point":
        return this.#failAt(fault);
      case "delay":
        this.#count(fault);
        return this.#onLink(fault, (proxy) => proxy.delay(fault.delayMs));
      case "reset":
        this.#count(fault);
        return this.#onLink(fault, (proxy) => proxy.reset());
      case "cancel-merge":
        this.#count(fault);
        return this.#options.cancelMerge(fault.nth);
      case "generation":
        if (await this.#options.generation(fault.nth)) this.#count(fault);
        else this.skipped += 1;
        return;
      case "partition":
        this.#count(fault);
        return this.#onLink(fault, (proxy) => proxy.hold(fault.direction));
      case "disk-full":
        this.#count(fault);
        site.fillDisk();
        await sleep(fault.lastsMs);
        site.freeDisk();
        return this.#killAndStart("nats", 0);
      case "step-down":
        this.#count(fault);
        return this.#options.stepDown(fault.nth);
      case "sleep": {
        const node = site.node(fault.target);
        this.#count(fault);
        await node?.putToSleep();
        await sleep(fault.lastsMs);
        return node?.thaw();
      }
      case "clock-step":
        this.#count(fault);
        return this.#stepClock(fault);
      case "lose-disk":
        this.#count(fault);
        await site.process(fault.target).kill();
        site.loseDisk(fault.target);
        await sleep(fault.lastsMs);
        return site.process(fault.target).start();
      case "lose-records":
        this.#count(fault);
        return this.#options.loseRecords();
    }
  }

  async #stepClock({ by, lastsMs }: Extract<Fault, { kind: "clock-step" }>): Promise<void> {
    const { leases, sleep } = this.#options;
    if (by === "forward") return leases.drop();
    await leases.keep(true);
    await sleep(lastsMs);
    await leases.keep(false);
  }

  async #killAndStart(target: Target, afterMs: number): Promise<void> {
    const { site, sleep } = this.#options;
    await site.process(target).kill();
    await sleep(afterMs);
    await site.process(target).start();
  }

  async #failAt(fault: Extract<Fault, { kind: "fail-point" }>): Promise<void> {
    const { site, sleep } = this.#options;
    const node = site.node(fault.target);
    if (node?.isAlive !== true) return;
    const { point, calls, action } = fault;
    const reached = await Promise.race([
      node.arm({ point, calls, action }).then(() => true),
      sleep(reachMs).then(() => false),
    ]);
    if (!reached) {
      node.disarm();
      this.skipped += 1;
      return;
    }
    this.#count(fault);
    if (action === "kill") return this.#killAndStart(fault.target, fault.lastsMs);
    await sleep(fault.lastsMs);
    node.thaw();
  }

  async #onLink(
    fault: { readonly link: Link; readonly lastsMs: number },
    apply: (proxy: ReturnType<ChaosSite["proxies"]>[number]) => void,
  ): Promise<void> {
    const proxies = this.#options.site.proxies(fault.link);
    for (const proxy of proxies) apply(proxy);
    await this.#options.sleep(fault.lastsMs);
    for (const proxy of proxies) proxy.heal();
  }
}

/** All servers of a cluster are in trouble as one place, and each for itself. */
function clashes(one: string, other: string): boolean {
  if (one === other) return true;
  return ["nats", "weaviate"].some((all) => {
    const isMember = (place: string): boolean => place.startsWith(`${all}-`);
    return (one === all && isMember(other)) || (other === all && isMember(one));
  });
}

function placeOf(fault: Fault): string {
  if (fault.kind === "step-down") return `leader of ${fault.nth}`;
  // The server itself may die meanwhile.
  if (fault.kind === "clock-step") return "clock";
  if (fault.kind === "cancel-merge") return `merges of ${fault.nth}`;
  if (fault.kind === "generation") return "generations";
  return "link" in fault ? `${fault.link.from}>${fault.link.to}` : fault.target;
}

/**
 * One tenant's world under simulated faults: a log, a cold shard, owners that come and go, a merge
 * worker, a reader. Deterministic: a history of commands is the one order of all effects.
 *
 * Owns: everything that a history touches. Never: waits for real time.
 *
 *   SW1  what the servers hold is checked after every command, every answer against the oracle at
 *        its version;
 *   SW2  `settle` ends all faults; then everything published must be there, once, in hot, in cold
 *        and after a rebuild;
 *   SW3  a tenant that was asked is resident then, unless cold was set back.
 */

import { expect } from "vitest";
import type { MergePorts } from "../../activities/context.ts";
import { payDeadLetters } from "../../activities/merge/dead-letters.ts";
import { retentionBounds } from "../../activities/retention/plan.ts";
import { createMemoryCold } from "../../src/cold/memory.ts";
import type { Position, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import type { StoredOperation } from "../../src/log/port.ts";
import type { TenantConfirm } from "../../workflows/tenant-confirm.ts";
import { acme } from "../actors/kit.ts";
import { createManualClock, settle } from "../support/manual-clock.ts";
import { broken, Checks } from "./checks.ts";
import type { Command } from "./history.ts";
import { ColdLosses } from "./losses.ts";
import { Merger, type Work } from "./merger.ts";
import { everything, graceMs, Node } from "./node.ts";
import { Oracle, type Published } from "./oracle.ts";
import { noPlant, type Plant } from "./plant.ts";
import { slottedCold, slottedLog } from "./ports.ts";
import { Questions } from "./questions.ts";
import { partition } from "./reader.ts";
import type { Answer, Faults, Slot } from "./slot.ts";

const hourMs = 3_600_000;

export class World {
  readonly #plant: Plant;
  readonly #clock = createManualClock();
  readonly #cold = createMemoryCold();
  readonly #log;
  readonly #oracle = new Oracle();
  readonly #checks: Checks;
  readonly #faults: Faults = { late: [], shortRead: 0 };
  /** What was sent for the first time. */
  readonly #sent: StoredOperation[] = [];
  /** Which start of which node the owner is. */
  #name = 0;
  #boot = 0;
  /** Started by `run`. */
  #owner!: Node;
  #old: Node[] = [];
  #merger: Merger;
  readonly #questions: Questions;
  readonly #losses: ColdLosses;
  #purged = false;

  constructor(plant: Plant = noPlant) {
    this.#plant = plant;
    // Nothing renews here: only the server's clock ends a lease, or a later start of the same node.
    const server = { clock: this.#clock, partitions: 1, leaseMs: hourMs };
    const log = createMemoryLog({ ...server, createChain: plant.createChain });
    this.#checks = new Checks(log, this.#cold, this.#oracle);
    this.#log = plant.log(log);
    this.#merger = this.#startMerger();
    const shared = { faults: this.#faults, cold: this.#cold, checks: this.#checks };
    const [clock, oracle] = [this.#clock, this.#oracle];
    this.#questions = new Questions({ ...shared, plant, clock, oracle, log: this.#log });
    this.#losses = new ColdLosses(shared);
  }

  async run(history: readonly Command[]): Promise<void> {
    this.#owner = await this.#startNode("same");
    try {
      for (const command of history) {
        await this.#do(command);
        await this.#check();
      }
      await this.#settle();
    } finally {
      this.#merger.kill();
      this.#questions.end();
      await Promise.all([this.#owner, ...this.#old].map((node) => node.kill()));
    }
  }

  async #do(command: Command): Promise<void> {
    switch (command.do) {
      case "upsert":
        return this.#publish({ kind: "upsert", id: command.id, chunks: command.chunks });
      case "delete":
        return this.#publish({ kind: "delete", id: command.id, chunks: 0 });
      case "reject":
        return this.#publish({ kind: "reject", id: command.id, chunks: 0 });
      case "publish again":
        return this.#publishAgain(command.back);
      case "letters":
        return this.#log.hooks.fillDeadLetters(!command.areTaken);
      case "run":
        return this.#answer(() => this.#slotOf(command.who), command);
      case "merge":
      case "confirm":
      case "scrub":
        return this.#merge(command);
      case "work":
        return this.#work();
      case "take over":
        return this.#takeOver(command);
      case "step server clock":
        return this.#log.hooks.stepServerClock(command.back ? -hourMs : hourMs);
      case "kill merger":
        return this.#restartMerger();
      case "tell manifest":
        return this.#tellManifest();
      case "pass time":
        return this.#clock.advance(command.ms);
      case "land":
        await this.#faults.late
          .shift()?.()
          .catch(() => {});
        return;
      case "read short":
        this.#faults.shortRead = command.records;
        return;
      case "purge":
        return this.#purge();
      case "lose":
        return this.#losses.lose(this.#merger, command);
      case "find later":
        return this.#losses.findLater();
      case "resurrect":
        return this.#losses.resurrect();
      case "snapshot":
        return this.#losses.snapshot();
      case "restore":
        return this.#losses.restore(this.#merger, this.#questions.open);
      case "evict":
        return (command.of === "owner" ? this.#owner : this.#old.at(-1))?.evict();
      case "ask":
        return this.#ask(command.of, command.fresh);
    }
  }

  async #startNode(by: "same" | "other"): Promise<Node> {
    if (by === "other") this.#name += 1;
    this.#boot += 1;
    const start = { name: `node-${this.#name}`, boot: this.#boot };
    const process = `${start.name}~${start.boot}`;
    const { leases, hooks } = this.#log;
    for (;;) {
      const lease = await leases.acquire(partition, process, start);
      // Another node's is there until the server's clock says that it is old.
      if (lease === null) hooks.stepServerClock(hourMs);
      else {
        const { epoch } = lease;
        const [log, cold, clock] = [this.#log, this.#cold, this.#clock];
        return new Node({ epoch, log, cold, clock, faults: this.#faults, plant: this.#plant });
      }
    }
  }

  #restartMerger(): void {
    this.#merger.kill();
    this.#merger = this.#startMerger(this.#merger.confirm);
  }

  #startMerger(confirm?: TenantConfirm): Merger {
    const portsOf = (slot: Slot): MergePorts => ({
      ...this.#portsOf(),
      log: slottedLog(this.#log, slot),
      cold: slottedCold(this.#cold, slot),
    });
    const { activities: plant } = this.#plant;
    return new Merger({ faults: this.#faults, clock: this.#clock, portsOf, plant }, confirm);
  }

  /** Past all slots. */
  #portsOf(): MergePorts {
    return {
      log: this.#log,
      cold: this.#cold,
      clock: this.#clock,
      logger: silentLogger,
      metrics: silentMetrics,
      heartbeat: () => {},
      // A zombie: it heeds no cancellation.
      signal: () => undefined,
    };
  }

  #publish(operation: {
    readonly kind: "upsert" | "delete" | "reject";
    readonly id: string;
    readonly chunks: number;
  }): Promise<void> {
    const { kind, id, chunks } = operation;
    const body = {
      upsert: { id, text: String(chunks) },
      delete: { id, op: "delete" },
      reject: { id, text: 7 },
    }[kind];
    const payload = new TextEncoder().encode(JSON.stringify(body));
    const stored = this.#log.hooks.publishRaw(acme, payload, `m${this.#sent.length}`);
    this.#sent.push(stored);
    return this.#stored({ ...operation, version: stored.version }, stored);
  }

  /** A retry: same content, same id. Histories are far shorter than the window (T9). */
  async #publishAgain(back: number): Promise<void> {
    const first = this.#sent.at(-1 - back);
    if (first === undefined) return;
    const stored = this.#log.hooks.publishRaw(acme, first.payload, first.messageId);
    expect(stored.atMs - first.atMs).toBeLessThan(limits.duplicateWindowMs);
    const { version } = stored;
    return this.#stored({ kind: "duplicate", id: "", chunks: 0, version }, stored);
  }

  #stored(operation: Published, stored: StoredOperation): Promise<void> {
    this.#oracle.operations.push(operation);
    for (const node of [this.#owner, ...this.#old]) node.offer(stored);
    return settle();
  }

  #slotOf(who: "owner" | "old" | "zombie" | "reader"): Slot | undefined {
    switch (who) {
      case "owner":
        return this.#owner.slot;
      case "old":
        return this.#old.at(-1)?.slot;
      case "zombie":
        return this.#merger.zombie;
      case "reader":
        return this.#questions.slot;
    }
  }

  async #answer(
    slotOf: () => Slot | undefined,
    { calls, ends }: { readonly calls: number; readonly ends: Answer },
  ): Promise<void> {
    await settle();
    for (let call = 1; call <= calls; call += 1) {
      const slot = slotOf();
      if (slot === undefined) return;
      if (!slot.waits) await this.#clock.advance(20);
      if (!(await slot.answer(call === calls ? ends : "ok"))) return;
    }
  }

  async #merge(command: Extract<Command, { do: Work }>): Promise<void> {
    const { calls, ends } = command;
    this.#merger.begin(command.do);
    await settle();
    const isGivenUp = ends === "timed out" || ends === "cancelled";
    await this.#answer(() => this.#merger.slot, { calls, ends: isGivenUp ? "ok" : ends });
    if (isGivenUp) this.#merger.giveUp(ends);
    await settle();
  }

  /** The owner does all that it can. */
  async #work(): Promise<void> {
    for (let idle = 0; idle < 2; ) {
      if (await this.#owner.slot.answer("ok")) idle = 0;
      else {
        idle += 1;
        await this.#clock.advance(20);
      }
    }
  }

  /** The old owner is gone, or does not know (paused, or a wrong clock) and may still be asked. */
  async #takeOver({ kills, by }: { kills: boolean; by: "same" | "other" }): Promise<void> {
    const old = this.#owner;
    if (kills) {
      this.#questions.end();
      await old.kill();
    } else this.#old.push(old);
    this.#owner = await this.#startNode(by);
    await settle();
  }

  async #tellManifest(): Promise<void> {
    const stored = await this.#log.manifests.get(acme);
    if (stored === null) return;
    const told = this.#plant.told(stored);
    for (const node of [this.#owner, ...this.#old]) node.tell(told);
    await settle();
  }

  /**
   * Never while a zombie is about: the replay window is longer than any lives. One that moves the
   * marker back, which no read before it can rule out, costs a repair; with the records gone it
   * would cost `stale` for ever.
   */
  async #purge(): Promise<void> {
    if (this.#merger.zombie !== undefined || this.#faults.late.length > 0) return;
    // Retention first writes what is owed; what then finds no room is given up, and is no fault.
    if ((await this.#log.deadLetters.owed(acme)).after !== null) return;
    const marker = await this.#cold.readMarker(acme);
    const { chunks: below } = retentionBounds({
      cursor: 0 as Version,
      confirmed: this.#checks.confirmed as Position,
      markedTo: marker?.to ?? (0 as Position),
      youngVersion: 0 as Version,
      youngPosition: Number.MAX_SAFE_INTEGER as Position,
    });
    this.#purged ||= below > 0;
    await this.#log.chunks.purge({ tenant: acme, below });
  }

  #ask(of: "owner" | "old", fresh: boolean): Promise<void> {
    return this.#questions.ask(of === "owner" ? this.#owner : this.#old.at(-1), fresh);
  }

  async #check(): Promise<void> {
    this.#losses.remember();
    await this.#checks.run();
    this.#questions.check();
    const fenced = this.#old.filter((node) => node.fenced);
    this.#old = this.#old.filter((node) => !node.fenced);
    for (const node of fenced) await node.kill();
    if (this.#owner.fenced) throw broken("I6", "the newest owner was fenced off");
  }

  // --- the end -------------------------------------------------------------------------------

  async #settle(): Promise<void> {
    this.#faults.shortRead = 0;
    this.#log.hooks.fillDeadLetters(false);
    while (this.#faults.late.length > 0) await this.#do({ do: "land" });
    this.#restartMerger();
    await this.#takeOver({ kills: true, by: "same" });
    await this.#work();
    await this.#check();
    if (this.#checks.recorded !== this.#oracle.last) throw broken("I1", "an operation was lost");
    await this.#mustSee();
    for (let round = 0; round < 3; round += 1) await this.#finish("merge");
    // One look repairs, the next one finds nothing missing.
    for (let look = 0; look < 2; look += 1) await this.#finish("confirm");
    if (this.#checks.confirmed < this.#checks.to) throw broken("I12", "a merge stays unconfirmed");
    await this.#finish("scrub");
    await this.#mustBeWhole();
    await this.#mustHaveLetters();
    await this.#tellManifest();
    await this.#clock.advance(graceMs);
    await this.#clock.advance(graceMs);
    await this.#work();
    expect(this.#owner.hotDocuments, "hot after its merge").toBe(0);
    this.#losses.resurrect();
    await this.#mustSee();
    this.#owner.evict();
    await this.#mustSee();
    await this.#takeOver({ kills: true, by: "other" });
    // The first question brings it back into memory, as far as log and cold hold it.
    for (let ask = 0; ask < 2; ask += 1) {
      await this.#work();
      await this.#mustSee();
    }
    const { isResident } = this.#owner;
    expect(isResident || this.#losses.restored, "SW3: asked, then resident").toBe(true);
  }

  async #finish(work: Work): Promise<void> {
    this.#merger.begin(work);
    await settle();
    while (this.#merger.running) {
      if (!(await this.#merger.slot.answer("ok"))) await settle();
    }
    await this.#check();
  }

  /** What was owed is written by retention, since nothing is left to merge. */
  async #mustHaveLetters(): Promise<void> {
    await payDeadLetters(this.#portsOf(), acme);
    const letters = await this.#log.deadLetters.list(acme, everything);
    const told = letters.map(({ version }) => version);
    expect(told, "I2: dead letters at rest").toEqual(this.#oracle.rejectsUpTo(this.#oracle.last));
  }

  async #mustSee(): Promise<void> {
    await this.#ask("owner", true);
    for (let turn = 0; this.#questions.open && turn < 50; turn += 1) {
      if (!(await this.#questions.slot.answer("ok"))) await settle();
    }
    if (this.#questions.open) throw broken("I8", "a question was never answered");
    await this.#check();
  }

  /** What cold lost and the log no longer holds stays lost and is declared (I12). */
  async #mustBeWhole(): Promise<void> {
    if (this.#purged && this.#losses.restored) return;
    const marker = await this.#cold.readMarker(acme);
    if ((marker?.to ?? 0) < this.#checks.to) throw broken("I12", "cold stays incomplete");
  }
}

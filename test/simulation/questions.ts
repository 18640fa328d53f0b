/**
 * The questions of a simulated history, one at a time, each judged by the oracle at the version
 * that it saw.
 *
 * Owns: the reader's slot, what answers have shown so far. Never: decides when a call of a question
 * is answered.
 *
 *   QS1  what an answer shows is the oracle's state at its version; a degraded one shows nothing
 *        else (I3 - I5);
 *   QS2  what was seen once is never unseen, and no owner answers after a newer one's fence (I4,
 *        I6);
 *   QS3  a question that was ended is judged no more: it has no answer.
 */

import { expect } from "vitest";
import type { MemoryCold } from "../../src/cold/memory.ts";
import type { MemoryLog } from "../../src/log/memory/log.ts";
import { type ManualClock, settle } from "../support/manual-clock.ts";
import { broken, type Checks, mustEqual } from "./checks.ts";
import type { Node } from "./node.ts";
import { chunksOf, type Oracle } from "./oracle.ts";
import type { Plant } from "./plant.ts";
import { slottedCold, slottedLog } from "./ports.ts";
import { type Asked, askNode, proveLease, type Seen } from "./reader.ts";
import { type Faults, Slot } from "./slot.ts";

export interface QuestionsOptions {
  readonly plant: Plant;
  readonly faults: Faults;
  readonly clock: ManualClock;
  readonly log: MemoryLog;
  readonly cold: MemoryCold;
  readonly oracle: Oracle;
  readonly checks: Checks;
}

export class Questions {
  readonly #options: QuestionsOptions;
  #slot: Slot;
  #open = false;
  /** Highest version that an answer had seen. */
  #seen = 0;
  #failure: { readonly thrown: unknown } | undefined;

  constructor(options: QuestionsOptions) {
    this.#options = options;
    this.#slot = new Slot(options.faults);
  }

  /** Of the question that is open, or was the last. */
  get slot(): Slot {
    return this.#slot;
  }

  get open(): boolean {
    return this.#open;
  }

  ask(node: Node | undefined, fresh: boolean): Promise<void> {
    this.end();
    if (node === undefined) return settle();
    const { plant, clock, log, cold, oracle, checks } = this.#options;
    const slot = this.#slot;
    const minVersion = fresh ? oracle.last : 0;
    this.#open = true;
    const { masks, checksResident } = plant;
    const asked = { minVersion, floor: this.#seen, epoch: checks.epoch };
    const { leases } = slottedLog(log, slot);
    const prove = () => proveLease(node, { leases, clock, plant });
    const pause = () =>
      slot.call({ name: "pause", code: "internal", perform: () => Promise.resolve() });
    const asking = { minVersion, masks, checksResident, prove, pause };
    askNode(node, { cold: slottedCold(cold, slot), ...asking })
      .then(
        (seen) => {
          if (seen !== undefined && this.#slot === slot) this.#judge(node, seen, asked);
        },
        () => {},
      )
      .catch((thrown: unknown) => {
        this.#failure ??= { thrown };
      })
      .finally(() => {
        if (this.#slot === slot) this.#open = false;
      });
    return settle();
  }

  end(): void {
    this.#slot.kill();
    this.#slot = new Slot(this.#options.faults);
    this.#open = false;
  }

  /** @throws what a judgement threw since the last call: answers come between two commands */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.thrown;
  }

  #judge(node: Node, { visible, chunks, covered }: Seen, asked: Asked): void {
    if (node.epoch < asked.epoch) throw broken("I6", "an owner answered after a newer one's fence");
    if (visible < asked.floor) throw broken("I4, I6", "what is visible went back");
    if (visible < asked.minVersion) throw broken("I8", "a question saw less than it asked for");
    this.#seen = Math.max(this.#seen, visible);
    const expected = chunksOf(this.#options.oracle.liveAt(visible));
    if (covered) mustEqual(chunks, expected, "I3, I4, I5: an answer");
    else expect(expected, "I3, I4: a degraded answer").toEqual(expect.arrayContaining([...chunks]));
  }
}

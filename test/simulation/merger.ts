/**
 * The merge worker of the simulation: the real story (workflows/merge-round.ts) over the real activities, with
 * Temporal's part played here. An attempt of an activity that times out goes on as a zombie, beside the next
 * attempt with the same input; a failed one is repeated a few times, then the round ends and is planned anew.
 */

import type { MergePorts } from "../../activities/context.ts";
import { createMergeActivities, type MergeActivities } from "../../activities/merge.ts";
import { mergeRound } from "../../workflows/merge-round.ts";
import { acme } from "../actors/kit.ts";
import { type Faults, Slot } from "./slot.ts";

const attemptsMax = 3;

export interface MergerOptions {
  readonly faults: Faults;
  readonly portsOf: (slot: Slot) => MergePorts;
  /** Stands between the story and the activities of an attempt: where a test plants a wrong one. */
  readonly plant: (activities: MergeActivities, ports: MergePorts) => MergeActivities;
}

type Step = keyof MergeActivities;

export class Merger {
  readonly #options: MergerOptions;
  #slot: Slot;
  #step: Step | undefined;
  #timeOut: (() => void) | undefined;
  #running = false;
  readonly zombies: Slot[] = [];

  constructor(options: MergerOptions) {
    this.#options = options;
    this.#slot = new Slot(options.faults);
  }

  /** Of the attempt that counts. */
  get slot(): Slot {
    return this.#slot;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Some attempt, living or zombie, may be about to move the marker. */
  get commits(): boolean {
    return this.#step === "commitMerge" || this.hasZombies;
  }

  get hasZombies(): boolean {
    return this.zombies.some((zombie) => zombie.waits);
  }

  /** Begins a round, unless one is under way. A round that fails is over: the next begins with a new plan. */
  begin(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#run().finally(() => {
      this.#running = false;
      this.#step = undefined;
    });
  }

  timeOut(): void {
    this.#timeOut?.();
  }

  kill(): void {
    this.#slot.kill();
    for (const zombie of this.zombies) zombie.kill();
  }

  async #run(): Promise<void> {
    try {
      const steps = this.#steps();
      const hooks = {
        enter: () => {},
        goesOn: () => true,
        shielded: <T>(work: () => Promise<T>) => work(),
      };
      const request = { tenant: acme, workflowId: "merge/acme" };
      const result = await mergeRound(steps, hooks, request);
      if (result.kind !== "merged" || result.plan.purpose === "repair") return;
      const { from, to, piecesBefore, piecesThrough: through } = result.plan;
      await steps.cleanSuperseded({ tenant: acme, from, to, piecesBefore });
      await steps.sweepHeads({ tenant: acme, through });
    } catch {
      // TM3: the next round begins with a new plan.
    }
  }

  #steps(): MergeActivities {
    const step =
      <Name extends Step>(name: Name) =>
      (request: never): Promise<never> =>
        this.#repeat(name, request);
    return {
      planMerge: step("planMerge"),
      writeRange: step("writeRange"),
      verifyRange: step("verifyRange"),
      commitMerge: step("commitMerge"),
      cleanSuperseded: step("cleanSuperseded"),
      sweepHeads: step("sweepHeads"),
    };
  }

  async #repeat(name: Step, request: never): Promise<never> {
    this.#step = name;
    for (let attempt = 1; ; attempt += 1) {
      const slot = new Slot(this.#options.faults);
      this.#slot = slot;
      const ports = this.#options.portsOf(slot);
      const activities = this.#options.plant(createMergeActivities(ports), ports);
      const { promise: timedOut, resolve: timeOut } = Promise.withResolvers<"timed out">();
      this.#timeOut = () => timeOut("timed out");
      const work = activities[name](request) as Promise<never>;
      const ended = await Promise.race([
        work.then(
          (value) => ({ value }),
          (thrown: unknown) => ({ thrown }),
        ),
        timedOut,
      ]);
      if (ended === "timed out") this.zombies.push(slot);
      else if ("value" in ended) return ended.value;
      if (attempt < attemptsMax) continue;
      throw ended === "timed out" ? new Error(ended) : ended.thrown;
    }
  }
}

/**
 * The merge worker of the simulation: the real stories (workflows/merge-round.ts,
 * tenant-confirm.ts, tenant-scrub.ts) over the real activities, with Temporal's part played here.
 * An attempt of an activity that times out runs on as a zombie, beside the next attempt with the
 * same input: that is what a second worker is. One that is cancelled runs on too, beside whatever
 * comes next. A failed one is repeated a few times, then its story ends and begins anew.
 */

import type { MergePorts } from "../../activities/context.ts";
import { createMergeActivities } from "../../activities/steps.ts";
import type { Position } from "../../src/contract/ids.ts";
import { type MergeActivities, makeSteps } from "../../src/contract/merge-steps.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { mergeRound } from "../../workflows/merge-round.ts";
import { TenantConfirm } from "../../workflows/tenant-confirm.ts";
import { TenantScrub } from "../../workflows/tenant-scrub.ts";
import { acme } from "../actors/kit.ts";
import { type Faults, Slot } from "./slot.ts";

const attemptsMax = 3;

export type Ended = "timed out" | "cancelled";

export interface MergerOptions {
  readonly faults: Faults;
  readonly clock: Clock;
  readonly portsOf: (slot: Slot) => MergePorts;
  /** Stands between the story and the activities of an attempt: where a test plants a wrong one. */
  readonly plant: (activities: MergeActivities, ports: MergePorts) => MergeActivities;
}

type Step = keyof MergeActivities;
export type Work = "merge" | "confirm" | "scrub";

/** Steps whose effect rests on a look at cold that no later one can catch up with. */
const deciding: readonly (Step | undefined)[] = ["commitMerge", "confirmMerge", "finishScrub"];

export class Merger {
  readonly #options: MergerOptions;
  #slot: Slot;
  #step: Step | undefined;
  #end: ((how: Ended) => void) | undefined;
  #running = false;
  #scrubs = false;
  /** Durable, as a workflow's state is: it outlives the worker. */
  readonly confirm: TenantConfirm;
  readonly #zombies: { readonly slot: Slot; readonly step: Step }[] = [];

  constructor(options: MergerOptions, confirm = new TenantConfirm({ tenant: acme, confirmMs: 0 })) {
    this.#options = options;
    this.confirm = confirm;
    this.#slot = new Slot(options.faults);
  }

  /** Of the attempt that counts. */
  get slot(): Slot {
    return this.#slot;
  }

  get running(): boolean {
    return this.#running;
  }

  get zombie(): Slot | undefined {
    return this.#zombies.find(({ slot }) => slot.waits)?.slot;
  }

  /** A scrub, which looks at cold over many steps, is under way. */
  get scrubs(): boolean {
    return this.#scrubs;
  }

  /** Some attempt, living or zombie, may be about to tell others what it saw in cold. */
  get decides(): boolean {
    const waiting = this.#zombies.filter(({ slot }) => slot.waits).map(({ step }) => step);
    return [this.#step, ...waiting].some((step) => deciding.includes(step));
  }

  /**
   * Begins a story, unless one is under way. One that fails is over: the next begins with a new
   * plan.
   */
  begin(work: Work): void {
    if (this.#running) return;
    this.#running = true;
    this.#scrubs = work === "scrub";
    void this.#run(work).finally(() => {
      this.#running = false;
      this.#scrubs = false;
      this.#step = undefined;
    });
  }

  /** The attempt runs on, and nothing waits for it any more. */
  giveUp(how: Ended): void {
    this.#end?.(how);
  }

  kill(): void {
    this.#slot.kill();
    for (const { slot } of this.#zombies) slot.kill();
  }

  async #run(work: Work): Promise<void> {
    const { clock } = this.#options;
    const nowMs = (): number => clock.nowMs();
    const steps = this.#steps();
    try {
      if (work === "confirm") {
        if (this.confirm.dueInMs(nowMs()) > 0) return;
        return await this.confirm.step(steps, nowMs);
      }
      if (work === "scrub") {
        const scrub = new TenantScrub(undefined);
        scrub.due();
        const options = { tenant: acme, settleMs: 0, nowMs };
        while (scrub.hasPendingWork()) await scrub.step(steps, options);
        return;
      }
      const hooks = {
        enter: () => {},
        shouldContinue: () => true,
        uncancellable: <T>(work: () => Promise<T>) => work(),
      };
      const request = { tenant: acme, workflowId: "merge/acme" };
      const result = await mergeRound(steps, hooks, request);
      const owe = (to: Position): void => this.confirm.owe({ to, committedAtMs: nowMs() });
      if (result.kind === "nothing" && result.unconfirmedTo) owe(result.unconfirmedTo);
      if (result.kind !== "merged") return;
      if (result.unconfirmed) owe(result.plan.to);
      if (result.plan.purpose === "repair") return;
      const { from, to, piecesBefore, piecesThrough: through } = result.plan;
      await steps.cleanSuperseded({ tenant: acme, from, to, piecesBefore, settleMs: 0 });
      await steps.sweepHeads({ tenant: acme, through });
    } catch {
      // TM3: the next round begins with a new plan.
    }
  }

  #steps(): MergeActivities {
    return makeSteps((name) => (request) => this.#repeat(name, request as never));
  }

  async #repeat(name: Step, request: never): Promise<never> {
    this.#step = name;
    for (let attempt = 1; ; attempt += 1) {
      const slot = new Slot(this.#options.faults);
      this.#slot = slot;
      const ports = this.#options.portsOf(slot);
      const activities = this.#options.plant(createMergeActivities(ports), ports);
      const { promise: givenUp, resolve: end } = Promise.withResolvers<Ended>();
      this.#end = end;
      const work = activities[name](request) as Promise<never>;
      const ended = await Promise.race([
        work.then(
          (value) => ({ value }),
          (thrown: unknown) => ({ thrown }),
        ),
        givenUp,
      ]);
      if (typeof ended === "string") this.#zombies.push({ slot, step: name });
      else if ("value" in ended) return ended.value;
      if (attempt < attemptsMax && ended !== "cancelled") continue;
      throw typeof ended === "string" ? new Error(ended) : ended.thrown;
    }
  }
}

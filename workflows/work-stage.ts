/**
 * Pure: what the merges of a tenant are doing at the moment, as states that carry their data, and
 * what each event makes of each. A request to cancel lives in the state of the work that it is for,
 * so it ends with that work and cannot reach what comes later.
 */

import { FreshetError } from "../src/contract/errors.ts";
import type { MergeState } from "./merge-state.ts";

/** `shown` is what an operator sees. */
export type WorkStage =
  /** Nothing is in work; `shown` is what the tenant waits for, or what it did last. */
  | { readonly is: "waiting"; readonly shown: MergeState }
  /** A step is in work, and `cancel` makes it fail. */
  | { readonly is: "working"; readonly shown: MergeState; readonly cancel: () => void }
  /** The step in work was asked to end. */
  | { readonly is: "stopping"; readonly shown: MergeState }
  /** A merge failed, and the next attempt waits for its time. */
  | { readonly is: "backing-off"; readonly shown: MergeState }
  /** The wait for the next attempt is to end, and no attempt follows. */
  | { readonly is: "giving-up"; readonly shown: MergeState };

export type WorkEvent =
  | { readonly is: "begin"; readonly shown: MergeState; readonly cancel: () => void }
  | { readonly is: "show"; readonly shown: MergeState }
  | { readonly is: "cancel" }
  | { readonly is: "fail"; readonly shown: MergeState }
  | { readonly is: "end" };

type Stage<Is extends WorkStage["is"]> = Extract<WorkStage, { is: Is }>;
type Event<Is extends WorkEvent["is"]> = Extract<WorkEvent, { is: Is }>;

type Transitions = {
  readonly [From in WorkStage["is"]]: {
    readonly [On in WorkEvent["is"]]: (stage: Stage<From>, event: Event<On>) => WorkStage;
  };
};

const waiting = ({ shown }: { readonly shown: MergeState }): WorkStage => ({
  is: "waiting",
  shown,
});
const stay = (stage: WorkStage): WorkStage => stage;
const never = (stage: WorkStage, event: WorkEvent): never => {
  throw new FreshetError("internal", `merges cannot ${event.is} while they are ${stage.is}`);
};

const transitions: Transitions = {
  waiting: {
    begin: (_, { shown, cancel }) => ({ is: "working", shown, cancel }),
    show: (_, event) => waiting(event),
    cancel: stay,
    fail: never,
    end: never,
  },
  working: {
    begin: never,
    show: ({ cancel }, { shown }) => ({ is: "working", shown, cancel }),
    cancel: ({ shown }) => ({ is: "stopping", shown }),
    fail: (_, { shown }) => ({ is: "backing-off", shown }),
    end: waiting,
  },
  stopping: {
    begin: never,
    show: (_, { shown }) => ({ is: "stopping", shown }),
    cancel: stay,
    fail: (_, { shown }) => ({ is: "giving-up", shown }),
    end: waiting,
  },
  "backing-off": {
    begin: never,
    show: never,
    cancel: ({ shown }) => ({ is: "giving-up", shown }),
    fail: never,
    end: waiting,
  },
  "giving-up": {
    begin: never,
    show: never,
    cancel: stay,
    fail: never,
    end: waiting,
  },
};

/** @throws FreshetError internal when the event has no place in the stage */
export function nextStage(stage: WorkStage, event: WorkEvent): WorkStage {
  // The table's cell is that of this very stage and event, which no type of an index can say.
  const cell = transitions[stage.is][event.is] as (from: WorkStage, on: WorkEvent) => WorkStage;
  return cell(stage, event);
}

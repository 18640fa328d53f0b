/**
 * The workflow `merge/<tenant>`: an entity, started by the first signal or update that concerns the
 * tenant. The story is in tenant-merges.ts; this file gives it Temporal's time, activities,
 * handlers and display.
 *
 * It completes when nothing is to do for a while, instead of staying open: Temporal UI then lists
 * as running what really runs, new code needs no versioning of year-old runs, and signal-with-start
 * makes starting it again free. History is bounded by continue-as-new; inputs and results are
 * descriptors, never documents.
 */

import type { ActivityOptions } from "@temporalio/workflow";
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  patched,
  scheduleActivity,
  setCurrentDetails,
  setHandler,
  TimeoutFailure,
  upsertSearchAttributes,
  workflowInfo,
} from "@temporalio/workflow";
import { type ErrorCode, errorTable } from "../src/contract/errors.ts";
import type { Position } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import {
  type MergeError,
  type MergeInput,
  type MergeOutcome,
  type MergePlan,
  type MergeProgress,
  type MergeReason,
  mergeSearchAttributes,
} from "../src/contract/merge.ts";
import {
  type MergeActivities,
  type MergeStepName,
  makeSteps,
  mergeSteps,
  type RequestOf,
  type ResultOf,
} from "../src/contract/merge-steps.ts";
import type { ScrubOutcome } from "../src/contract/scrub.ts";
import type { MergeRuntime } from "./merge-runtime.ts";
import { describeState, type MergeState, planOf } from "./merge-state.ts";
import { TenantMerges } from "./tenant-merges.ts";

export const dueSignal = defineSignal<[{ readonly reason: MergeReason }]>("due");
export const progressQuery = defineQuery<MergeProgress>("progress");
export const forceUpdate = defineUpdate<MergeOutcome, [{ readonly upTo?: Position | undefined }]>(
  "force",
);
export const previewUpdate = defineUpdate<MergePlan>("preview");
export const pauseUpdate = defineUpdate<MergeProgress>("pause");
export const resumeUpdate = defineUpdate<MergeProgress>("resume");
export const scrubSignal = defineSignal("scrubDue");
export const scrubUpdate = defineUpdate<ScrubOutcome>("scrub");
export const cancelUpdate = defineUpdate<{ readonly cancelled: boolean }>("cancel");

export async function mergeTenant(input: MergeInput): Promise<MergeProgress> {
  const merges = new TenantMerges(temporalSteps(input), temporalRuntime(input), input);
  setHandler(dueSignal, () => merges.due());
  setHandler(progressQuery, () => merges.progress());
  setHandler(forceUpdate, ({ upTo }) => merges.force(upTo));
  setHandler(scrubSignal, () => merges.scrubDue());
  setHandler(scrubUpdate, () => merges.scrub());
  setHandler(previewUpdate, () => merges.preview());
  setHandler(pauseUpdate, () => {
    merges.pause();
    return merges.progress();
  });
  setHandler(resumeUpdate, () => {
    merges.resume();
    return merges.progress();
  });
  setHandler(cancelUpdate, () => ({ cancelled: merges.cancel() }));
  for (;;) {
    const end = await merges.run();
    // One that came after `run` ended waits for a merge or a scrub: only `run` can finish its
    // handler.
    await condition(() => allHandlersFinished() || merges.hasCallers());
    if (merges.hasCallers()) continue;
    // What came in while the last handlers finished is not lost: the loop looks again, the next run
    // carries it.
    if (end === "complete" && !merges.hasPendingWork()) return merges.progress();
    if (end === "complete") continue;
    await continueAsNew<typeof mergeTenant>({ ...input, carried: merges.carried() });
  }
}

// --- activities --------------------------------------------------------------------------------

/** Every descriptor says whose work it is: a worker of another deployment refuses it. */
function temporalSteps({ deployment }: MergeInput): MergeActivities {
  return makeSteps(<Name extends MergeStepName>(name: Name) => (request: RequestOf<Name>) => {
    const described = deployment === undefined ? request : { ...request, deployment };
    return scheduleActivity<ResultOf<Name>>(name, [described], optionsOf(name, request));
  });
}

/**
 * Few attempts inside Temporal, so that a short hiccup costs nothing; then the workflow itself says
 * what is wrong and waits longer (TM3), which a policy of endless retries would hide. Heartbeats
 * find a dead worker within half a minute; the attempt's own limit only ends one that hangs while
 * it beats.
 */
function optionsOf<Name extends MergeStepName>(
  name: Name,
  request: RequestOf<Name>,
): ActivityOptions {
  const { summary, attemptMs, heartbeatMs } = mergeSteps[name];
  return {
    summary: summary(request),
    startToCloseTimeout: attemptMs,
    heartbeatTimeout: heartbeatMs,
    retry: {
      initialInterval: limits.mergeRetryMinMs,
      backoffCoefficient: 2,
      maximumAttempts: limits.mergeActivityAttemptsMax,
    },
    // An abandoned attempt is harmless, so a cancel need not wait for it: ids are immutable,
    // commits compare and set, no delete rests on a look that may be old (CS1, SC1, RP1), and once
    // it hears of its end it has no more effects.
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  };
}

// --- runtime -----------------------------------------------------------------------------------

/** Half of the server's warning: a run that only collects signals ends before it. */
const historyEventsMax = 5_000;

function temporalRuntime(input: MergeInput): MergeRuntime {
  return {
    // Deterministic in a workflow: the SDK replaces Date by the time of the current task.
    nowMs: () => Date.now(),
    until: async (holds, timeoutMs) => {
      if (timeoutMs !== undefined) return timeoutMs > 0 ? condition(holds, timeoutMs) : holds();
      await condition(holds);
      return true;
    },
    cancellable() {
      const scope = new CancellationScope();
      return { run: (work) => scope.run(work), cancel: () => scope.cancel() };
    },
    uncancellable: (work) => CancellationScope.nonCancellable(work),
    failureOf,
    isFull: () =>
      workflowInfo().continueAsNewSuggested || workflowInfo().historyLength > historyEventsMax,
    isNew: patched,
    onState: display(input),
  };
}

/**
 * Codes travel as the failure's type. A worker that vanished is a time-out: Temporal's own to
 * explain.
 */
function failureOf(thrown: unknown): MergeError | undefined {
  if (!(thrown instanceof ActivityFailure) || isCancellation(thrown)) return undefined;
  const { cause } = thrown;
  if (cause instanceof TimeoutFailure) {
    return { code: "temporal_unavailable", message: "an activity ran out of time or of workers" };
  }
  if (!(cause instanceof ApplicationFailure))
    return { code: "internal", message: "no cause given" };
  const code = cause.type ?? "";
  return {
    code: Object.hasOwn(errorTable, code) ? (code as ErrorCode) : "internal",
    message: cause.message,
  };
}

// --- display -----------------------------------------------------------------------------------

/**
 * A key is its name and type; the function that makes one lives in a package that is not the
 * workflow's.
 */
function keyOf<Name extends keyof typeof mergeSearchAttributes>(name: Name) {
  return { name, type: mergeSearchAttributes[name] };
}

/** Search attributes change with the phase only: each change is an event of the history. */
function display({ tenant }: MergeInput): (state: MergeState) => void {
  let shown: string | undefined;
  return (state) => {
    setCurrentDetails(describeState(state));
    const plan = planOf(state);
    const key = `${state.phase} ${plan?.to ?? ""}`;
    if (key === shown) return;
    shown = key;
    upsertSearchAttributes([
      { key: keyOf("FreshetTenant"), value: tenant },
      { key: keyOf("FreshetPhase"), value: state.phase },
      ...(plan === null
        ? []
        : [
            { key: keyOf("FreshetFrom"), value: plan.from },
            { key: keyOf("FreshetTo"), value: plan.to },
            { key: keyOf("FreshetChunks"), value: plan.chunks },
          ]),
    ]);
  };
}

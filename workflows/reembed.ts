/**
 * The workflow `reembed/<tenant>`: builds another generation of a tenant, in the background. The
 * story is in reembed-story.ts. What must last is in the log: a workflow that is lost, or started
 * twice, loses and doubles nothing.
 */

import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from "@temporalio/workflow";
import { limits } from "../src/contract/limits.ts";
import {
  type BuildRequest,
  type BuildTurn,
  type ReembedActivities,
  type ReembedInput,
  type ReembedProgress,
  reembedNames,
} from "../src/contract/reembed.ts";
import { describeReembed, type ReembedSteps, reembedStory } from "./reembed-story.ts";

export const pauseReembedSignal = defineSignal(reembedNames.pauseSignal);
export const resumeReembedSignal = defineSignal<[{ readonly textsPerS?: number | undefined }]>(
  reembedNames.resumeSignal,
);
export const reembedProgressQuery = defineQuery<ReembedProgress>(reembedNames.progressQuery);

/** Half of the server's warning: one that only collects signals ends before it. */
const historyEventsMax = 5_000;

export async function reembedTenant(input: ReembedInput): Promise<ReembedProgress> {
  const run = new Reembedding(input);
  setHandler(reembedProgressQuery, () => run.progress);
  setHandler(pauseReembedSignal, () => run.pause());
  setHandler(resumeReembedSignal, ({ textsPerS }) => run.resume(textsPerS));
  run.show({});
  const end = await reembedStory(run, input.carried);
  if (end !== "long") return run.progress;
  return continueAsNew<typeof reembedTenant>({ ...input, ...run.carried() });
}

class Reembedding implements ReembedSteps {
  progress: ReembedProgress;
  readonly #input: ReembedInput;
  readonly #activities: ReembedActivities;
  #paused: boolean;
  #inHand: CancellationScope | undefined;

  constructor(input: ReembedInput) {
    const { tenant, model, textsPerS, carried } = input;
    this.#input = input;
    this.#activities = activitiesOf(input);
    this.#paused = carried?.paused ?? false;
    this.progress = {
      ...{ tenant, model, number: carried?.number ?? null, phase: "starting" },
      ...{ textsPerS, texts: carried?.texts ?? 0, done: 0, total: 0 },
      startedAtMs: carried?.startedAtMs ?? Date.now(),
    };
  }

  pause(): void {
    this.#paused = true;
    this.#inHand?.cancel();
  }

  resume(textsPerS = this.progress.textsPerS): void {
    this.#paused = false;
    if (textsPerS === this.progress.textsPerS) return;
    this.show({ textsPerS });
    // The turn in hand has the old rate.
    this.#inHand?.cancel();
  }

  show(change: Partial<ReembedProgress>): void {
    this.progress = { ...this.progress, ...change };
    const { tenant, phase, texts } = this.progress;
    setCurrentDetails(describeReembed(this.progress));
    upsertSearchAttributes({
      FreshetTenant: [tenant],
      FreshetPhase: [phase],
      FreshetChunks: [texts],
    });
  }

  carried(): Pick<ReembedInput, "textsPerS" | "carried"> {
    const { texts, textsPerS, startedAtMs, number } = this.progress;
    const carried = { number: number ?? 0, paused: this.#paused, texts, startedAtMs };
    return { textsPerS, carried };
  }

  begin(): Promise<{ readonly number: number }> {
    const { tenant, model } = this.#input;
    return this.#activities.beginGeneration({ tenant, model, ...this.#described() });
  }

  async turn(number: number): Promise<BuildTurn | undefined> {
    const scope = new CancellationScope();
    this.#inHand = scope;
    try {
      return await scope.run(() => this.#activities.buildGeneration(this.#request(number)));
    } catch (thrown) {
      const isOurs = isCancellation(thrown) && scope.consideredCancelled;
      if (!isOurs || CancellationScope.current().consideredCancelled) throw thrown;
      return undefined;
    } finally {
      this.#inHand = undefined;
    }
  }

  join(number: number): Promise<void> {
    return this.#activities.joinGeneration(this.#request(number));
  }

  feed(number: number): Promise<void> {
    return this.#activities.feedGeneration(this.#request(number));
  }

  isPaused(): boolean {
    return this.#paused;
  }

  async unpaused(): Promise<void> {
    await condition(() => !this.#paused);
  }

  isLong(): boolean {
    return workflowInfo().historyLength > historyEventsMax;
  }

  #request(number: number): BuildRequest {
    const { tenant } = this.#input;
    return { tenant, number, textsPerS: this.progress.textsPerS, ...this.#described() };
  }

  #described(): Pick<ReembedInput, "deployment"> {
    const { deployment } = this.#input;
    return deployment === undefined ? {} : { deployment };
  }
}

function activitiesOf({ tenant, model, taskQueue }: ReembedInput): ReembedActivities {
  return proxyActivities<ReembedActivities>({
    taskQueue,
    summary: `re-embed tenant ${tenant} by ${model}`,
    startToCloseTimeout: 20 * limits.reembedTurnMs,
    heartbeatTimeout: limits.mergeHeartbeatMs,
    retry: {
      initialInterval: limits.mergeRetryMinMs,
      backoffCoefficient: 2,
      maximumInterval: limits.reembedRetryMaxMs,
    },
    // Waited for: the next turn would append beside it.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
}

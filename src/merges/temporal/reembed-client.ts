/** Starting and steering re-embeddings over Temporal. */

import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from "@temporalio/client";
import { errorTable, FreshetError } from "../../contract/errors.ts";
import type { TenantId } from "../../contract/ids.ts";
import { mergeNames } from "../../contract/merge.ts";
import {
  type ReembedInput,
  type ReembedProgress,
  reembedNames,
  reembedWorkflowId,
} from "../../contract/reembed.ts";
import type { ReembedClient } from "../port.ts";
import { fromFailure } from "./failures.ts";

/** The queue of the activities, which is not that of merges. */
export function reembedQueue({
  taskQueue = mergeNames.taskQueue,
}: {
  readonly taskQueue?: string | undefined;
}): string {
  return `${taskQueue}${reembedNames.queueSuffix}`;
}

interface Parts {
  /** As the merge client calls Temporal: with a deadline, and failures of ours. */
  readonly call: <Result>(run: (client: Client) => Promise<Result>) => Promise<Result>;
  readonly deployment?: string | undefined;
  readonly taskQueue?: string | undefined;
}

export function createReembedClient({ call, deployment, taskQueue }: Parts): ReembedClient {
  const handled = <Result>(
    tenant: TenantId,
    use: (handle: ReturnType<Client["workflow"]["getHandle"]>) => Promise<Result>,
  ): Promise<Result | undefined> =>
    call(async (client) => {
      try {
        return await use(client.workflow.getHandle(reembedWorkflowId(tenant)));
      } catch (thrown) {
        if (thrown instanceof WorkflowNotFoundError) return undefined;
        throw thrown;
      }
    });
  return {
    start: (tenant, { model, textsPerS }) =>
      call(async (client) => {
        const input: ReembedInput = {
          ...{ tenant, model, textsPerS, taskQueue: reembedQueue({ taskQueue }) },
          ...(deployment === undefined ? {} : { deployment }),
        };
        try {
          await client.workflow.start(reembedNames.workflow, {
            workflowId: reembedWorkflowId(tenant),
            taskQueue: taskQueue ?? mergeNames.taskQueue,
            args: [input],
            workflowIdConflictPolicy: "FAIL",
            workflowIdReusePolicy: "ALLOW_DUPLICATE",
            staticSummary: `re-embed tenant ${tenant} by ${model}`,
          });
        } catch (thrown) {
          if (!(thrown instanceof WorkflowExecutionAlreadyStartedError)) throw thrown;
          const message = `tenant ${tenant} is being re-embedded already`;
          throw new FreshetError("invalid_request", message, { cause: thrown });
        }
      }),
    pause: async (tenant) =>
      (await handled(tenant, (handle) => handle.signal(reembedNames.pauseSignal).then(is))) ===
      is(),
    resume: async (tenant, change) =>
      (await handled(tenant, (handle) =>
        handle.signal(reembedNames.resumeSignal, change).then(is),
      )) === is(),
    cancel: async (tenant) =>
      (await handled(tenant, (handle) => handle.terminate("it was given up").then(is))) === is(),
    progress: async (tenant) => {
      const found = await handled(tenant, (handle) =>
        handle.query<ReembedProgress>(reembedNames.progressQuery),
      );
      return found ?? null;
    },
    outcome: async (tenant) => {
      const found = await handled(tenant, async (handle) => {
        const { status, raw } = await handle.describe();
        const why = whyWaiting(raw.pendingActivities ?? []);
        if (status.name === "RUNNING" && why !== undefined) return { status: status.name, why };
        if (status.name !== "FAILED") return { status: status.name };
        const thrown: unknown = await handle.result().catch((failure: unknown) => failure);
        return { status: status.name, why: fromFailure(thrown)?.message };
      });
      return found ?? null;
    },
  };
}

/** What the last attempt of its step ended with, in words of ours (I10). */
function whyWaiting(
  pending: readonly {
    readonly lastFailure?: {
      readonly message?: string | null;
      readonly applicationFailureInfo?: { readonly type?: string | null } | null;
    } | null;
  }[],
): string | undefined {
  for (const { lastFailure } of pending) {
    const code = lastFailure?.applicationFailureInfo?.type ?? "";
    if (Object.hasOwn(errorTable, code)) return lastFailure?.message ?? code;
  }
  return undefined;
}

const is = (): true => true;

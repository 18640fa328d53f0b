/**
 * The merge client over Temporal: what is asked of its workflows (the connection is link.ts). Each
 * failure is a FreshetError. Requests are idempotent, so an unknown outcome may simply be asked for
 * again.
 */

import {
  WithStartWorkflowOperation,
  type WorkflowHandleWithFirstExecutionRunId,
  WorkflowNotFoundError,
} from "@temporalio/client";
import type { mergeTenant } from "../../../workflows/merge.ts";
import { deliveryNames } from "../../contract/delivery.ts";
import { type Deletes, eraseWorkflowId } from "../../contract/erase.ts";
import { FreshetError } from "../../contract/errors.ts";
import type { TenantId, Version } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import {
  type MergeDue,
  type MergeInput,
  type MergeOutcome,
  type MergePlan,
  type MergeProgress,
  type MergeReason,
  mergeNames,
  mergeWorkflowId,
} from "../../contract/merge.ts";
import { type Logger, silentLogger } from "../../contract/observation.ts";
import type { EraseState } from "../../contract/operations.ts";
import type { SignedReceipt } from "../../contract/receipt.ts";
import type { ScrubOutcome } from "../../contract/scrub.ts";
import type { Tracer } from "../../contract/tracing.ts";
import { withoutEnd } from "../../contract/without-end.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { DeliveryClient, EraseClient, MergeClient, ReembedClient } from "../port.ts";
import type { TemporalAccess } from "./access.ts";
import { wasRaced } from "./client-failures.ts";
import { deliveryStart } from "./delivery-start.ts";
import { documentsErase, type EraseStart, tenantErase } from "./erase-start.ts";
import { eraseStateOf } from "./erase-state.ts";
import { TemporalLink } from "./link.ts";
import { createReembedClient } from "./reembed-client.ts";
import { ensureSchedules } from "./schedules.ts";

export interface TemporalOptions extends TemporalAccess {
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
  readonly tracer?: Tracer | undefined;
  /** How long merged chunks stay hot; `limits.mergeGraceMs` by default. */
  readonly graceMs?: number | undefined;
  /** From commit to the deletion of what it superseded; `limits.mergeSettleMs` by default. */
  readonly settleMs?: number | undefined;
  /** `Log.deployment` of the log that is merged; without it deployments are not compared. */
  readonly deployment?: string | undefined;
  /**
   * From commit to its confirmation, until which hot keeps it; `limits.mergeConfirmMs` by default.
   */
  readonly confirmMs?: number | undefined;
  /** Another queue keeps two deployments (or two tests) on one server apart. */
  readonly taskQueue?: string | undefined;
}

export type TemporalClients = MergeClient &
  EraseClient &
  DeliveryClient & { readonly reembeds: ReembedClient };

type EraseHandle = WorkflowHandleWithFirstExecutionRunId;

const racedAttemptsMax = 3;

/** Never fails: the first use of the result connects. */
export function connectTemporal(options: TemporalOptions): TemporalClients {
  return new TemporalMergeClient(options);
}

class TemporalMergeClient implements TemporalClients {
  readonly #options: TemporalOptions;
  readonly #logger: Logger;
  readonly #link: TemporalLink;

  constructor(options: TemporalOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#link = new TemporalLink({ ...options, logger: this.#logger });
  }

  due(tenant: TenantId, reason: MergeReason): Promise<void> {
    return this.#link.call(limits.temporalRequestMs, async () => {
      const { deployment } = this.#options;
      const due: MergeDue = { reason, ...(deployment === undefined ? {} : { deployment }) };
      await this.#link.client.workflow.signalWithStart<typeof mergeTenant, [MergeDue]>(
        mergeNames.workflow,
        { ...this.#start(tenant), signal: "due", signalArgs: [due] },
      );
    });
  }

  force(
    tenant: TenantId,
    options: Parameters<MergeClient["force"]>[1] = {},
  ): Promise<MergeOutcome> {
    const { upTo } = options;
    const forceMs = limits.mergeForceMs;
    return this.#update<MergeOutcome>(tenant, "force", { args: [{ upTo }], timeoutMs: forceMs });
  }

  scrubDue(tenant: TenantId): Promise<void> {
    return this.#link.call(limits.temporalRequestMs, async () => {
      await this.#link.client.workflow.signalWithStart<typeof mergeTenant, []>(
        mergeNames.workflow,
        {
          ...this.#start(tenant),
          signal: "scrubDue",
        },
      );
    });
  }

  scrub(tenant: TenantId): Promise<ScrubOutcome> {
    return this.#update<ScrubOutcome>(tenant, "scrub", { timeoutMs: limits.mergeForceMs });
  }

  preview(tenant: TenantId): Promise<MergePlan> {
    return this.#update<MergePlan>(tenant, "preview");
  }

  pause(tenant: TenantId): Promise<MergeProgress> {
    return this.#update<MergeProgress>(tenant, "pause");
  }

  resume(tenant: TenantId): Promise<MergeProgress> {
    return this.#update<MergeProgress>(tenant, "resume");
  }

  async cancel(tenant: TenantId): Promise<boolean> {
    return (await this.#update<{ cancelled: boolean }>(tenant, "cancel")).cancelled;
  }

  async progress(tenant: TenantId): Promise<MergeProgress | null> {
    return this.#link.call(limits.temporalRequestMs, async () => {
      const handle = this.#link.client.workflow.getHandle(mergeWorkflowId(tenant));
      try {
        return await handle.query<MergeProgress>("progress");
      } catch (thrown) {
        if (thrown instanceof WorkflowNotFoundError) return null;
        throw thrown;
      }
    });
  }

  eraseTenant(tenant: TenantId): Promise<SignedReceipt> {
    return this.#erase(tenantErase(tenant, this.#options));
  }

  eraseDocuments(tenant: TenantId, deletes: Deletes): Promise<SignedReceipt> {
    return this.#erase(documentsErase(tenant, deletes, this.#options));
  }

  async beginErase(tenant: TenantId, deletes: Deletes): Promise<void> {
    await this.#beginErase(documentsErase(tenant, deletes, this.#options));
  }

  async eraseState(tenant: TenantId, version: Version): Promise<EraseState | null> {
    const id = eraseWorkflowId(tenant, version);
    return this.#link.call(limits.temporalRequestMs, () => eraseStateOf(this.#link.client, id));
  }

  async isErasing(tenant: TenantId, version: Version): Promise<boolean> {
    return (await this.eraseState(tenant, version))?.state === "running";
  }

  /**
   * The wait is the caller's to bound: an erase takes what it takes. One that a lost log left under
   * way is refused by the workers of the log that took its place: then ours begins.
   */
  async #erase(start: EraseStart): Promise<SignedReceipt> {
    const joined = await this.#beginErase(start);
    try {
      return await this.#receiptOf(joined);
    } catch (thrown) {
      if (!(thrown instanceof FreshetError) || thrown.code !== "log_identity") throw thrown;
      if (await this.#isOurs(joined)) throw thrown;
      return this.#receiptOf(await this.#beginErase(start));
    }
  }

  #receiptOf(handle: EraseHandle): Promise<SignedReceipt> {
    return this.#link.call(
      limits.eraseActivityMs,
      async () => (await handle.result()) as SignedReceipt,
    );
  }

  #isOurs({ workflowId, firstExecutionRunId }: EraseHandle): Promise<boolean> {
    return this.#link.call(limits.temporalRequestMs, async () => {
      const run = this.#link.client.workflow.getHandle(workflowId, firstExecutionRunId);
      const { memo } = await run.describe();
      return memo?.["deployment"] === (this.#options.deployment ?? null);
    });
  }

  /** Joins the one that runs. */
  #beginErase({ type, workflowId, input }: EraseStart) {
    return this.#link.call(limits.temporalRequestMs, () =>
      this.#link.client.workflow.start(type, {
        ...{ workflowId, taskQueue: this.#taskQueue, args: [input] },
        workflowIdConflictPolicy: "USE_EXISTING",
        workflowIdReusePolicy: "ALLOW_DUPLICATE",
        staticSummary: `erase of tenant ${input.tenant}, or of documents of it`,
        memo: { deployment: this.#options.deployment ?? null },
      }),
    );
  }

  get reembeds(): ReembedClient {
    const call: Parameters<typeof createReembedClient>[0]["call"] = (run) =>
      this.#link.call(limits.temporalRequestMs, () => run(this.#link.client));
    return createReembedClient({ ...this.#options, call });
  }

  deliveryDue(tenant: TenantId, endpoint: string): Promise<void> {
    const start = deliveryStart(tenant, endpoint, this.#options);
    return this.#link.call(limits.temporalRequestMs, async () => {
      await this.#link.client.workflow.start(deliveryNames.workflow, start);
    });
  }

  deliveryChanged(tenant: TenantId, endpoint: string): Promise<void> {
    const start = deliveryStart(tenant, endpoint, this.#options);
    const signal = deliveryNames.changedSignal;
    return this.#link.call(limits.temporalRequestMs, async () => {
      await this.#link.client.workflow.signalWithStart(deliveryNames.workflow, {
        ...start,
        signal,
      });
    });
  }

  ensureSchedule(): Promise<void> {
    const { deployment, namespace } = this.#options;
    return ensureSchedules({
      ...{ deployment, namespace, taskQueue: this.#taskQueue, logger: this.#logger },
      call: (run) => this.#link.call(limits.temporalRequestMs, () => run(this.#link.client)),
    });
  }

  workflowUrl(tenant: TenantId, uiUrl: string): string {
    const id = encodeURIComponent(mergeWorkflowId(tenant));
    const namespace = encodeURIComponent(this.#link.namespace);
    return `${withoutEnd(uiUrl, "/")}/namespaces/${namespace}/workflows/${id}`;
  }

  ping(): Promise<void> {
    return this.#link.ping();
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  get #taskQueue(): string {
    return this.#options.taskQueue ?? mergeNames.taskQueue;
  }

  #start(tenant: TenantId) {
    const { graceMs, settleMs = limits.mergeSettleMs, deployment } = this.#options;
    const { confirmMs = limits.mergeConfirmMs } = this.#options;
    const input: MergeInput = {
      ...{ tenant, settleMs, confirmMs },
      ...(graceMs === undefined ? {} : { graceMs }),
      ...(deployment === undefined ? {} : { deployment }),
    };
    return {
      workflowId: mergeWorkflowId(tenant),
      taskQueue: this.#taskQueue,
      args: [input] as [MergeInput],
      workflowIdConflictPolicy: "USE_EXISTING" as const,
      workflowIdReusePolicy: "ALLOW_DUPLICATE" as const,
      staticSummary: `merges of tenant ${tenant} into the cold shard`,
    };
  }

  /**
   * Update-with-start, so that an update needs no run: pausing an idle tenant starts a paused one.
   */
  async #update<Result>(
    tenant: TenantId,
    name: string,
    { args = [], timeoutMs = limits.mergeUpdateMs }: { args?: unknown[]; timeoutMs?: number } = {},
  ): Promise<Result> {
    const attempt = (): Promise<Result> =>
      this.#link.client.workflow.executeUpdateWithStart<typeof mergeTenant, Result, unknown[]>(
        name,
        {
          args,
          startWorkflowOperation: new WithStartWorkflowOperation<typeof mergeTenant>(
            mergeNames.workflow,
            this.#start(tenant),
          ),
        },
      );
    return this.#link.call(timeoutMs, async () => {
      for (let raced = 1; ; raced += 1) {
        try {
          return await attempt();
        } catch (thrown) {
          if (!wasRaced(thrown) || raced >= racedAttemptsMax) throw thrown;
        }
      }
    });
  }
}

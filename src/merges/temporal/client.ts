/**
 * The merge client over Temporal. Connects when it is first used and again after every loss; each
 * failure is a FreshetError. Requests are idempotent, so an unknown outcome may simply be asked for
 * again.
 */

import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
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
import { waitAtMost } from "../../runtime/deadline.ts";
import type { DeliveryClient, EraseClient, MergeClient, ReembedClient } from "../port.ts";
import {
  accessVersion,
  connectionOf,
  explainTemporal,
  resolveAccess,
  type TemporalAccess,
} from "./access.ts";
import { transportError, wasRaced } from "./client-failures.ts";
import { deliveryStart } from "./delivery-start.ts";
import { documentsErase, type EraseStart, tenantErase } from "./erase-start.ts";
import { eraseStateOf } from "./erase-state.ts";
import { fromFailure } from "./failures.ts";
import { createReembedClient } from "./reembed-client.ts";
import { ensureSchedules } from "./schedules.ts";
import { tracedRequests } from "./tracing.ts";

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
  #namespace: string;
  #connection: Connection;
  #client: Client;
  #version: string;
  #lookAgainAtMs: number;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  constructor(options: TemporalOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#version = accessVersion(options);
    this.#lookAgainAtMs = options.clock.monotonicMs() + limits.certificateLookEveryMs;
    ({
      connection: this.#connection,
      client: this.#client,
      namespace: this.#namespace,
    } = this.#open());
  }

  /** Connects when it is first used. */
  #open() {
    const access = resolveAccess(this.#options);
    const { namespace } = access;
    const connection = Connection.lazy({
      ...connectionOf(access),
      connectTimeout: limits.temporalRequestMs,
      interceptors: [makeGrpcRetryInterceptor(retriesUntil(this.#closing.signal))],
    });
    const workflow = tracedRequests(this.#options.tracer);
    const client = new Client({ connection, namespace, interceptors: { workflow } });
    return { connection, client, namespace };
  }

  /** A connection keeps the certificates that it was made with: others need another one. */
  #renew(): void {
    const { clock } = this.#options;
    if (clock.monotonicMs() < this.#lookAgainAtMs) return;
    this.#lookAgainAtMs = clock.monotonicMs() + limits.certificateLookEveryMs;
    const version = accessVersion(this.#options);
    if (version === "" || version === this.#version) return;
    this.#version = version;
    const old = this.#connection;
    const ended = Promise.allSettled(this.#running);
    const opened = this.#open();
    this.#connection = opened.connection;
    this.#client = opened.client;
    this.#logger.info({}, "the certificates for Temporal have changed: connecting anew");
    void ended.then(() => old.close()).catch(() => {});
  }

  due(tenant: TenantId, reason: MergeReason): Promise<void> {
    return this.#call(limits.temporalRequestMs, async () => {
      const { deployment } = this.#options;
      const due: MergeDue = { reason, ...(deployment === undefined ? {} : { deployment }) };
      await this.#client.workflow.signalWithStart<typeof mergeTenant, [MergeDue]>(
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
    return this.#call(limits.temporalRequestMs, async () => {
      await this.#client.workflow.signalWithStart<typeof mergeTenant, []>(mergeNames.workflow, {
        ...this.#start(tenant),
        signal: "scrubDue",
      });
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
    return this.#call(limits.temporalRequestMs, async () => {
      const handle = this.#client.workflow.getHandle(mergeWorkflowId(tenant));
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
    return this.#call(limits.temporalRequestMs, () => eraseStateOf(this.#client, id));
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
    return this.#call(limits.eraseActivityMs, async () => (await handle.result()) as SignedReceipt);
  }

  #isOurs({ workflowId, firstExecutionRunId }: EraseHandle): Promise<boolean> {
    return this.#call(limits.temporalRequestMs, async () => {
      const run = this.#client.workflow.getHandle(workflowId, firstExecutionRunId);
      const { memo } = await run.describe();
      return memo?.["deployment"] === (this.#options.deployment ?? null);
    });
  }

  /** Joins the one that runs. */
  #beginErase({ type, workflowId, input }: EraseStart) {
    return this.#call(limits.temporalRequestMs, () =>
      this.#client.workflow.start(type, {
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
      this.#call(limits.temporalRequestMs, () => run(this.#client));
    return createReembedClient({ ...this.#options, call });
  }

  deliveryDue(tenant: TenantId, endpoint: string): Promise<void> {
    const start = deliveryStart(tenant, endpoint, this.#options);
    return this.#call(limits.temporalRequestMs, async () => {
      await this.#client.workflow.start(deliveryNames.workflow, start);
    });
  }

  deliveryChanged(tenant: TenantId, endpoint: string): Promise<void> {
    const start = deliveryStart(tenant, endpoint, this.#options);
    const signal = deliveryNames.changedSignal;
    return this.#call(limits.temporalRequestMs, async () => {
      await this.#client.workflow.signalWithStart(deliveryNames.workflow, { ...start, signal });
    });
  }

  ensureSchedule(): Promise<void> {
    const { deployment, namespace } = this.#options;
    return ensureSchedules({
      ...{ deployment, namespace, taskQueue: this.#taskQueue, logger: this.#logger },
      call: (run) => this.#call(limits.temporalRequestMs, () => run(this.#client)),
    });
  }

  workflowUrl(tenant: TenantId, uiUrl: string): string {
    const id = encodeURIComponent(mergeWorkflowId(tenant));
    const namespace = encodeURIComponent(this.#namespace);
    return `${withoutEnd(uiUrl, "/")}/namespaces/${namespace}/workflows/${id}`;
  }

  async ping(): Promise<void> {
    try {
      await this.#call(limits.temporalRequestMs, async () => {
        const namespace = this.#namespace;
        await this.#connection.workflowService.describeNamespace({ namespace });
      });
    } catch (cause) {
      const why = await explainTemporal(this.#options);
      if (why === undefined) throw cause;
      throw new FreshetError("temporal_unavailable", why, { cause });
    }
  }

  /** Requests end first: a retry on a closed channel would throw where it cannot be caught. */
  async close(): Promise<void> {
    this.#closing.abort();
    const ended = Promise.allSettled(this.#running);
    await waitAtMost(this.#options.clock, limits.temporalRequestMs, ended);
    await this.#connection.close();
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
      this.#client.workflow.executeUpdateWithStart<typeof mergeTenant, Result, unknown[]>(name, {
        args,
        startWorkflowOperation: new WithStartWorkflowOperation<typeof mergeTenant>(
          mergeNames.workflow,
          this.#start(tenant),
        ),
      });
    return this.#call(timeoutMs, async () => {
      for (let raced = 1; ; raced += 1) {
        try {
          return await attempt();
        } catch (thrown) {
          if (!wasRaced(thrown) || raced >= racedAttemptsMax) throw thrown;
        }
      }
    });
  }

  async #call<Result>(timeoutMs: number, run: () => Promise<Result>): Promise<Result> {
    try {
      this.#renew();
      const deadline = this.#options.clock.nowMs() + timeoutMs;
      const { signal } = this.#closing;
      const connection = this.#connection;
      const call = connection.withAbortSignal(signal, () => connection.withDeadline(deadline, run));
      this.#running.add(call);
      return await call.finally(() => this.#running.delete(call));
    } catch (thrown) {
      // What Temporal has answered, such as that one runs already, is no failure of a request.
      if (thrown instanceof FreshetError) throw thrown;
      const error = fromFailure(thrown) ?? transportError(thrown, timeoutMs);
      this.#logger.debug({ code: error.code }, "a request to Temporal failed");
      throw error;
    }
  }
}

/**
 * The library's retries, but none after `closing`, and without pauses that a close would have to
 * sit out.
 */
function retriesUntil(closing: AbortSignal) {
  const usual = defaultGrpcRetryOptions();
  return {
    ...usual,
    delayFunction: (...failure: Parameters<typeof usual.delayFunction>) =>
      Math.min(usual.delayFunction(...failure), limits.mergeRetryMinMs),
    retryableDecider: (...failure: Parameters<typeof usual.retryableDecider>) =>
      !closing.aborted && usual.retryableDecider(...failure),
  };
}

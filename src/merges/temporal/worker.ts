/**
 * The merge worker: bundles the workflows, polls Temporal, runs the activities against log and
 * cold.
 *
 * Owns: its connection, its Temporal worker. Never does: bring the process down because Temporal is
 * away.
 *
 *   MW1  while Temporal is down it tries again, with growing bounded pauses, until it is shut down;
 *   MW2  a shutdown lets running activities end or cancel; what they left undone is repeated
 *        elsewhere;
 *   MW4  a shutdown ends also while Temporal says nothing.
 */

import {
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
} from "@temporalio/worker";
import type { MergePorts } from "../../../activities/context.ts";
import type { TenantSources } from "../../contract/erase.ts";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import { mergeNames, mergeSearchAttributes } from "../../contract/merge.ts";
import type { Logger, Metrics } from "../../contract/observation.ts";
import type { SignReceipt } from "../../contract/receipt.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { DeliveryClient, EraseClient, MergeClient } from "../port.ts";
import { accessVersion, connectionOf, explainTemporal, resolveAccess } from "./access.ts";
import { createTemporalActivities } from "./activities.ts";
import { workflowBundle } from "./bundle.ts";
import { connectTemporal, type TemporalOptions } from "./client.ts";
import { createDeliveryWorker, type DeliveryParts, sweepDeliveries } from "./deliveries.ts";
import { deliveryQueue } from "./delivery-start.ts";
import { reembedQueue } from "./reembed-client.ts";
import { createReembedWorker, type ReembedParts } from "./reembeddings.ts";
import { tracedSteps } from "./tracing.ts";
import {
  becomeCurrent,
  currentVersion,
  deploymentOptions,
  knowsVersions,
  type VersionedQueue,
} from "./versions.ts";
import { nameOf, whyOf } from "./worker-failure.ts";
import { endOf, type WorkerEnd } from "./worker-stop.ts";

export interface MergeWorkerOptions extends TemporalOptions {
  readonly logger: Logger;
  readonly log: MergePorts["log"];
  readonly cold: MergePorts["cold"];
  readonly metrics: Metrics;
  /** Signs the receipts of erases. */
  readonly sign: SignReceipt;
  /** What erases remove beside the log and cold. */
  readonly sources?: TenantSources | undefined;
  /** What webhooks are sent with; undefined: this worker sends none. */
  readonly deliveries?: Omit<DeliveryParts, "clock" | "logger" | "metrics" | "lives"> | undefined;
  /** Loads models, to build generations; undefined: this worker builds none. */
  readonly withEncoder?: ReembedParts["withEncoder"] | undefined;
  /** Age of the oldest unmerged record that makes a tenant due; `limits.mergeAgeMs` by default. */
  readonly ageMs?: number | undefined;
  /** How long the log keeps what is no longer needed; `limits.replayWindowMs` by default. */
  readonly replayWindowMs?: number | undefined;
  /** Undefined: a worker without a version. */
  readonly versioning?: WorkerVersioning | undefined;
  /** Where the bundled workflows are kept for the next start. */
  readonly bundleDir?: string | undefined;
}

export interface WorkerVersioning {
  readonly buildId: string;
  /** Makes its version the one that gets the work, as soon as it polls. */
  readonly becomesCurrent: boolean;
}

export interface MergeWorker {
  /**
   * Works until `shutdown`. Rejects only when its own code is broken (the workflows do not bundle).
   */
  run(): Promise<void>;
  /** Resolves when it polls for the first time. */
  readonly ready: Promise<void>;
  shutdown(): Promise<WorkerEnd>;
}

const reconnects = {
  backoffMinMs: limits.mergeRetryMinMs,
  backoffMaxMs: limits.temporalReconnectMaxMs,
};

/** Prepares the worker; nothing is connected before `run`. */
export async function startMergeWorker(options: MergeWorkerOptions): Promise<MergeWorker> {
  const logger = temporalLogger(options.logger);
  const bundle = await workflowBundle({ logger, directory: options.bundleDir });
  const worker = new RunningMergeWorker(options, bundle);
  // Last: it holds the process, and a start that fails has to end.
  installRuntime(options.logger);
  return worker;
}

class RunningMergeWorker implements MergeWorker {
  readonly #options: MergeWorkerOptions;
  readonly #bundle: { readonly code: string };
  readonly #client: MergeClient & DeliveryClient & EraseClient;
  readonly #stop = new AbortController();
  readonly #polling = Promise.withResolvers<void>();
  #worker: Worker | null = null;
  /** Pollers of other queues, each for activities that last. */
  #others: readonly Worker[] = [];
  #run: Promise<void> | null = null;

  constructor(options: MergeWorkerOptions, bundle: { readonly code: string }) {
    this.#options = options;
    this.#bundle = bundle;
    this.#client = connectTemporal(options);
  }

  get ready(): Promise<void> {
    return this.#polling.promise;
  }

  run(): Promise<void> {
    this.#run ??= this.#runUntilStopped();
    return this.#run;
  }

  async shutdown(): Promise<WorkerEnd> {
    this.#stop.abort();
    this.#shutdownWorkers();
    const { clock, logger } = this.#options;
    const run = this.#run ?? Promise.resolve();
    const end = await endOf({ run, workers: () => this.#workers, clock, logger });
    await this.#client.close();
    return end;
  }

  async #runUntilStopped(): Promise<void> {
    const { clock, logger } = this.#options;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      const startedMs = clock.monotonicMs();
      const failure = await this.#serve().then(
        () => undefined,
        (thrown: unknown) => ({ thrown }),
      );
      const why = failure && (await this.#whyOf(failure.thrown));
      // A connection that held for long is not what its successor has to be patient for.
      if (clock.monotonicMs() - startedMs > limits.mergeRetryMaxMs) failures = 0;
      const retryMs = backoffMs(reconnects, failures);
      failures += 1;
      if (failure !== undefined) {
        const reported = {
          name: nameOf(failure.thrown),
          retryMs,
          ...(why === undefined ? {} : { why }),
        };
        logger.warn(reported, "the merge worker has no Temporal; trying again");
      }
      await clock.sleep(retryMs, this.#stop.signal);
    }
  }

  async #whyOf(thrown: unknown): Promise<string | undefined> {
    return (await explainTemporal(this.#options)) ?? whyOf(thrown, this.#options);
  }

  /** One connection's life. */
  async #serve(): Promise<void> {
    const access = resolveAccess(this.#options);
    const { namespace, apiKey } = access;
    const { apiKey: _, ...connecting } = connectionOf(access);
    const connection = await NativeConnection.connect({
      ...connecting,
      ...(apiKey === undefined ? {} : { apiKey: apiKey() }),
    });
    const endWatch = this.#watchAccess(connection, apiKey);
    try {
      await ensureSearchAttributes(connection, namespace);
      await this.#client.ensureSchedule();
      const queue = { service: connection.workflowService, namespace, taskQueue: this.#taskQueue };
      const version = await this.#version(queue);
      this.#worker = await this.#createWorker(connection, { namespace, version });
      this.#others = await this.#createOthers(connection, namespace);
      // Shut down while it was being made: `shutdown` found no worker to stop.
      if (this.#stop.signal.aborted) return;
      const run = this.#runWorkers([this.#worker, ...this.#others]);
      await Promise.race([run, this.#takePlace(queue, version)]);
      this.#polling.resolve();
      await run;
    } finally {
      endWatch();
      this.#worker = null;
      this.#others = [];
      await connection.close();
    }
  }

  /** Until all have ended: the connection is theirs. One that ends takes the others with it. */
  async #runWorkers(workers: readonly Worker[]): Promise<void> {
    const parts = this.#deliveryParts();
    const swept = new AbortController();
    const sweeping = parts && sweepDeliveries(this.#client, parts, swept.signal);
    const all = workers.map((worker) => worker.run().finally(() => this.#shutdownWorkers()));
    const ends = await Promise.allSettled(all);
    swept.abort();
    await sweeping;
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  get #workers(): readonly Worker[] {
    return [...(this.#worker === null ? [] : [this.#worker]), ...this.#others];
  }

  #shutdownWorkers(): void {
    for (const worker of this.#workers) if (worker.getState() === "RUNNING") worker.shutdown();
  }

  #deliveryParts(): DeliveryParts | undefined {
    const { deliveries, clock, logger, metrics, log } = this.#options;
    return deliveries && { ...deliveries, clock, logger, metrics, lives: log.lives };
  }

  async #createOthers(connection: NativeConnection, namespace: string): Promise<Worker[]> {
    const { log, cold, clock, logger, metrics, withEncoder } = this.#options;
    const place = { connection, namespace };
    const workers: Worker[] = [];
    const deliveries = this.#deliveryParts();
    if (deliveries !== undefined) {
      const own = { taskQueue: deliveryQueue(this.#options), deployment: log.deployment };
      workers.push(await createDeliveryWorker({ ...place, ...own, parts: deliveries }));
    }
    if (withEncoder !== undefined) {
      const parts: ReembedParts = {
        ...{ log, cold, clock, logger, metrics, withEncoder },
        requestMerge: (name) => this.#client.due(name, "size"),
        cancelMerge: (name) => this.#client.cancel(name),
      };
      const taskQueue = reembedQueue(this.#options);
      workers.push(await createReembedWorker({ ...place, taskQueue, parts }));
    }
    return workers;
  }

  /**
   * A new key goes to the connection; new certificates need a new one, so that the worker stops and
   * `run` starts the next. Returns the function that ends it.
   */
  #watchAccess(connection: NativeConnection, apiKey: (() => string) | undefined): () => void {
    const version = accessVersion(this.#options);
    let sent = apiKey?.();
    const timer = setInterval(() => {
      const key = apiKey?.();
      if (key !== undefined && key !== sent) {
        sent = key;
        void connection.setApiKey(key).catch(() => {});
      }
      const now = accessVersion(this.#options);
      if (now === "" || now === version || this.#worker?.getState() !== "RUNNING") return;
      this.#options.logger.info({}, "the certificates for Temporal have changed: connecting anew");
      this.#shutdownWorkers();
    }, limits.certificateLookEveryMs);
    timer.unref();
    return () => clearInterval(timer);
  }

  get #taskQueue(): string {
    return this.#options.taskQueue ?? mergeNames.taskQueue;
  }

  /** Undefined: it has none, or the server knows none (WV2). */
  async #version(queue: VersionedQueue): Promise<WorkerVersioning | undefined> {
    const { versioning, logger } = this.#options;
    if (versioning === undefined || (await knowsVersions(queue))) return versioning;
    logger.warn({}, "this Temporal knows no versions of workers: the merge worker has none");
    return undefined;
  }

  /** Says who gets the work where it is not this worker; never ends it. */
  async #takePlace(queue: VersionedQueue, version: WorkerVersioning | undefined): Promise<void> {
    const { logger, clock } = this.#options;
    const { signal } = this.#stop;
    const buildId = version?.buildId ?? null;
    try {
      if (version?.becomesCurrent === true) {
        await becomeCurrent(queue, { buildId: version.buildId, clock, signal });
      }
      const current = await currentVersion(queue);
      if (current === buildId) return;
      const told = "another version of the merge workers gets the work: freshet workers current";
      logger.warn({ version: buildId, current }, told);
    } catch (thrown) {
      const told = "it is not known which version of the merge workers gets the work";
      logger.warn({ name: nameOf(thrown), version: buildId }, told);
    }
  }

  #createWorker(
    connection: NativeConnection,
    place: { readonly namespace: string; readonly version: WorkerVersioning | undefined },
  ): Promise<Worker> {
    const { log, cold, clock, logger, metrics, sign, sources, confirmMs } = this.#options;
    const { namespace, version } = place;
    const taskQueue = this.#taskQueue;
    const endpoints = this.#options.deliveries?.store;
    const { ageMs = limits.mergeAgeMs, replayWindowMs = limits.replayWindowMs } = this.#options;
    return Worker.create({
      connection,
      namespace,
      taskQueue,
      ...(version === undefined
        ? {}
        : { workerDeploymentOptions: deploymentOptions(taskQueue, version.buildId) }),
      workflowBundle: this.#bundle,
      activities: createTemporalActivities({
        ports: { log, cold, clock, logger, metrics },
        client: this.#client,
        sign,
        sources,
        endpoints,
        ...{ ageMs, replayWindowMs, confirmMs },
      }),
      // Each merge keeps several pages of vectors in memory, and cold has to share its cores with
      // questions.
      interceptors: { activity: tracedSteps(this.#options.tracer) },
      maxConcurrentActivityTaskExecutions: limits.mergesInFlightMax,
      maxHeartbeatThrottleInterval: limits.mergeHeartbeatEveryMs,
      shutdownGraceTime: limits.mergeShutdownMs,
      shutdownForceTime: limits.stopMs,
    });
  }
}

/** Temporal's numbers of the types that we use. */
const attributeTypes = { KEYWORD: 2, INT: 3 } as const;

/**
 * Adds what the namespace lacks. Without them every task of the workflow would fail, so a server
 * that refuses (Temporal Cloud: an operator creates them) is an error that says what is missing.
 */
async function ensureSearchAttributes(
  { operatorService }: NativeConnection,
  namespace: string,
): Promise<void> {
  const known = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(mergeSearchAttributes).filter(
    ([name]) => known.customAttributes[name] === undefined,
  );
  if (missing.length === 0) return;
  try {
    await operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(
        missing.map(([name, type]) => [name, attributeTypes[type]]),
      ),
    });
  } catch (cause) {
    const names = missing.map(([name, type]) => `${name}=${type}`).join(", ");
    const lacks = "lacks search attributes that could not be added";
    const message = `the Temporal namespace ${lacks}: ${names}`;
    throw new FreshetError("temporal_unavailable", message, { cause });
  }
}

let runtimeInstalled = false;

/**
 * Once a process: signals are the host's to handle, and Temporal's own log lines go where all
 * others go.
 */
function installRuntime(logger: Logger): void {
  if (runtimeInstalled) return;
  runtimeInstalled = true;
  Runtime.install({
    logger: temporalLogger(logger),
    shutdownSignals: [],
    // Forwarded instead of printed past our logs; its warnings repeat with each retry of an outage.
    telemetryOptions: {
      logging: {
        forward: {},
        filter: makeTelemetryFilterString({ core: "ERROR", other: "ERROR" }),
      },
    },
  });
}

/** Messages only: the metadata of a task may carry anything. */
function temporalLogger(logger: Logger): DefaultLogger {
  return new DefaultLogger("WARN", ({ level, message }) => {
    const line = message.split("\n", 1)[0] ?? "";
    if (level === "ERROR") logger.error({ part: "temporal" }, line);
    else logger.warn({ part: "temporal" }, line);
  });
}

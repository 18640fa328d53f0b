/**
 * Merges in process, with the same activities and the same story as under Temporal, for paths
 * without servers. Nothing is durable but the log: after a restart, what is unmerged is asked for
 * again.
 */

import type { MergePorts } from "../../activities/context.ts";
import { createEraseActivities } from "../../activities/erase/erase.ts";
import { createMergeActivities } from "../../activities/steps.ts";
import { createSweepActivities } from "../../activities/sweep.ts";
import { eraseDocumentsStory, eraseTenantStory } from "../../workflows/erase-story.ts";
import type { MergeRuntime } from "../../workflows/merge-runtime.ts";
import { TenantMerges } from "../../workflows/tenant-merges.ts";
import { type Deletes, eraseWorkflowId } from "../contract/erase.ts";
import { FreshetError, toFreshetError } from "../contract/errors.ts";
import type { TenantId, Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { type MergeProgress, mergeWorkflowId } from "../contract/merge.ts";
import type { MergeActivities } from "../contract/merge-steps.ts";
import type { EraseState } from "../contract/operations.ts";
import type { SignReceipt } from "../contract/receipt.ts";
import type { Clock } from "../runtime/clock.ts";
import { late, waitAtMost } from "../runtime/deadline.ts";
import type { EraseClient, MergeClient } from "./port.ts";

export interface MemoryMergesOptions extends Omit<MergePorts, "heartbeat" | "signal"> {
  readonly graceMs?: number | undefined;
  readonly settleMs?: number | undefined;
  readonly confirmMs?: number | undefined;
  readonly ageMs?: number | undefined;
  /** Without one, receipts are not signed. */
  readonly sign?: SignReceipt | undefined;
}

interface Entity {
  readonly merges: TenantMerges;
  readonly wake: () => void;
}

export function createMemoryMerges(options: MemoryMergesOptions): MergeClient & EraseClient {
  return new MemoryMergeClient(options);
}

class MemoryMergeClient implements MergeClient, EraseClient {
  readonly #options: MemoryMergesOptions;
  readonly #entities = new Map<TenantId, Entity>();
  readonly #last = new Map<TenantId, MergeProgress>();
  readonly #running = new Set<Promise<void>>();
  /** By workflow id, the oldest first: erases of documents, and the newest of those that ended. */
  readonly #erases = new Map<string, EraseState>();
  readonly #closed = new AbortController();
  #sweeping: Promise<void> | null = null;

  constructor(options: MemoryMergesOptions) {
    this.#options = options;
  }

  async due(tenant: TenantId): Promise<void> {
    this.#tell(tenant, (merges) => merges.due());
  }

  force(tenant: TenantId, options: Parameters<MergeClient["force"]>[1] = {}) {
    return this.#tell(tenant, (merges) => merges.force(options.upTo));
  }

  async scrubDue(tenant: TenantId): Promise<void> {
    this.#tell(tenant, (merges) => merges.scrubDue());
  }

  scrub(tenant: TenantId) {
    return this.#tell(tenant, (merges) => merges.scrub());
  }

  async preview(tenant: TenantId) {
    return this.#tell(tenant, (merges) => merges.preview());
  }

  async pause(tenant: TenantId) {
    return this.#tell(tenant, (merges) => {
      merges.pause();
      return merges.progress();
    });
  }

  async resume(tenant: TenantId) {
    return this.#tell(tenant, (merges) => {
      merges.resume();
      return merges.progress();
    });
  }

  async cancel(tenant: TenantId) {
    return this.#tell(tenant, (merges) => merges.cancel());
  }

  async progress(tenant: TenantId) {
    return this.#entities.get(tenant)?.merges.progress() ?? this.#last.get(tenant) ?? null;
  }

  eraseTenant(tenant: TenantId) {
    const { confirmMs } = this.#options;
    const input = { tenant, settleMs: confirmMs };
    return eraseTenantStory(this.#erase(), input, (ms) => this.#pause(ms));
  }

  eraseDocuments(tenant: TenantId, deletes: Deletes) {
    const id = eraseWorkflowId(tenant, deletes.versions[0]);
    this.#noteErase(id, { state: "running" });
    const input = { tenant, ...deletes };
    const erase = eraseDocumentsStory(this.#erase(), input, (ms) => this.#pause(ms));
    erase.then(
      (receipt) => this.#noteErase(id, { state: "ended", receipt }),
      (thrown: unknown) => {
        const { code: reason, message } = toFreshetError(thrown);
        this.#noteErase(id, { state: "failed", reason, message });
      },
    );
    return erase;
  }

  async beginErase(tenant: TenantId, deletes: Deletes): Promise<void> {
    this.eraseDocuments(tenant, deletes).catch(() => {}); // Its state says it.
  }

  async eraseState(tenant: TenantId, version: Version): Promise<EraseState | null> {
    return this.#erases.get(eraseWorkflowId(tenant, version)) ?? null;
  }

  async isErasing(tenant: TenantId, version: Version): Promise<boolean> {
    return (await this.eraseState(tenant, version))?.state === "running";
  }

  #noteErase(id: string, state: EraseState): void {
    this.#erases.delete(id);
    this.#erases.set(id, state);
    if (this.#erases.size <= limits.erasesPerTenantMax) return;
    const ended = [...this.#erases].find(([, each]) => each.state !== "running");
    if (ended !== undefined) this.#erases.delete(ended[0]);
  }

  #erase() {
    return createEraseActivities({
      ...this.#options,
      sign: this.#options.sign ?? unsigned,
      heartbeat: () => {},
      signal: () => this.#closed.signal,
      requestMerge: (tenant) => this.due(tenant),
      cancelMerge: (tenant) => this.cancel(tenant),
    });
  }

  #pause(ms: number): Promise<void> {
    return this.#options.clock.sleep(ms, this.#closed.signal);
  }

  async ensureSchedule(): Promise<void> {
    this.#sweeping ??= this.#sweepForever();
  }

  workflowUrl(tenant: TenantId): string {
    return `memory:${mergeWorkflowId(tenant)}`;
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {
    this.#closed.abort();
    for (const { merges, wake } of this.#entities.values()) {
      merges.cancel();
      wake();
    }
    await Promise.all([...this.#running, this.#sweeping]);
  }

  #tell<Result>(tenant: TenantId, request: (merges: TenantMerges) => Result): Result {
    if (this.#closed.signal.aborted) throw new FreshetError("temporal_unavailable");
    const entity = this.#entities.get(tenant) ?? this.#start(tenant);
    const result = request(entity.merges);
    entity.wake();
    return result;
  }

  #start(tenant: TenantId): Entity {
    const { clock, graceMs, settleMs, confirmMs } = this.#options;
    const runtime = new MemoryRuntime(clock, this.#closed.signal);
    const entity: Entity = {
      merges: new TenantMerges(
        this.#steps(() => runtime.workSignal ?? undefined),
        runtime,
        { tenant, graceMs, settleMs, confirmMs },
      ),
      wake: () => runtime.wake(),
    };
    this.#entities.set(tenant, entity);
    const running = this.#run(tenant, entity).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return entity;
  }

  async #run(tenant: TenantId, { merges }: Entity): Promise<void> {
    // One turn, in which the caller that started the entity says what to do.
    await Promise.resolve();
    try {
      do {
        merges.startOver();
        await merges.run();
      } while (merges.hasPendingWork() && !this.#closed.signal.aborted);
    } catch (thrown) {
      if (this.#closed.signal.aborted) return;
      const { code } = toFreshetError(thrown);
      this.#options.logger.error({ tenant, code }, "the merges of a tenant ended");
    } finally {
      this.#last.set(tenant, merges.progress());
      this.#entities.delete(tenant);
    }
  }

  #steps(signal: MergePorts["signal"]): MergeActivities {
    return createMergeActivities({ ...this.#options, heartbeat: () => {}, signal });
  }

  async #sweepForever(): Promise<void> {
    const { clock, logger, ageMs = limits.mergeAgeMs } = this.#options;
    const signal = this.#closed.signal;
    const ports = { ...this.#options, heartbeat: () => {}, signal: () => signal };
    const requestMerge = (tenant: TenantId): Promise<void> => this.due(tenant);
    const requestScrub = (tenant: TenantId): Promise<void> => this.scrubDue(tenant);
    const sweep = createSweepActivities({
      ...{ ports, ageMs, requestMerge, requestScrub },
      cancelMerge: (tenant) => this.cancel(tenant),
      isErasing: (tenant, version) => this.isErasing(tenant, version),
    });
    let slotAtMs = clock.monotonicMs();
    while (!signal.aborted) {
      try {
        await sweep.signalDueTenants();
        if (clock.monotonicMs() - slotAtMs >= limits.scrubSlotMs) {
          slotAtMs = clock.monotonicMs();
          await sweep.requestScrubs({ slotAtMs });
        }
      } catch (thrown) {
        logger.warn({ code: toFreshetError(thrown).code }, "a sweep for due merges failed");
      }
      await clock.sleep(limits.mergeSweepEveryMs, signal);
    }
  }
}

const unsigned: SignReceipt = (receipt) => ({
  receipt,
  ...{ sha256: "", signature: "", public_key: "" },
});

/** Waiting as promises that every request and every state change looks at again. */
class MemoryRuntime implements MergeRuntime {
  readonly #clock: Clock;
  readonly #closed: AbortSignal;
  readonly #waiting = new Set<() => void>();
  workSignal: AbortSignal | null = null;

  constructor(clock: Clock, closed: AbortSignal) {
    this.#clock = clock;
    this.#closed = closed;
  }

  wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  async until(holds: () => boolean, timeoutMs?: number): Promise<boolean> {
    if (holds()) return true;
    const { promise: held, resolve } = Promise.withResolvers<boolean>();
    const look = (): void => {
      if (holds() || this.#closed.aborted) resolve(holds());
    };
    this.#waiting.add(look);
    try {
      if (timeoutMs === undefined) return await held;
      const outcome = await waitAtMost(this.#clock, timeoutMs, held);
      return outcome === late ? holds() : outcome;
    } finally {
      this.#waiting.delete(look);
    }
  }

  cancellable() {
    const controller = new AbortController();
    const run = <T>(work: () => Promise<T>): Promise<T> => {
      this.workSignal = controller.signal;
      return work();
    };
    return { run, cancel: () => controller.abort() };
  }

  /** Steps look at the signal; without one they run to their end. */
  async uncancellable<T>(work: () => Promise<T>): Promise<T> {
    const signal = this.workSignal;
    this.workSignal = null;
    try {
      return await work();
    } finally {
      this.workSignal = signal;
    }
  }

  failureOf(thrown: unknown) {
    const { code, message } = toFreshetError(thrown);
    return { code, message };
  }

  /** Ends the run between two rounds when the client is closed. */
  isFull(): boolean {
    return this.#closed.aborted;
  }

  isNew(): boolean {
    return true;
  }

  onState(): void {}
}

/**
 * A server that is started again when it ends by itself: one of several, without which the others
 * go on. What it wrote and where it listens stay the same.
 *
 *   RS1 `ended` resolves when it was stopped, or when starting it again has not helped;
 *   RS2 a stop that comes while it is being started again stops it, too.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningServer, ServerEnd } from "./supervise.ts";

export interface RestartOptions {
  /** Starts it on its ports and data. */
  readonly start: () => Promise<RunningServer>;
  /** It ended unasked and is about to start again. */
  readonly onEnd?: ((end: ServerEnd) => void) | undefined;
  /** It runs again, as another process. */
  readonly onStart?: ((server: RunningServer) => void) | undefined;
  readonly waitMs?: number | undefined;
}

/** The system gives a port back within this time. */
const restartWaitMs = 1_000;
/** One that ends more often at a stretch has a reason that no restart removes. */
const restartsMax = 5;
/** One that ran this long has recovered. */
const recoveredMs = 60_000;

export function keepRunning(first: RunningServer, options: RestartOptions): RunningServer {
  return new Restarting(first, options);
}

class Restarting implements RunningServer {
  readonly #options: RestartOptions;
  readonly #stop = new AbortController();
  readonly #kept: Promise<ServerEnd>;
  #running: RunningServer;

  constructor(first: RunningServer, options: RestartOptions) {
    this.#running = first;
    this.#options = options;
    this.#kept = this.#keep();
  }

  get name(): string {
    return this.#running.name;
  }

  get logFile(): string {
    return this.#running.logFile;
  }

  get groupId(): number {
    return this.#running.groupId;
  }

  get ended(): Promise<ServerEnd> {
    return this.#kept;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running.stop();
    await this.#kept;
  }

  async kill(): Promise<void> {
    this.#stop.abort();
    await this.#running.kill();
    await this.#kept;
  }

  async #keep(): Promise<ServerEnd> {
    let failures = 0;
    for (;;) {
      const startedMs = performance.now();
      const end = await this.#running.ended;
      if (end.expected) return end;
      if (performance.now() - startedMs > recoveredMs) failures = 0;
      failures += 1;
      if (failures > restartsMax || this.#stop.signal.aborted) return end;
      this.#options.onEnd?.(end);
      const failure = await this.#again();
      if (failure !== undefined) return { ...end, ...failure };
    }
  }

  /** Undefined when it runs again. */
  async #again(): Promise<Pick<ServerEnd, "expected" | "message"> | undefined> {
    const { signal } = this.#stop;
    const { start, onStart, waitMs = restartWaitMs } = this.#options;
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return { expected: true, message: "stopped" };
    try {
      this.#running = await start();
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      return { expected: signal.aborted, message };
    }
    if (signal.aborted) await this.#running.stop();
    else onStart?.(this.#running);
    return undefined;
  }
}

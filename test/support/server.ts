/** A server that a test kills, freezes and starts again. */

import type { RunningServer } from "../../ops/servers/supervise.ts";

/** Whatever of a run can be in trouble. */
export interface Process {
  readonly isAlive: boolean;
  start(): Promise<void>;
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

export class Server implements Process {
  readonly #start: () => Promise<RunningServer>;
  #running: RunningServer | undefined;
  #starting: Promise<void> | undefined;

  constructor(start: () => Promise<RunningServer>) {
    this.#start = start;
  }

  get isAlive(): boolean {
    return this.#running !== undefined;
  }

  /** Two faults of a cluster may end at once, of which one is about all its servers. */
  start(): Promise<void> {
    this.#starting ??= this.#launch().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async kill(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.kill();
  }

  freeze(): void {
    this.#signal("SIGSTOP");
  }

  thaw(): void {
    this.#signal("SIGCONT");
  }

  async stop(): Promise<void> {
    this.thaw();
    const running = this.#running;
    this.#running = undefined;
    await running?.stop();
  }

  async #launch(): Promise<void> {
    this.#running ??= await this.#start();
  }

  #signal(signal: "SIGSTOP" | "SIGCONT"): void {
    if (this.#running !== undefined) process.kill(-this.#running.groupId, signal);
  }
}

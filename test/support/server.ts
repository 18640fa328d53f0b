/** A server that a test kills, freezes and starts again. */

import { readdirSync, readFileSync } from "node:fs";
import { groupOf } from "../../ops/servers/process-group.ts";
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

  /** Returns when all of its threads stand still: until then they answer. */
  freeze(): void {
    this.#signal("SIGSTOP");
    const group = this.#running?.groupId;
    if (group === undefined || process.platform !== "linux") return;
    const giveUpMs = performance.now() + 2_000;
    while (!groupOf(group).every(standsStill) && performance.now() < giveUpMs);
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

/** State T of every thread, or Z and X of one that has ended. */
function standsStill(id: number): boolean {
  try {
    return readdirSync(`/proc/${id}/task`).every((thread) => {
      const stat = readFileSync(`/proc/${id}/task/${thread}/stat`, "utf8");
      return "TtZX".includes(stat.charAt(stat.lastIndexOf(")") + 2));
    });
  } catch {
    return true;
  }
}

/** Servers of a chaos run: one that can be killed, frozen and started again, and several that this happens to at once. */

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

/** All of them at once, as when a rack loses its power. */
export class ServerGroup implements Process {
  readonly #members: readonly Server[];

  constructor(members: readonly Server[]) {
    this.#members = members;
  }

  get isAlive(): boolean {
    return this.#members.every(({ isAlive }) => isAlive);
  }

  async start(): Promise<void> {
    // Not one after the other: a member of a cluster is ready when a majority is.
    await Promise.all(this.#members.map((member) => member.start()));
  }

  async kill(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()));
  }

  freeze(): void {
    for (const member of this.#members) member.freeze();
  }

  thaw(): void {
    for (const member of this.#members) member.thaw();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
  }
}

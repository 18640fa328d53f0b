/**
 * One Freshet process as the nemesis sees it: start, kill -9, freeze, arm a fail-point.
 *
 * Owns: the child, and its successor when that is spawned ahead. Never: starts it again by itself, or leaves it behind when this process ends.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { FailPoint } from "./fail-points.ts";

export interface Armed {
  readonly type: "arm";
  /** Null disarms. */
  readonly point: FailPoint | null;
  /** The call at which it happens, 1 = the next. */
  readonly calls: number;
  readonly action: "kill" | "freeze";
}

/**
 * A process that was spawned ahead has loaded its code and waits for `begin`. Before it is put to
 * sleep a process hears of it: see standing-clock.ts.
 */
export type ToNode = Armed | { readonly type: "begin" } | { readonly type: "expect-sleep" };

export type FromNode =
  | { readonly type: "expects-sleep" }
  | { readonly type: "started" }
  | { readonly type: "polls" }
  | { readonly type: "reached" };

export interface NodeSpec {
  readonly role: "engine" | "merge-worker";
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** A copy of the repository with a planted bug; undefined = this one. */
  readonly repository: string | undefined;
  /** It ended, and nobody killed or stopped it. */
  readonly onEnd: (end: { readonly started: boolean; readonly code: number | null }) => void;
}

const entry = fileURLToPath(new URL("./node-entry.ts", import.meta.url));

export class NodeProcess {
  readonly #spec: NodeSpec;
  #child: ChildProcess | undefined;
  #successor: ChildProcess | undefined;
  #started: Promise<void> = Promise.resolve();
  #ended: Promise<void> = Promise.resolve();
  #reached: (() => void) | undefined;
  #expectsSleep: (() => void) | undefined;
  #stopping = false;

  constructor(spec: NodeSpec) {
    this.#spec = spec;
  }

  get isAlive(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves when the process is composed (an engine then listens), or has ended before that. */
  start(): Promise<void> {
    if (this.#child === undefined) this.#started = this.#begin();
    return this.#started;
  }

  /**
   * Spawns the process that the next `start` starts, so that it loads its code meanwhile. It connects
   * to nothing before that.
   */
  spawnSuccessor(): void {
    if (this.#successor !== undefined || this.#stopping) return;
    const successor = this.#spawn();
    this.#successor = successor;
    successor.once("exit", () => {
      if (this.#successor === successor) this.#successor = undefined;
    });
  }

  #spawn(): ChildProcess {
    const { role, env, logFile, repository } = this.#spec;
    const log = openSync(logFile, "a");
    const child = spawn(
      process.execPath,
      [entry, role, ...(repository === undefined ? [] : [repository])],
      {
        env,
        stdio: ["ignore", log, log, "ipc"],
      },
    );
    closeSync(log);
    child.on("error", () => {});
    return child;
  }

  async #begin(): Promise<void> {
    const child = this.#successor ?? this.#spawn();
    this.#successor = undefined;
    this.#child = child;
    const started = Promise.withResolvers<void>();
    let isStarted = false;
    child.on("message", (message: FromNode) => {
      if (message.type === "started") {
        isStarted = true;
        started.resolve();
      }
      if (message.type === "reached") this.#reached?.();
      if (message.type === "expects-sleep") this.#expectsSleep?.();
    });
    this.#ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        if (this.#child === child) this.#child = undefined;
        started.resolve();
        resolve();
        if (signal !== "SIGKILL" && !this.#stopping) this.#spec.onEnd({ started: isStarted, code });
      });
    });
    child.send({ type: "begin" } satisfies ToNode, () => {});
    await started.promise;
  }

  /** Resolves when it is gone; also when it is frozen, or not there. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#ended;
  }

  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  /** As a machine that is paused with its clocks: `thaw` wakes it. Resolves when it sleeps, or is not there. */
  async putToSleep(): Promise<void> {
    if (this.#child?.connected !== true) return;
    const expects = new Promise<void>((resolve) => {
      this.#expectsSleep = resolve;
    });
    this.#child.send({ type: "expect-sleep" } satisfies ToNode, () => {});
    await Promise.race([expects, this.#ended]);
    this.freeze();
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Resolves when the process got to the point; a later call replaces this one, which then never resolves. */
  arm(armed: Omit<Armed, "type">): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      this.#reached = resolve;
    });
    if (this.#child?.connected === true)
      this.#child.send({ type: "arm", ...armed } satisfies ToNode, () => {});
    return reached;
  }

  disarm(): void {
    if (this.#child?.connected === true) {
      const nothing = { type: "arm", point: null, calls: 0, action: "kill" } satisfies ToNode;
      this.#child.send(nothing, () => {});
    }
  }

  /** SIGTERM, and kill -9 when that takes too long. */
  async stop(patienceMs: number): Promise<void> {
    this.#stopping = true;
    this.#successor?.kill("SIGKILL");
    this.thaw();
    this.#child?.kill("SIGTERM");
    const timer = setTimeout(() => this.#child?.kill("SIGKILL"), patienceMs);
    await this.#ended;
    clearTimeout(timer);
  }
}

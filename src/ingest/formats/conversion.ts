/**
 * Conversions in a process of their own, started by the first file that needs one.
 *
 * Owns: the child, and the files that wait for it.
 * Never: converts two files at once, or lets the child outlive this process.
 * Receives: `convert` and `close`. Sends: ConversionRequest; hears: ConversionReply.
 *
 *   CV1  every `convert` settles: a child that says nothing for `deadlineMs` is killed, and its
 *        file is `slow`;
 *   CV2  a file is `broken` only when `attemptsMax` children in a row ended over it;
 *   CV3  a child that does not start blames no file.
 */

import type { ChildProcess } from "node:child_process";
import { FreshetError } from "../../contract/errors.ts";
import type { Clock } from "../../runtime/clock.ts";
import { waitRunningAtMost } from "../../runtime/sleep-running.ts";
import type { ConversionReply } from "./conversion-protocol.ts";
import type { ConversionRequest, ConvertedPart } from "./convert.ts";

export interface ConversionOptions {
  /** Starts a process that speaks the protocol over its IPC channel. */
  readonly fork: () => ChildProcess;
  readonly clock: Clock;
  readonly limits: {
    readonly readyMs: number;
    readonly deadlineMs: number;
    readonly attemptsMax: number;
  };
}

export class Conversion {
  readonly #options: ConversionOptions;
  #child: Child | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ConversionOptions) {
    this.#options = options;
  }

  /** @throws FreshetError internal when no process starts */
  convert(request: ConversionRequest): Promise<readonly ConvertedPart[]> {
    const turn = this.#last.then(() => this.#attempts(request));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async close(): Promise<void> {
    await this.#child?.kill();
  }

  async #attempts(request: ConversionRequest): Promise<readonly ConvertedPart[]> {
    const { deadlineMs, attemptsMax } = this.#options.limits;
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      const child = await this.#ready();
      const heard = await child.ask(request, deadlineMs);
      if (heard === "silent") {
        await child.kill();
        return [{ skipped: "slow" }];
      }
      if (heard !== "ended" && heard.kind === "converted") return heard.parts;
    }
    return [{ skipped: "broken" }];
  }

  async #ready(): Promise<Child> {
    if (this.#child?.alive === true) return this.#child;
    const { fork, clock, limits } = this.#options;
    const child = new Child(fork(), clock);
    this.#child = child;
    const first = await child.next(limits.readyMs);
    if (first !== "silent" && first !== "ended" && first.kind === "ready") return child;
    await child.kill();
    throw new FreshetError("internal", "the process that converts files does not start");
  }
}

type Heard = ConversionReply | "silent" | "ended";

class Child {
  readonly #process: ChildProcess;
  readonly #clock: Clock;
  readonly #heard: ConversionReply[] = [];
  readonly #gone = Promise.withResolvers<void>();
  #ended = false;
  #wake: () => void = () => {};

  constructor(process: ChildProcess, clock: Clock) {
    this.#process = process;
    this.#clock = clock;
    // Waiting for a reply keeps this process up; a child without work does not.
    process.unref();
    process.channel?.unref();
    process.on("message", (reply) => {
      this.#heard.push(reply as ConversionReply);
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
      this.#gone.resolve();
    };
    process.once("exit", end);
    // A process that cannot even be started has no exit.
    process.once("error", () => {
      if (process.pid === undefined) end();
    });
  }

  get alive(): boolean {
    return !this.#ended;
  }

  async kill(): Promise<void> {
    if (this.#ended) return;
    this.#process.ref();
    this.#process.kill("SIGKILL");
    await this.#gone.promise;
  }

  ask(request: ConversionRequest, withinMs: number): Promise<Heard> {
    // A channel that is broken is a child that ends: the next reply says so.
    this.#process.send(request, () => {});
    return this.next(withinMs);
  }

  async next(withinMs: number): Promise<Heard> {
    if (this.#heard.length === 0 && !this.#ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await waitRunningAtMost(this.#clock, withinMs, { promise });
    }
    return this.#heard.shift() ?? (this.#ended ? "ended" : "silent");
  }
}

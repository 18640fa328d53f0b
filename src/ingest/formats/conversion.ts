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
import { ReplyProcess } from "../isolation/reply-process.ts";
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

type Child = ReplyProcess<ConversionRequest, ConversionReply>;

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
      child.send(request);
      const heard = await child.next(deadlineMs);
      if (heard === "silent") {
        await child.kill();
        return [{ skipped: "slow" }];
      }
      if (typeof heard !== "string" && heard.kind === "converted") return heard.parts;
    }
    return [{ skipped: "broken" }];
  }

  async #ready(): Promise<Child> {
    if (this.#child?.alive === true) return this.#child;
    const { fork, clock, limits } = this.#options;
    const process = fork();
    // Waiting for a reply keeps this process up; a child without work does not.
    process.unref();
    process.channel?.unref();
    const child: Child = new ReplyProcess(process, clock);
    this.#child = child;
    const first = await child.next(limits.readyMs);
    if (typeof first !== "string" && first.kind === "ready") return child;
    await child.kill();
    throw new FreshetError("internal", "the process that converts files does not start");
  }
}

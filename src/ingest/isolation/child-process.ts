/**
 * Isolation in a child process, which is started when it is needed and ended after a while without
 * work.
 *
 * Owns: the child, and the queue of documents that wait for it.
 * Never: works on two documents at once, or lets the child outlive `close`.
 * Receives: `process` and `close`. Sends: IsolatedRequest; hears: IsolatedReply.
 *
 *   CI1  a document is blamed only for what a child did that had said `ready` (it had embedded a
 *        sentence just before) and held this document alone; and only when `attemptsMax` children
 *        in a row ended so, with pauses between: somebody who ends children by hand does not keep
 *        step with one document;
 *   CI2  a child that says nothing for `silenceMs` hangs: it is killed, and that is its end;
 *   CI3  a child that does not become ready blames no document: `embedding_unavailable`;
 *   CI4  every `process` settles, also when its caller goes or the child is closed;
 *   CI5  tenants take turns: many slow suspects of one delay another's by one of them (I9).
 */

import type { ChildProcess } from "node:child_process";
import { FreshetError } from "../../contract/errors.ts";
import type { DocumentId, TenantId } from "../../contract/ids.ts";
import { failedOutcome, type Outcome } from "../../contract/outcome.ts";
import type { Logger } from "../../observe/port.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";
import { FairShares } from "../../runtime/fair-shares.ts";
import { waitRunningAtMost } from "../../runtime/sleep-running.ts";
import type { Isolation } from "./port.ts";
import { errorOfReply, type IsolatedReply, type IsolatedRequest } from "./protocol.ts";

export interface ChildIsolationOptions {
  /** Starts a process that speaks the protocol over its IPC channel. */
  readonly fork: () => ChildProcess;
  readonly documentTextBytesMax: number;
  readonly redactionKeyOf: (tenant: TenantId) => Uint8Array;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: {
    readonly attemptsMax: number;
    readonly readyMs: number;
    readonly silenceMs: number;
    readonly idleMs: number;
    readonly backoff: { readonly backoffMinMs: number; readonly backoffMaxMs: number };
  };
}

export function createChildIsolation(options: ChildIsolationOptions): Isolation {
  return new ChildIsolation(options);
}

/** How one document fared in one child. */
type Attempt =
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  | { readonly kind: "ended"; readonly documentId: DocumentId | null };

class ChildIsolation implements Isolation {
  readonly #options: ChildIsolationOptions;
  readonly #closed = new AbortController();
  readonly #turns = new FairShares({ total: 1 });
  #running: Promise<unknown> = Promise.resolve();
  #child: IsolatedChild | undefined;
  #uses = 0;

  constructor(options: ChildIsolationOptions) {
    this.#options = options;
  }

  async process(payload: Uint8Array, signal: AbortSignal, tenant: TenantId): Promise<Outcome> {
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    const { documentTextBytesMax, redactionKeyOf } = this.#options;
    const request = { payload, documentTextBytesMax, redactionKey: redactionKeyOf(tenant) };
    const outcome = await this.#turns.run(tenant, () => this.#turn(request, ended), ended);
    if (outcome === undefined) throw new FreshetError("cancelled");
    return outcome;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running;
    await this.#child?.kill();
  }

  #turn(request: IsolatedRequest, ended: AbortSignal): Promise<Outcome> {
    const turn = this.#attempts(request, ended);
    this.#running = turn.catch(() => {});
    return turn;
  }

  async #attempts(request: IsolatedRequest, ended: AbortSignal): Promise<Outcome> {
    const { clock, logger, limits } = this.#options;
    let documentId: DocumentId | null = null;
    this.#uses += 1;
    try {
      for (let attempt = 1; attempt <= limits.attemptsMax; attempt += 1) {
        const result = await this.#attempt(request, ended);
        if (result.kind === "outcome") return result.outcome;
        documentId = result.documentId;
        logger.warn({ attempt }, "a document ended the isolated process");
        if (attempt < limits.attemptsMax)
          await clock.sleep(backoffMs(limits.backoff, attempt - 1), ended);
      }
      return failedOutcome(documentId);
    } finally {
      void this.#endWhenIdle(this.#uses);
    }
  }

  async #attempt(request: IsolatedRequest, ended: AbortSignal): Promise<Attempt> {
    if (ended.aborted) throw new FreshetError("cancelled");
    const child = await this.#ready(ended);
    return child.run(request, ended);
  }

  async #ready(ended: AbortSignal): Promise<IsolatedChild> {
    if (this.#child?.alive === true) return this.#child;
    const { fork, clock, limits } = this.#options;
    const child = new IsolatedChild(fork(), clock, limits.silenceMs);
    this.#child = child;
    const first = await child.next(limits.readyMs, ended);
    if (first === "aborted") throw await this.#given(child, new FreshetError("cancelled"));
    if (first !== "silent" && first !== "ended" && first.kind === "ready") return child;
    const why = first === "silent" ? "does not become ready" : "ended at its start";
    this.#options.logger.warn({ why }, "an isolated process does not start, its documents wait");
    throw await this.#given(
      child,
      new FreshetError("embedding_unavailable", `the isolated process ${why}`),
    );
  }

  async #given(child: IsolatedChild, error: FreshetError): Promise<FreshetError> {
    await child.kill();
    return error;
  }

  /** Its model is as large as the engine's: it is not kept for the next trouble. */
  async #endWhenIdle(uses: number): Promise<void> {
    await this.#options.clock.sleep(this.#options.limits.idleMs, this.#closed.signal);
    if (this.#uses === uses) await this.#child?.kill();
  }
}

type Heard = IsolatedReply | "silent" | "ended" | "aborted";

class IsolatedChild {
  readonly #process: ChildProcess;
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #heard: IsolatedReply[] = [];
  readonly #gone: Promise<void>;
  #ended = false;
  #wake: () => void = () => {};

  constructor(process: ChildProcess, clock: Clock, silenceMs: number) {
    this.#process = process;
    this.#clock = clock;
    this.#silenceMs = silenceMs;
    process.on("message", (reply) => {
      this.#heard.push(reply as IsolatedReply);
      this.#wake();
    });
    this.#gone = new Promise((resolve) => {
      const end = (): void => {
        this.#ended = true;
        this.#wake();
        resolve();
      };
      process.once("exit", end);
      // A process that cannot even be started has no exit.
      process.once("error", () => {
        if (process.pid === undefined) end();
      });
    });
  }

  get alive(): boolean {
    return !this.#ended;
  }

  async kill(): Promise<void> {
    if (this.#ended) return;
    this.#process.kill("SIGKILL");
    await this.#gone;
  }

  async run(request: IsolatedRequest, signal: AbortSignal): Promise<Attempt> {
    let documentId: DocumentId | null = null;
    // A channel that is broken is a child that ends: the next reply says so.
    this.#process.send(request, () => {});
    for (;;) {
      const heard = await this.next(this.#silenceMs, signal);
      if (heard === "aborted") {
        await this.kill();
        throw new FreshetError("cancelled");
      }
      if (heard === "silent") await this.kill();
      if (heard === "silent" || heard === "ended") return { kind: "ended", documentId };
      switch (heard.kind) {
        case "named":
          documentId = heard.documentId;
          break;
        case "outcome":
          return heard;
        case "failed":
          throw errorOfReply(heard);
        case "ready":
        case "progress":
          break;
      }
    }
  }

  /** The next thing that it says, or that it does not. */
  async next(withinMs: number, signal: AbortSignal): Promise<Heard> {
    if (this.#heard.length === 0 && !this.#ended && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await waitRunningAtMost(this.#clock, withinMs, { promise, signal });
    }
    const reply = this.#heard.shift();
    if (reply !== undefined) return reply;
    if (this.#ended) return "ended";
    if (signal.aborted) return "aborted";
    return "silent";
  }
}

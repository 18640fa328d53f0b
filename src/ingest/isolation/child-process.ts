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
import type { Logger } from "../../contract/observation.ts";
import { failedOutcome, type Outcome } from "../../contract/outcome.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";
import { FairShares } from "../../runtime/fair-shares.ts";
import type { Isolation } from "./port.ts";
import { errorOfReply, type IsolatedReply, type IsolatedRequest } from "./protocol.ts";
import { ReplyProcess } from "./reply-process.ts";

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

type IsolatedChild = ReplyProcess<IsolatedRequest, IsolatedReply>;

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
    const { silenceMs } = this.#options.limits;
    return attemptIn(child, request, { silenceMs, signal: ended });
  }

  async #ready(ended: AbortSignal): Promise<IsolatedChild> {
    if (this.#child?.alive === true) return this.#child;
    const { fork, clock, limits } = this.#options;
    const child: IsolatedChild = new ReplyProcess(fork(), clock);
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

/** Of one document, and what is heard of it until its end. */
async function attemptIn(
  child: IsolatedChild,
  request: IsolatedRequest,
  { silenceMs, signal }: { readonly silenceMs: number; readonly signal: AbortSignal },
): Promise<Attempt> {
  let documentId: DocumentId | null = null;
  child.send(request);
  for (;;) {
    const heard = await child.next(silenceMs, signal);
    if (heard === "aborted") {
      await child.kill();
      throw new FreshetError("cancelled");
    }
    if (heard === "silent") await child.kill();
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

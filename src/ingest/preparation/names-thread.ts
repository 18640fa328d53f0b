/**
 * The engine's end of the thread that looks for names in questions. `names-worker.ts` is the other.
 *
 * Owns: the thread, started at the first question and again after it was lost.
 *
 *   NT1  every call settles: with all its texts, or with an error; a text that could not be looked
 *        at in time is never passed on (I10);
 *   NT2  one question at a time, tenants take turns (I9), and what waits is bounded.
 */

import { type ErrorBody, errorFromBody, FreshetError } from "../../contract/errors.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { ClassifierFiles } from "../../embedding/port.ts";
import type { Clock } from "../../runtime/clock.ts";
import { late } from "../../runtime/deadline.ts";
import { FairShares } from "../../runtime/fair-shares.ts";
import { waitRunningAtMost } from "../../runtime/sleep-running.ts";
import type { NamesText, QuestionNamesLane } from "../../text/names.ts";
import { ReplyThread } from "./reply-thread.ts";

export interface NamesRequest {
  readonly texts: readonly NamesText[];
  /** The tenant's. */
  readonly redactionKey: Uint8Array;
}

export type NamesReply =
  | { readonly kind: "ready" }
  | { readonly kind: "redacted"; readonly texts: readonly string[] }
  | { readonly kind: "failed"; readonly error: ErrorBody };

export interface QuestionNamesOptions {
  readonly files: ClassifierFiles;
  /** The program of the thread. */
  readonly workerUrl: URL;
  readonly redactionKeyOf: (tenant: TenantId) => Uint8Array;
  readonly clock: Clock;
  readonly limits: {
    readonly deadlineMs: number;
    readonly readyMs: number;
    readonly waitingMax: number;
  };
}

type Thread = ReplyThread<NamesRequest, NamesReply>;

export class QuestionNames implements QuestionNamesLane {
  readonly #options: QuestionNamesOptions;
  readonly #turns: FairShares;
  readonly #closed = new AbortController();
  #thread: Thread | undefined;

  constructor(options: QuestionNamesOptions) {
    this.#options = options;
    this.#turns = new FairShares({ total: 1, waitingMax: options.limits.waitingMax });
  }

  async redact(
    tenant: TenantId,
    texts: readonly NamesText[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    const found = await this.#turns.run(tenant, () => this.#ask(tenant, texts), over);
    if (found !== undefined) return found;
    if (over.aborted) throw new FreshetError("cancelled");
    throw new FreshetError("overloaded", "too many questions wait for the model of names");
  }

  /** Starts the thread, so that what is missing is said at the engine's start. */
  async start(): Promise<void> {
    await this.#started();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#end();
  }

  async #ask(tenant: TenantId, texts: readonly NamesText[]): Promise<readonly string[]> {
    const thread = await this.#started();
    const { redactionKeyOf, clock, limits: bounds } = this.#options;
    thread.send({ texts, redactionKey: redactionKeyOf(tenant) });
    const heard = await waitRunningAtMost(clock, bounds.deadlineMs, { promise: thread.next() });
    if (heard === late) return this.#lost("looking for names takes too long");
    switch (heard.kind) {
      case "redacted":
        return heard.texts;
      case "failed":
        throw errorFromBody(heard.error) ?? new FreshetError("internal");
      default:
        return this.#lost("the thread that looks for names ended");
    }
  }

  async #started(): Promise<Thread> {
    if (this.#closed.signal.aborted) throw new FreshetError("cancelled");
    if (this.#thread !== undefined && !this.#thread.hasEnded) return this.#thread;
    const { workerUrl, files, clock, limits: bounds } = this.#options;
    const heapMiBMax = limits.prepareHeapMiBMax;
    const thread: Thread = new ReplyThread(workerUrl, {
      workerData: files,
      heapMiBMax,
      native: { clock },
    });
    this.#thread = thread;
    const heard = await waitRunningAtMost(clock, bounds.readyMs, { promise: thread.next() });
    if (heard !== late && heard.kind === "ready") return thread;
    const cause = heard !== late && heard.kind === "ended" ? heard.cause : undefined;
    return this.#lost("the thread that looks for names does not start", cause);
  }

  async #lost(message: string, cause?: unknown): Promise<never> {
    await this.#end();
    throw new FreshetError("embedding_unavailable", message, { cause });
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.end();
  }
}

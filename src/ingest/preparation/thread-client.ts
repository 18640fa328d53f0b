/**
 * The engine's end of one thread that prepares documents; `thread-program.ts` is the other end. The
 * thread is started when it is needed.
 *
 * Owns: the thread, and the document that it works on.
 * Never: works on two documents at once, or keeps a thread that took too long.
 *
 *   PL1  every `run` settles: with what the document became, or with an error of the port
 *        (port.ts);
 *   PL2  a thread that ends with a document in hand, or works on it for `deadlineMs`, is gone, and
 *        the document is lost (embedding/failures.ts): its caller isolates it. A thread that has
 *        the model of names is asked to end before it is ended;
 *   PL3  a thread that does not start blames no document: `embedding_unavailable`.
 */

import { errorFromBody, FreshetError } from "../../contract/errors.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { lostError } from "../../embedding/failures.ts";
import type { Clock } from "../../runtime/clock.ts";
import { late } from "../../runtime/deadline.ts";
import { waitRunningAtMost } from "../../runtime/sleep-running.ts";
import type { Prepared } from "../prepare-payload.ts";
import type { PrepareJob } from "./port.ts";
import {
  type PrepareReply,
  type PrepareRequest,
  type PrepareWorkerSettings,
  unpackPrepared,
} from "./protocol.ts";
import { ReplyThread, type ThreadEnded } from "./reply-thread.ts";

export interface PreparingThreadOptions {
  readonly workerUrl: URL;
  readonly settings: PrepareWorkerSettings;
  readonly redactionKeyOf: (tenant: TenantId) => Uint8Array;
  readonly clock: Clock;
  /** The longest that the thread may work on one document. */
  readonly deadlineMs: number;
  /** The longest that a thread may take to start. */
  readonly readyMs: number;
  readonly onPrepared: (ms: number) => void;
}

type Thread = ReplyThread<PrepareRequest, PrepareReply>;

type Result = Exclude<PrepareReply | ThreadEnded, { readonly kind: "ready" | "named" }>;

export class PreparingThread {
  readonly #options: PreparingThreadOptions;
  #thread: Thread | undefined;

  constructor(options: PreparingThreadOptions) {
    this.#options = options;
  }

  /** Whether a document would not have to wait for a thread to start. */
  get isStarted(): boolean {
    return this.#thread !== undefined;
  }

  async run({ tenant, payload, documentTextBytesMax, named }: PrepareJob): Promise<Prepared> {
    const thread = await this.#started();
    // A copy is transferred: the payload may be part of a larger buffer, and is needed again if the
    // thread is lost.
    const copy = new Uint8Array(payload);
    const { redactionKeyOf, clock, deadlineMs, onPrepared } = this.#options;
    const redactionKey = redactionKeyOf(tenant);
    thread.send({ payload: copy, documentTextBytesMax, redactionKey }, [copy.buffer]);
    const promise = resultOf(thread, named);
    const result = await waitRunningAtMost(clock, deadlineMs, { promise });
    if (result === late) throw await this.#lost("preparing the document takes too long");
    switch (result.kind) {
      case "prepared":
        onPrepared(result.ms);
        return unpackPrepared(result.prepared);
      case "failed":
        throw errorFromBody(result.error) ?? new FreshetError("internal");
      case "ended":
        throw await this.#lost("the thread that prepared the document ended", result.cause);
    }
  }

  async close(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.end();
  }

  async #lost(message: string, cause?: unknown): Promise<FreshetError> {
    await this.close();
    return lostError(message, cause);
  }

  async #started(): Promise<Thread> {
    if (this.#thread !== undefined && !this.#thread.hasEnded) return this.#thread;
    const { workerUrl, settings, clock, readyMs } = this.#options;
    const heapMiBMax = limits.prepareHeapMiBMax;
    const thread: Thread = new ReplyThread(workerUrl, {
      workerData: settings,
      heapMiBMax,
      native: settings.names === undefined ? undefined : { clock },
    });
    this.#thread = thread;
    const heard = await waitRunningAtMost(clock, readyMs, { promise: thread.next() });
    if (heard !== late && heard.kind === "ready") return thread;
    await this.close();
    const cause = heard !== late && heard.kind === "ended" ? heard.cause : undefined;
    const message = "the thread that prepares documents does not start";
    throw new FreshetError("embedding_unavailable", message, { cause });
  }
}

/** What became of the document that the thread works on. */
async function resultOf(thread: Thread, named: PrepareJob["named"]): Promise<Result> {
  for (;;) {
    const heard = await thread.next();
    if (heard.kind === "named") named(heard.documentId);
    else if (heard.kind !== "ready") return heard;
  }
}

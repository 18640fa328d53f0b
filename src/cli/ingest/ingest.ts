/**
 * Publishes documents and waits until the engine has dealt with them.
 *
 * Owns the publishes in flight and the count of what became of each. Never sends what was ingested
 * before with the same content, and never more at once than `limits.ingestInFlightMax`.
 *
 * IN1  documents of one id are published in the order they came.
 * IN2  a run that is repeated after a crash within the duplicate window changes nothing twice: the
 *      tenant's owner knows what it sends again by the message ids, and says "superseded" of it.
 * IN3  waiting ends: when everything is dealt with, when nothing happens for long, or when aborted.
 */

import { checkOperation } from "../../contract/document.ts";
import { FreshetError } from "../../contract/errors.ts";
import type { DocumentEvent } from "../../contract/events.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { CorpusDocument, SkipReason } from "../../formats/port.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";
import { KeyedTaskPool } from "../../runtime/task-pool.ts";
import type { IngestLog } from "./feed.ts";
import { OutcomeCounter, type Outcomes } from "./outcomes.ts";
import { digestOf, messageIdOf, readSeen, type Seen, writeSeen } from "./seen.ts";

export interface IngestOptions {
  readonly documents: AsyncIterable<CorpusDocument> | Iterable<CorpusDocument>;
  readonly tenant: TenantId;
  readonly log: IngestLog;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Where the memory of ingested content is kept; without it everything is sent. */
  readonly seenPath?: string | undefined;
  /** Sends unchanged content too. The text makes its message ids differ from earlier ones. */
  readonly force?: string | undefined;
  /** Waits until every published document is dealt with; on unless false. */
  readonly wait?: boolean | undefined;
  readonly onProgress?: ((progress: IngestProgress) => void) | undefined;
  readonly stallMs?: number | undefined;
  /** Called whenever a publish is refused for now and will be tried again. */
  readonly onWaiting?: ((error: FreshetError) => void) | undefined;
}

export interface IngestProgress extends Outcomes {
  /** Published in this run. */
  readonly documents: number;
  readonly unchanged: number;
  /** Published but not dealt with yet. */
  readonly lag: number;
}

export interface IngestSummary extends Outcomes {
  readonly documents: number;
  /** Not sent, because the log has them already, or sent in vain for that reason. */
  readonly unchanged: number;
  /** Left out before they were sent, by reason. */
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
  /** Published, but what became of it was not heard; 0 unless the wait was cut short. */
  readonly unheard: number;
  readonly seconds: number;
}

const encoder = new TextEncoder();

/** @throws FreshetError when the log refuses a publish, or `cancelled` when the signal aborts */
export async function ingestCorpus(options: IngestOptions): Promise<IngestSummary> {
  const { log, clock, tenant } = options;
  const startedMs = clock.monotonicMs();
  const last = await log.docs.lastSequence();
  const { seenPath } = options;
  const run = new IngestRun(
    options,
    seenPath === undefined ? readSeen("", 0) : readSeen(seenPath, last),
  );
  const unsubscribe = await log.events.subscribe(tenant, (event) => run.heard(event));
  try {
    await run.publishAll();
    if (options.wait !== false) await run.untilHeard();
  } finally {
    unsubscribe();
    if (seenPath !== undefined) writeSeen(seenPath, run.seen());
  }
  options.signal.throwIfAborted();
  return { ...run.summary(), seconds: (clock.monotonicMs() - startedMs) / 1000 };
}

class IngestRun {
  readonly #options: IngestOptions;
  readonly #digests: Map<string, string>;
  readonly #outcomes = new OutcomeCounter();
  readonly #skipped: Partial<Record<SkipReason, number>> = {};
  readonly #inFlight = new KeyedTaskPool(limits.ingestInFlightMax);
  /** Version → document id, to forget the digest of one that is rejected. */
  readonly #versions = new Map<number, string>();
  #seq: number;
  #documents = 0;
  #unchanged = 0;
  #lastHeardMs: number;

  constructor(options: IngestOptions, before: Seen) {
    this.#options = options;
    this.#digests = new Map(before.digests);
    this.#seq = before.seq;
    this.#lastHeardMs = options.clock.monotonicMs();
  }

  heard(event: DocumentEvent): void {
    this.#lastHeardMs = this.#options.clock.monotonicMs();
    this.#outcomes.heard(event.seq, event.status);
    this.#report();
  }

  async publishAll(): Promise<void> {
    const { documents, signal } = this.#options;
    for await (const document of documents) {
      if (signal.aborted) break;
      await this.#take(document);
    }
    await this.#inFlight.idle();
  }

  async untilHeard(): Promise<void> {
    const { clock, signal, stallMs = limits.ingestStallMs } = this.#options;
    this.#lastHeardMs = clock.monotonicMs();
    const stalled = () => clock.monotonicMs() - this.#lastHeardMs > stallMs;
    while (this.#outcomes.waiting > 0 && !signal.aborted && !stalled()) {
      await clock.sleep(limits.ingestPollMs, signal);
    }
  }

  summary(): Omit<IngestSummary, "seconds"> {
    const { lag: unheard, ...counts } = this.#progress();
    return { ...counts, skipped: this.#skipped, unheard };
  }

  seen(): Seen {
    for (const version of this.#outcomes.rejectedVersions) {
      this.#digests.delete(this.#versions.get(version) ?? "");
    }
    return { seq: this.#seq, digests: this.#digests };
  }

  async #take(document: CorpusDocument): Promise<void> {
    const { log } = this.#options;
    const checked = checkOperation(document, log.documentTextBytesMax);
    if (!checked.ok) {
      const reason = checked.error.code === "document_too_large" ? "size" : "invalid";
      this.#skipped[reason] = (this.#skipped[reason] ?? 0) + 1;
      return;
    }
    const { id } = checked.operation;
    const payload = encoder.encode(JSON.stringify(document));
    const digest = digestOf(payload);
    await this.#inFlight.start(id, async () => {
      if (this.#digests.get(id) === digest && this.#options.force === undefined) {
        this.#unchanged += 1;
      } else {
        await this.#publish(id, payload, digest);
      }
      this.#report();
    });
  }

  async #publish(id: string, payload: Uint8Array, digest: string): Promise<void> {
    const { tenant, log, force = "" } = this.#options;
    const messageId = messageIdOf([tenant, id, digest, this.#digests.get(id) ?? "", force]);
    const { seq } = await publishWithRetries(this.#options, () =>
      log.docs.publish({ tenant, payload, messageId }),
    );
    this.#digests.set(id, digest);
    this.#seq = Math.max(this.#seq, seq);
    this.#documents += 1;
    this.#versions.set(seq, id);
    this.#outcomes.published(seq);
  }

  #progress(): IngestProgress {
    const { counts } = this.#outcomes;
    // Sent again by a run that did not know of them: the engine says that they were there (IN2).
    const { superseded } = counts;
    return {
      ...counts,
      documents: this.#documents - superseded,
      unchanged: this.#unchanged + superseded,
      lag: this.#outcomes.waiting,
    };
  }

  #report(): void {
    this.#options.onProgress?.(this.#progress());
  }
}

/**
 * A log that is full or away for a moment is waited for, because an import has time; the message id
 * makes the repetition safe. The wait ends well inside the duplicate window (IN2).
 */
async function publishWithRetries<Result>(
  { clock, signal, onWaiting }: Pick<IngestOptions, "clock" | "signal" | "onWaiting">,
  publish: () => Promise<Result>,
): Promise<Result> {
  const giveUpMs = clock.monotonicMs() + limits.duplicateWindowMs / 4;
  const bounds = { backoffMinMs: limits.ingestRetryMinMs, backoffMaxMs: limits.ingestRetryMaxMs };
  for (let retries = 0; ; retries += 1) {
    try {
      return await publish();
    } catch (error) {
      const retry = error instanceof FreshetError && error.retryable;
      if (!retry || signal.aborted || clock.monotonicMs() > giveUpMs) throw error;
      onWaiting?.(error);
      await clock.sleep(backoffMs(bounds, retries), signal);
    }
  }
}

/**
 * Publishes documents and waits until the engine has dealt with them; as a mirror it deletes what
 * the source does not hold any more.
 *
 * Owns the publishes in flight and the count of what became of each. Never sends what the log has
 * as it is, and never more at once than `limits.ingestInFlightMax`.
 *
 * IN1  documents of one id are published in the order they came.
 * IN2  a run that is repeated after a crash within the duplicate window changes nothing twice: the
 *      tenant's owner knows what it sends again by the message ids, and says "superseded" of it.
 * IN3  waiting ends: when everything is dealt with, when nothing happens for long, or when aborted.
 * IN4  the log decides what is unchanged: the content was sent before and the version that it
 *      became is the newest of its document. Deleted or overwritten by others, it is sent again.
 * IN5  what was taken for a repetition is looked at: unless the log has this content now, it is
 *      sent again as something new.
 */

import { checkOperation } from "../../contract/document.ts";
import type { FreshetError } from "../../contract/errors.ts";
import type { DocumentEvent, DocumentStatus } from "../../contract/events.ts";
import type { DocumentId, TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { CorpusDocument } from "../../ingest/formats/port.ts";
import type { Clock } from "../../runtime/clock.ts";
import { KeyedTaskPool } from "../../runtime/task-pool.ts";
import type { IngestLog } from "./feed.ts";
import type { MirrorPlan, MirrorState } from "./mirror.ts";
import { OutcomeCounter, type Outcomes } from "./outcomes.ts";
import type { SkipReason } from "./problems.ts";
import { publishWithRetries } from "./publish.ts";
import { digestOf, messageIdOf, Seen } from "./seen.ts";
import { TenantState } from "./tenant-state.ts";

export interface IngestOptions {
  readonly documents: AsyncIterable<CorpusDocument> | Iterable<CorpusDocument>;
  readonly tenant: TenantId;
  readonly log: IngestLog;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Where the memory of ingested content is kept; without it everything is sent. */
  readonly seenPath?: string | undefined;
  /** What a run before has read of the log; it is brought up to date. */
  readonly state?: TenantState | undefined;
  /** Sends unchanged content too. The text makes its message ids differ from earlier ones. */
  readonly force?: string | undefined;
  /** Waits until every published document is dealt with; on unless false. */
  readonly wait?: boolean | undefined;
  /** Counts what would be sent, and sends nothing. */
  readonly dryRun?: boolean | undefined;
  /** Which documents are deleted, when all others are sent. */
  readonly mirror?: IngestMirror | undefined;
  readonly onProgress?: ((progress: IngestProgress) => void) | undefined;
  readonly onSkipped?: ((skipped: SkippedDocument) => void) | undefined;
  readonly stallMs?: number | undefined;
  /** Whether an engine answers that it has operations of the tenant still before it. */
  readonly isAtWork?: (() => Promise<boolean>) | undefined;
  /** Called whenever a publish is refused for now and will be tried again. */
  readonly onWaiting?: ((error: FreshetError) => void) | undefined;
}

export interface IngestMirror {
  readonly plan: (state: Pick<MirrorState, "live" | "unnamed" | "isOurs">) => MirrorPlan;
  readonly isInScope: (id: DocumentId) => boolean;
  /** What the source holds, once it was read. */
  readonly ids: () => Iterable<string>;
  /** The names of all documents that the engine has; asked when the log does not name them. */
  readonly listed: () => AsyncIterable<DocumentId>;
}

export interface SkippedDocument {
  readonly document: CorpusDocument;
  readonly reason: SkipReason;
  readonly detail: string;
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
  readonly mirror?: MirrorPlan | undefined;
}

const encoder = new TextEncoder();

/** @throws FreshetError when the log refuses a publish, or `cancelled` when the signal aborts */
export async function ingestCorpus(options: IngestOptions): Promise<IngestSummary> {
  const { log, clock, tenant, seenPath, dryRun = false } = options;
  const startedMs = clock.monotonicMs();
  const seenLog = { deployment: log.deployment, lastSequence: () => log.docs.lastSequence() };
  const seen = await (dryRun ? Seen.peek(seenPath, seenLog) : Seen.open(seenPath, seenLog));
  const run = new IngestRun(options, seen);
  const unsubscribe = await log.events.subscribe(tenant, (event) => run.heard(event));
  try {
    await run.publishAll();
    await run.deleteRest();
    if (options.wait !== false) await run.untilHeard();
  } finally {
    unsubscribe();
    seen.close();
  }
  options.signal.throwIfAborted();
  return { ...run.summary(), seconds: (clock.monotonicMs() - startedMs) / 1000 };
}

/** A document on its way: what is needed to send it, and to send it again. */
interface Sending {
  readonly id: DocumentId;
  readonly op: "upsert" | "delete";
  readonly payload: Uint8Array;
  readonly digest: string;
  /** False for what a mirror deletes. */
  readonly isFromSource: boolean;
}

class IngestRun {
  readonly #options: IngestOptions;
  readonly #seen: Seen;
  readonly #state: TenantState;
  #stateRead: Promise<void> | undefined;
  readonly #outcomes = new OutcomeCounter((seq, status) => this.#settled(seq, status));
  readonly #skipped: Partial<Record<SkipReason, number>> = {};
  readonly #inFlight = new KeyedTaskPool(limits.ingestInFlightMax);
  /** What this run has published, by version. */
  readonly #sent = new Map<number, Sending>();
  /** What the tenant's owner took for repetitions, by the version that it took so. */
  #repeated = new Map<number, Sending>();
  #documents = 0;
  /** Of the documents: those that were taken for repetitions, and those of them that were none. */
  #inVain = 0;
  #sentAgain = 0;
  #unchanged = 0;
  #lastHeardMs: number;
  #mirrored: MirrorPlan | undefined;

  constructor(options: IngestOptions, seen: Seen) {
    this.#options = options;
    this.#seen = seen;
    const { tenant, log, signal, mirror } = options;
    this.#state =
      options.state ?? new TenantState({ tenant, log, signal, names: mirror?.isInScope });
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

  /** As a mirror: on what the log holds now, after all that was sent. */
  async deleteRest(): Promise<void> {
    const { mirror, signal, dryRun } = this.#options;
    if (mirror === undefined || signal.aborted) return;
    await this.#state.refresh();
    const isOurs = (id: DocumentId) => this.#seen.has(id);
    this.#mirrored = mirror.plan({ ...(await this.#live(mirror)), isOurs });
    if (dryRun === true) return;
    for (const id of this.#mirrored.deletes) {
      if (signal.aborted) break;
      const payload = encoder.encode(JSON.stringify({ id, op: "delete" }));
      const digest = digestOf(payload);
      const sending = { id, op: "delete" as const, payload, digest, isFromSource: false };
      // The version that is deleted: the same document may be deleted, and come back, many times.
      const basis = `${this.#state.versionOf(id)}`;
      await this.#inFlight.start(id, () => this.#send(sending, basis));
    }
    await this.#inFlight.idle();
  }

  async #live(mirror: IngestMirror): Promise<Pick<MirrorState, "live" | "unnamed">> {
    const known = [...this.#seen.ids(), ...mirror.ids()];
    const before = this.#state.live(known);
    if (before.unnamed === 0) return before;
    // Others published them so long ago that the log has forgotten their names: the engine has not.
    for await (const id of mirror.listed()) if (mirror.isInScope(id)) known.push(id);
    return this.#state.live(known);
  }

  async untilHeard(): Promise<void> {
    for (let round = 0; round < limits.ingestRoundsMax; round += 1) {
      await this.#untilQuiet();
      if (this.#repeated.size === 0 || this.#options.signal.aborted) return;
      await this.#sendAgain();
    }
  }

  summary(): Omit<IngestSummary, "seconds"> {
    const { lag: unheard, ...counts } = this.#progress();
    const mirror = this.#mirrored === undefined ? {} : { mirror: this.#mirrored };
    return { ...counts, skipped: this.#skipped, unheard, ...mirror };
  }

  async #untilQuiet(): Promise<void> {
    const { clock, signal, stallMs = limits.ingestStallMs } = this.#options;
    this.#lastHeardMs = clock.monotonicMs();
    let patienceMs = stallMs;
    while (this.#outcomes.waiting > 0 && !signal.aborted) {
      const quietMs = clock.monotonicMs() - this.#lastHeardMs;
      if (quietMs <= stallMs) patienceMs = stallMs;
      else if (quietMs > patienceMs) {
        // A long text, or a busy machine: nothing is heard, and nothing is wrong.
        if (patienceMs >= stallMs * limits.ingestStallsAtWork || !(await this.#isAtWork())) return;
        patienceMs += stallMs;
      }
      await clock.sleep(limits.ingestPollMs, signal);
    }
  }

  async #isAtWork(): Promise<boolean> {
    return (await this.#options.isAtWork?.().catch(() => false)) === true;
  }

  async #take(document: CorpusDocument): Promise<void> {
    const checked = checkOperation(document, this.#options.log.documentTextBytesMax);
    if (!checked.ok) {
      const { code, message: detail } = checked.error;
      const reason = code === "document_too_large" ? "size" : "invalid";
      this.#skipped[reason] = (this.#skipped[reason] ?? 0) + 1;
      this.#options.onSkipped?.({ document, reason, detail });
      return;
    }
    const { id, op } = checked.operation;
    const payload = encoder.encode(JSON.stringify(document));
    const sending = { id, op, payload, digest: digestOf(payload), isFromSource: true };
    await this.#inFlight.start(id, async () => {
      if (await this.#isUnchanged(sending)) this.#unchanged += 1;
      else if (this.#options.dryRun === true) this.#documents += 1;
      else await this.#send(sending, `${this.#seen.get(id)?.version ?? ""}`);
      this.#report();
    });
  }

  /** IN4. The log is read only when something could be unchanged. */
  async #isUnchanged(sending: Sending): Promise<boolean> {
    const { id, op, digest } = sending;
    const entry = this.#seen.get(id);
    if (this.#options.force !== undefined || entry?.digest !== digest) return false;
    if (entry.version !== undefined && this.#sent.has(entry.version)) return true;
    this.#stateRead ??= this.#state.refresh();
    await this.#stateRead;
    if (op === "delete") return this.#state.versionOf(id) === undefined;
    return this.#isInLog(sending);
  }

  /** Whether the document's newest version is this content. */
  async #isInLog({ id, digest }: Sending): Promise<boolean> {
    const head = this.#state.versionOf(id);
    if (head === undefined) return false;
    if (this.#seen.get(id)?.version === head) return true;
    const payload = await this.#state.payloadOf(head);
    if (payload === undefined || digestOf(payload) !== digest) return false;
    this.#seen.put(id, { digest, version: head });
    return true;
  }

  async #send(sending: Sending, basis: string): Promise<void> {
    const { tenant, log, force = "" } = this.#options;
    const { id, payload, digest } = sending;
    this.#seen.intend(id);
    const messageId = messageIdOf([tenant, id, digest, basis, force]);
    const { seq } = await publishWithRetries(this.#options, () =>
      log.docs.publish({ tenant, payload, messageId }),
    );
    this.#seen.put(id, { digest, version: seq });
    this.#sent.set(seq, sending);
    if (sending.isFromSource) this.#documents += 1;
    this.#outcomes.published(seq);
  }

  #settled(seq: number, status: DocumentStatus): void {
    const sending = this.#sent.get(seq);
    if (sending === undefined) return;
    const { id, digest, isFromSource } = sending;
    if (status === "superseded" && isFromSource) this.#inVain += 1;
    // A later one of this run may have taken its place.
    if (this.#seen.get(id)?.version !== seq) return;
    if (status === "rejected") this.#seen.forget(id);
    if (status !== "superseded") return;
    this.#seen.put(id, { digest });
    this.#repeated.set(seq, sending);
  }

  /** IN5. */
  async #sendAgain(): Promise<void> {
    const repeated = this.#repeated;
    this.#repeated = new Map();
    await this.#state.refresh();
    for (const [seq, sending] of repeated) {
      await this.#inFlight.start(sending.id, async () => {
        const isGone = this.#state.versionOf(sending.id) === undefined;
        const isThere = sending.op === "delete" ? isGone : await this.#isInLog(sending);
        if (isThere) return;
        if (sending.isFromSource) this.#sentAgain += 1;
        await this.#send(sending, `after ${seq}`);
      });
    }
    await this.#inFlight.idle();
  }

  #progress(): IngestProgress {
    // Sent again by a run that did not know of them: the engine says that they were there (IN2).
    return {
      ...this.#outcomes.counts,
      documents: this.#documents - this.#inVain,
      unchanged: this.#unchanged + this.#inVain - this.#sentAgain,
      lag: this.#outcomes.waiting,
    };
  }

  #report(): void {
    this.#options.onProgress?.(this.#progress());
  }
}

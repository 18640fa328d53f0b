/**
 * Takes a tenant's operations in, in log order: from its partition's reader, and by its own reads
 * of DOCS while it is off that reader (T4) or looks for suspects (T7). An operation that is taken
 * in is processed at once and waits for the committer.
 *
 * Owns: the version of the newest operation taken in, and the message ids of the window.
 * Never: takes an operation in twice, or leaves one out.
 *
 *   TI1  the first operation that a life takes from the shared reader is the next one after its own
 *        reads, as the log's leader says. Nothing else knows what lies between the end of those
 *        reads and the reader's start, and an operation left out there is passed by the cursor for
 *        good (I1, I2).
 */

import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { Epoch, TenantId, Version } from "../../src/contract/ids.ts";
import type { Logger } from "../../src/contract/observation.ts";
import type { Outcome } from "../../src/contract/outcome.ts";
import { sameOperation } from "../../src/contract/same-operation.ts";
import { noSpan, type Span, type Tracer } from "../../src/contract/tracing.ts";
import { IdWindow } from "../../src/log/id-window.ts";
import type { Log, StoredOperation } from "../../src/log/port.ts";
import type { Share } from "../../src/runtime/fair-shares.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { type Admitted, type KeptOperation, readBytesMax, tooLarge } from "../directory/bytes.ts";
import type { TenantProgress } from "../directory/directory.ts";
import type { TenantRoute } from "../directory/route.ts";
import type { WriterLife } from "./life.ts";
import type { Fault, OperationProcessor } from "./operation.ts";
import { attemptsOf, suspectsTo } from "./suspects.ts";
import { type WriterQuotas, waitMsFor } from "./turn.ts";

export interface IntakeOptions {
  readonly tenant: TenantId;
  readonly epoch: Epoch;
  readonly log: Log;
  readonly route: TenantRoute;
  readonly progress: TenantProgress;
  readonly quotas: WriterQuotas;
  readonly limits: {
    readonly inFlightMax: number;
    readonly attemptsMax: number;
    readonly pullMax: number;
    readonly duplicateWindowMs: number;
    readonly messageIdsPerTenantMax: number;
    readonly backoff: { readonly backoffMinMs: number };
  };
  readonly logger: Logger;
  readonly tracer?: Tracer | undefined;
}

/** An operation between intake and committer. */
export interface InFlight {
  readonly operation: KeptOperation;
  /** Given back when the record is applied (TB1). */
  readonly shares: readonly Share[];
  readonly outcome: Promise<Outcome | Fault>;
  readonly span: Span;
}

export interface IntakeParts {
  readonly life: WriterLife;
  readonly processor: OperationProcessor;
  /** To the committer, in log order (T3). */
  readonly inFlight: Mailbox<InFlight>;
  /** Version of the tenant's last record. */
  readonly cursor: Version;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #parts: IntakeParts;
  /** Version of the newest operation taken in. */
  #takenIn: Version;
  /** T9: of the operations taken in. */
  #ids: IdWindow;
  /**
   * T7: suspects are at or below it; undefined until the backlog of this life has been looked at.
   */
  #suspectsTo: Version | undefined;
  /** TI1. Later rejoins need no proof: what the reader skipped is known. */
  #followsReader = false;

  constructor(options: IntakeOptions, parts: IntakeParts) {
    this.#options = options;
    this.#parts = parts;
    this.#takenIn = parts.cursor;
    this.#ids = this.#noIds();
  }

  /** T9: the ids of operations with a record, from DOCS, which keeps them beyond the window. */
  async recallIds(): Promise<void> {
    const { log, tenant, limits } = this.#options;
    const { life, cursor } = this.#parts;
    if (cursor === 0) return;
    // Twice the window: a repetition in it is recognised by its first operation.
    const windowMs = 2 * limits.duplicateWindowMs;
    await life.stalling("message ids", async () => {
      const ids = this.#noIds();
      const recent = { tenant, to: cursor, windowMs, signal: life.signal };
      for await (const id of log.docs.messageIds(recent)) ids.take(id);
      this.#ids = ids;
    });
  }

  /** An operation from the shared reader. */
  async takeFromReader(admitted: Admitted): Promise<void> {
    const { operation, share } = admitted;
    if (operation.version <= this.#takenIn) return share.release();
    if (!this.#followsReader) this.#followsReader = await this.#isNext(operation);
    if (this.#followsReader) return this.#takeIn(admitted);
    share.release();
    this.#options.route.fellBehind(operation.version);
  }

  /**
   * TI1. False also when this life ends first, or is off the reader already and reads by itself.
   */
  async #isNext({ version }: KeptOperation): Promise<boolean> {
    if (this.#options.route.isBehind) return false;
    const { log, tenant } = this.#options;
    const after = this.#takenIn;
    const next = await this.#parts.life.stalling("join", () =>
      log.docs.nextVersion({ tenant, after }),
    );
    return next === version;
  }

  async #takeIn({ operation, share }: Admitted): Promise<void> {
    const { processor, inFlight, life } = this.#parts;
    const isNew = operation.version > this.#takenIn;
    if (isNew) await this.#waitForRate(operation);
    const inHand = isNew
      ? await this.#options.route.bytes.inHand(operation, life.signal)
      : undefined;
    if (inHand === undefined) return share.release();
    this.#takenIn = operation.version;
    const suspect = operation.version <= (this.#suspectsTo ?? 0);
    // One whose payload is not kept cannot be compared: it is refused, as often as it comes.
    const repeated = tooLarge(operation) === undefined ? this.#repeatedBy(operation) : undefined;
    const span = this.#spanOf(operation);
    const outcome =
      repeated === undefined
        ? processor.process(operation, { suspect, span })
        : this.#repetition(operation, repeated);
    // The committer awaits it later; an earlier failure must not count as unhandled meanwhile.
    const settled = outcome.then(
      () => {},
      () => {},
    );
    const shares = [share, inHand];
    const isIn = await inFlight.put({ operation, outcome, shares, span }, life.signal);
    if (!isIn) for (const taken of shares) taken.release();
    if (suspect) await settled;
  }

  /** T10. The queue behind it fills meanwhile, and the tenant leaves the shared reader (T4). */
  async #waitForRate(operation: KeptOperation): Promise<void> {
    const { quotas, tenant } = this.#options;
    const { clock, signal } = this.#parts.life;
    const waitMs = waitMsFor(quotas, tenant, operation);
    if (waitMs > 0) await clock.sleep(waitMs, signal);
  }

  /** Continues the publisher's trace, also one that another node has begun. */
  #spanOf({ version, traceparent }: KeptOperation): Span {
    const { tracer, tenant } = this.#options;
    if (tracer === undefined) return noSpan;
    const log = { "messaging.system": "nats", "messaging.destination.name": "DOCS" };
    const attributes = { ...log, "freshet.tenant": tenant, "freshet.version": version };
    return tracer.start("document", { traceparent, attributes });
  }

  #repeatedBy({ version, atMs, messageId }: StoredOperation): Version | undefined {
    return messageId === undefined ? undefined : this.#ids.take({ version, atMs, messageId });
  }

  /** T9. Other content under a used id is no retry: dropped, it would be lost silently (I2). */
  async #repetition(operation: StoredOperation, of: Version): Promise<Outcome> {
    const { log, tenant } = this.#options;
    const { life } = this.#parts;
    const after = (of - 1) as Version;
    const first = await life.stalling("repetition", async () => {
      const [found] = await log.docs.readTenant({ tenant, after, max: 1 });
      // At least the repetition itself is there: an empty answer is older than it (TI1).
      if (found === undefined) throw new FreshetError("log_unavailable", "DOCS was read too old");
      return found;
    });
    if (first === undefined) throw new FreshetError("cancelled");
    if (first.version === of && (await this.#saysTheSame(first, operation)))
      return { kind: "duplicate", of };
    const message = `operation ${of} has the same message id and other content`;
    return { kind: "reject", documentId: null, reason: "duplicate_id", message };
  }

  /** One of them may have come sealed and the other in plain text, or under an older key. */
  async #saysTheSame(one: StoredOperation, other: StoredOperation): Promise<boolean> {
    if (sameOperation(one.payload, other.payload)) return true;
    const opened = [await this.#opened(one), await this.#opened(other)] as const;
    return sameOperation(...opened);
  }

  /** As it lies in DOCS where it does not open: then nobody can say that it repeats anything. */
  async #opened(operation: StoredOperation): Promise<Uint8Array> {
    const { docs } = this.#options.log;
    try {
      const payload = await this.#parts.life.stalling("repetition", () => docs.open(operation));
      if (payload !== undefined) return payload;
    } catch (thrown) {
      const { code } = toFreshetError(thrown);
      if (code !== "payload_unreadable" && code !== "payload_plain") throw thrown;
      return operation.payload;
    }
    throw new FreshetError("cancelled");
  }

  #noIds(): IdWindow {
    const { duplicateWindowMs: windowMs, messageIdsPerTenantMax: idsMax } = this.#options.limits;
    return new IdWindow({ windowMs, idsMax });
  }

  /**
   * Reads skipped operations from DOCS until the tenant has caught up with the shared reader (T4).
   */
  async catchUp(): Promise<void> {
    const { limits, route } = this.#options;
    const { life } = this.#parts;
    while (route.isBehind && !life.signal.aborted) {
      const operations = await this.#readPage();
      for (const admitted of operations ?? []) {
        await this.#takeIn(admitted);
      }
      if (operations?.length === 0 && !route.caughtUp(this.#takenIn)) {
        await life.clock.sleep(limits.backoff.backoffMinMs);
      }
    }
  }

  /** The next operations, within the tenant's memory; undefined when this life ends first. */
  async #readPage(): Promise<readonly Admitted[] | undefined> {
    const { log, tenant, limits, progress } = this.#options;
    const { life } = this.#parts;
    const { bytes } = this.#options.route;
    const onCount = (operations: number): void => {
      progress.behind = operations;
    };
    const page = await bytes.page(life.signal);
    if (page === undefined) return undefined;
    try {
      const range = { tenant, max: limits.pullMax, bytesMax: readBytesMax, onCount };
      const operations = await life.stalling("catch-up", () =>
        log.docs.readTenant({ ...range, after: this.#takenIn }),
      );
      if (operations === undefined) return undefined;
      await this.#lookForSuspects(operations);
      progress.behind = Math.max(0, progress.behind - operations.length);
      return bytes.admitted(page, operations);
    } finally {
      page.release();
    }
  }

  /** T7: journals the backlog that this life begins with, before it takes any of it in. */
  async #lookForSuspects(operations: readonly StoredOperation[]): Promise<void> {
    const { life } = this.#parts;
    if (this.#suspectsTo !== undefined || life.signal.aborted) return;
    this.#suspectsTo = 0 as Version;
    // One is with the committer, `inFlightMax` wait for it, and one waits for room.
    const inHand = operations.slice(0, this.#options.limits.inFlightMax + 2);
    const [first, ...others] = inHand.map(({ version }) => version);
    if (first === undefined) return;
    const { log, tenant, epoch, limits } = this.#options;
    const cursor = this.#takenIn;
    const attempts = await life.stalling("journal", async () => {
      const entry = await log.attempts.get(tenant);
      const next = attemptsOf({ entry, cursor, epoch, versions: [first, ...others] });
      if (next !== entry) await log.attempts.put(tenant, next);
      return next;
    });
    const to = attempts && suspectsTo(attempts, limits.attemptsMax);
    if (attempts === undefined || to === undefined) return;
    this.#suspectsTo = to;
    const { logger } = this.#options;
    logger.warn({ tenant, lives: attempts.lives, to }, "owners ended again and again: suspects");
  }
}

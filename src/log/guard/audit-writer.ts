/**
 * The audit trail of one process.
 *
 * Owns: the entries that are not stored yet, and the end of this process's chain as it knows it.
 * Never: makes a caller of `record` wait, throws into it, or writes content.
 * Receives: events of the surfaces. Sends: blocks to the stream, one after the other.
 *
 *   AE1  what waits is bounded; what finds no room is counted, and the next block that is stored
 *        says how many there were;
 *   AE2  a block is sent again until it is stored, and stored once: after an unknown outcome its
 *        place in the chain is looked at first, which need not be the end any more;
 *   AE3  a process continues the chain that it finds. Two processes under one name write one
 *        chain, in turns;
 *   AE4  a chain begins each process with `start` and ends it with `stop`: a start without a stop
 *        before says that a second may be missing.
 */

import {
  type AuditEntry,
  type AuditEvent,
  type AuditTrail,
  noCredential,
} from "../../contract/audit.ts";
import {
  type AuditBlock,
  documentDigest,
  openBlock,
  sealBlock,
} from "../../contract/audit-chain.ts";
import { toFreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Logger, Metrics } from "../../contract/observation.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { AuditLog, AuditTail } from "../audit-port.ts";

export interface AuditWriterOptions {
  readonly log: AuditLog;
  /** The node's name. */
  readonly chain: string;
  /** This process, and no other. */
  readonly writer: string;
  /** Seals blocks, and names documents; undefined: plain hashes, no documents. */
  readonly key: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly pendingMax?: number | undefined;
  /** False for a single entry of a command. */
  readonly marksEnds?: boolean | undefined;
}

type Pending = { -readonly [Name in keyof AuditEntry]: AuditEntry[Name] };

interface Sent {
  readonly number: number;
  readonly hash: string;
}

interface Attempt {
  /** The last one whose outcome is not known. */
  sent: Sent | undefined;
}

export class AuditWriter implements AuditTrail {
  readonly #options: AuditWriterOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #stopping = new AbortController();
  readonly #ended: Promise<boolean>;
  #wake: AbortController = new AbortController();
  #lost = 0;
  #tail: AuditTail | undefined;

  constructor(options: AuditWriterOptions) {
    this.#options = options;
    if (options.marksEnds !== false) this.record(ofProcess("start"));
    this.#ended = this.#run();
  }

  record(event: AuditEvent): void {
    const { pendingMax = limits.auditPendingMax } = this.#options;
    const entry = this.#entryOf(event);
    const key = JSON.stringify({ ...entry, at: 0, accepted: 0, refused: 0 });
    const same = this.#pending.get(key);
    if (same !== undefined) return addTo(same, entry);
    if (this.#pending.size >= pendingMax) {
      this.#lost += 1;
      this.#options.metrics.count("audit_entries_lost_total");
      return;
    }
    this.#pending.set(key, entry);
    if (this.#pending.size === limits.auditBlockEntriesMax) this.#wake.abort();
  }

  /**
   * Stores what waits, as far as the log takes it within `auditStopMs`.
   * @returns whether all of it is stored
   */
  async close(): Promise<boolean> {
    if (this.#stopping.signal.aborted) return this.#ended;
    if (this.#options.marksEnds !== false) this.record(ofProcess("stop"));
    this.#stopping.abort();
    this.#wake.abort();
    return this.#ended;
  }

  #entryOf(event: AuditEvent): Pending {
    const { document, tenant, accepted, refused, ...told } = event;
    const { key, clock } = this.#options;
    const named = key !== undefined && document !== undefined && tenant !== undefined;
    return {
      ...{ at: clock.nowMs(), times: 1, ...told },
      ...(tenant === undefined ? {} : { tenant }),
      ...(accepted === undefined ? {} : { accepted }),
      ...(refused === undefined ? {} : { refused }),
      ...(named ? { document: documentDigest(key, tenant, document) } : {}),
    };
  }

  /** Never rejects: the trail is not what the process lives for. */
  async #run(): Promise<boolean> {
    const { clock, metrics } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted || this.#pending.size > 0) {
      if (this.#pending.size < limits.auditBlockEntriesMax) {
        await clock.sleep(limits.auditFlushMs, this.#wake.signal);
      }
      this.#wake = new AbortController();
      if (signal.aborted) this.#wake.abort();
      const entries = this.#take();
      metrics.set("audit_entries_pending", this.#pending.size);
      if (entries.length > 0 && !(await this.#store(entries))) return false;
    }
    return true;
  }

  #take(): readonly AuditEntry[] {
    const lost = this.#lost;
    this.#lost = 0;
    const room = limits.auditBlockEntriesMax - (lost > 0 ? 1 : 0);
    const taken = [...this.#pending].slice(0, room);
    for (const [key] of taken) this.#pending.delete(key);
    const entries = taken.map(([, entry]) => entry);
    if (lost === 0) return entries;
    // AE1. It stands first: what was lost came before what is recorded now that there is room.
    const at = this.#options.clock.nowMs();
    return [{ ...ofProcess("lost"), at, times: lost }, ...entries];
  }

  /** AE2. False when the process ends before the log took it. */
  async #store(entries: readonly AuditEntry[]): Promise<boolean> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stopping;
    const at = clock.nowMs();
    const attempt: Attempt = { sent: undefined };
    let giveUpAtMs: number | undefined;
    for (let failures = 0; ; ) {
      try {
        if (await this.#tryToStore({ entries, at, attempt })) return true;
        continue;
      } catch (thrown) {
        const { code, message } = toFreshetError(thrown);
        this.#tail = undefined;
        failures += 1;
        if (failures === 1)
          logger.warn({ code, reason: message }, "the audit trail is not written");
      }
      if (signal.aborted) giveUpAtMs ??= clock.monotonicMs() + limits.auditStopMs;
      if (giveUpAtMs !== undefined && clock.monotonicMs() >= giveUpAtMs) {
        logger.error({ entries: entries.length }, "the end of the audit trail is lost");
        return false;
      }
      await this.#pause(failures);
    }
  }

  async #pause(failures: number): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    const bounds = { backoffMinMs: limits.auditFlushMs / 4, backoffMaxMs: limits.auditRetryMaxMs };
    // Once stopping, there is a moment left, and no signal that would end a sleep at once.
    if (signal.aborted) await clock.sleep(bounds.backoffMinMs);
    else await clock.sleep(backoffMs(bounds, failures - 1), signal);
  }

  /** False: the chain went on under another process, and its new end is not known yet. */
  async #tryToStore({
    entries,
    at,
    attempt,
  }: {
    readonly entries: readonly AuditEntry[];
    readonly at: number;
    readonly attempt: Attempt;
  }): Promise<boolean> {
    const { log, chain, writer, key } = this.#options;
    const { newest, seq } = await this.#end();
    // An earlier attempt's acknowledgement was lost.
    if (newest !== null && (await this.#holds(attempt.sent, newest.block))) return true;
    const previous = newest && { hash: newest.block.hash, seq: newest.seq, at: newest.block.at };
    const number = (newest?.block.number ?? 0) + 1;
    const content = { chain, writer, number, at, previous, entries: [...entries] };
    const { data, block } = sealBlock(content, key);
    // Of earlier ones there is nothing to ask: where the end is the same so is the block.
    attempt.sent = { number, hash: block.hash };
    const stored = await log.append({ chain, data, expectedLast: seq });
    this.#tail = stored === null ? undefined : { newest: { block, seq: stored }, seq: stored };
    return stored !== null;
  }

  /** Whether a block is where it was sent to, by now perhaps behind those of another process. */
  async #holds(sent: Sent | undefined, newest: AuditBlock): Promise<boolean> {
    if (sent === undefined || newest.number < sent.number) return false;
    if (newest.number === sent.number) return newest.hash === sent.hash;
    if (newest.number === sent.number + 1) return newest.previous?.hash === sent.hash;
    const { log, chain } = this.#options;
    for await (const { data } of log.read(chain)) {
      const opened = openBlock(data, undefined);
      if (opened.kind !== "block" || opened.block.number < sent.number) continue;
      return opened.block.hash === sent.hash;
    }
    return false;
  }

  async #end(): Promise<AuditTail> {
    const { log, chain, key } = this.#options;
    if (this.#tail !== undefined) return this.#tail;
    await log.ensure();
    const tail = await log.tail(chain);
    if (key === undefined && tail.newest?.block.sealed === true) {
      this.#options.logger.warn({}, "the audit trail was sealed before, and is not any more");
    }
    this.#tail = tail;
    return tail;
  }
}

function ofProcess(operation: "start" | "stop" | "lost") {
  const names = { credential: noCredential, surface: "engine" } as const;
  return { ...names, operation, outcome: "ok" } satisfies AuditEvent;
}

function addTo(same: Pending, { at, accepted, refused }: AuditEntry): void {
  same.times += 1;
  same.until = at;
  if (accepted !== undefined) same.accepted = (same.accepted ?? 0) + accepted;
  if (refused !== undefined) same.refused = (same.refused ?? 0) + refused;
}

/**
 * CHUNKS on JetStream: the fenced append, and unbroken reading.
 *
 *   NK1  a message that no owner wrote does not count: it is no tenant's newest record, and no link
 *        of a chain;
 *   NK2  an append after such messages is conditional on the newest of them, after all up to it
 *        were looked at: so no record can have come between the record that the writer knows and
 *        its own (I6);
 *   NK3  a record of the chain that cannot be read stops its tenant with broken_chain, and no
 *        other.
 */

import { FreshetError } from "../../contract/errors.ts";
import {
  earliestOf,
  isStoredName,
  noPosition,
  type Partition,
  type Position,
  position,
  type TenantId,
} from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { ChunkRecord, PlacedRecord, RecordHeader } from "../../contract/record.ts";
import { encodeBody } from "../../contract/record-body.ts";
import { judgeAppend } from "../append-outcome.ts";
import { ChainCheck } from "../chain.ts";
import type { AppendOutcome, ChunksLog, ChunksRange } from "../port.ts";
import { unreadableRecord } from "../quarantine.ts";
import {
  headerFromWire,
  isRecord,
  linkHeaders,
  type Place,
  previousIn,
  recordFromWire,
  wireHeaders,
} from "../wire/record.ts";
import type { NatsContext } from "./connection.ts";
import {
  messageOf,
  type NewestOf,
  newestReadable,
  oldestReadable,
  type StoredMessage,
  type SubjectRequest,
} from "./newest.ts";
import { type ConditionalMessage, publishIfLastUntilKnown, type ReadBack } from "./publish.ts";
import { pullMessages } from "./pull.ts";
import { lostTail, streamInfo } from "./streams.ts";
import { TenantStream } from "./tenant-stream.ts";
import type { VerifiedStream } from "./verified-stream.ts";

const noBytes = new Uint8Array();

export class NatsChunks implements ChunksLog {
  readonly #context: NatsContext;
  readonly #stream: TenantStream;

  constructor(context: NatsContext, verified: VerifiedStream, partitions: number) {
    this.#context = context;
    this.#stream = new TenantStream({ context, stream: verified, root: "chunks", partitions });
  }

  /**
   * No `Nats-Msg-Id`: on a cluster a stale append could be acknowledged as a duplicate, and on a
   * single server the condition is checked before the id, so it would not help either.
   */
  async append(record: ChunkRecord, expectedLast: Position): Promise<AppendOutcome> {
    const body = record.kind === "upsert" ? encodeBody(record.body) : noBytes;
    return publishIfLastUntilKnown<AppendOutcome>(this.#context, {
      message: {
        subject: this.#stream.subjectOf(record.tenant),
        payload: body,
        headers: wireHeaders(record, body.byteLength),
        expectedLast,
      },
      stream: this.#stream.verified,
      stored: ({ seq }) => ({ kind: "appended", position: position(seq) }),
      readBack: (sent) => this.#readBack(record, expectedLast, sent),
      silence: "an append got no answer",
    });
  }

  async last(tenant: TenantId): Promise<RecordHeader | null> {
    return (await this.#newest(tenant)).value;
  }

  first(tenant: TenantId, from: Position = noPosition): Promise<RecordHeader | null> {
    return oldestReadable(this.#context, this.#headersOf(tenant), from);
  }

  async *read(range: ChunksRange): AsyncGenerator<PlacedRecord> {
    for await (const { message, place } of this.#range(range, false)) {
      yield this.#readable(message, place.tenant, () =>
        recordFromWire(message.header, place, message.data),
      );
    }
  }

  async *headers(range: ChunksRange): AsyncGenerator<RecordHeader> {
    for await (const { message, place } of this.#range(range, true)) {
      yield this.#readable(message, place.tenant, () => headerFromWire(message.header, place));
    }
  }

  async tenants(partition: Partition): Promise<TenantId[]> {
    const tokens = await this.#stream.tokens([this.#stream.filterOf(partition)]);
    // A foreign message can name a tenant of another partition: two owners of one tenant would
    // fence each other for ever.
    const isHere = (tenant: TenantId) => this.#stream.partitionOf(tenant) === partition;
    return tokens.filter(isStoredName).filter(isHere);
  }

  async tenantCount(): Promise<number> {
    const info = await streamInfo(this.#context, "chunks");
    return info?.state.num_subjects ?? 0;
  }

  async firstSince(atMs: number): Promise<Position> {
    return position(await this.#stream.firstSince(atMs));
  }

  async purge({ tenant, below }: Parameters<ChunksLog["purge"]>[0]): Promise<number> {
    const last = await this.last(tenant);
    if (last === null) return 0;
    return this.#stream.purgeBelow(tenant, earliestOf(below, last.position));
  }

  /** An unanswered look at the tail leaves the question open, as an unanswered publish does. */
  async #readBack(
    record: ChunkRecord,
    expectedLast: Position,
    sent: ConditionalMessage,
  ): Promise<ReadBack<AppendOutcome>> {
    try {
      const { value: last, tail } = await this.#newest(record.tenant);
      const verdict = judgeAppend(record, expectedLast, last);
      if (verdict.kind === "retry") {
        return { kind: "open", next: afterForeign(sent, tail, expectedLast) };
      }
      // The newest record of a tenant is never purged: one that was expected and is gone was lost.
      const isLost =
        (last?.position ?? 0) < expectedLast && expectedLast > this.#stream.verified.base;
      if (verdict.kind === "behind" && isLost) throw lostTail(this.#stream.name);
      return { kind: "known", result: verdict };
    } catch (thrown) {
      if (thrown instanceof FreshetError && thrown.code === "log_unavailable") {
        return { kind: "open" };
      }
      throw thrown;
    }
  }

  #newest(tenant: TenantId): Promise<NewestOf<RecordHeader>> {
    return newestReadable(this.#context, this.#headersOf(tenant));
  }

  #headersOf(tenant: TenantId): SubjectRequest<RecordHeader> {
    return {
      stream: this.#stream.name,
      subject: this.#stream.subjectOf(tenant),
      headersOnly: true,
      read: (message) =>
        isRecord(message.header)
          ? this.#readable(message, tenant, () =>
              headerFromWire(message.header, placeOf(message, tenant)),
            )
          : undefined,
    };
  }

  /** NK3. @throws FreshetError broken_chain */
  #readable<Value>({ subject, seq }: StoredMessage, tenant: TenantId, read: () => Value): Value {
    try {
      return read();
    } catch (cause) {
      const stream = this.#stream.name;
      this.#context.quarantine.add({ stream, seq, subject, why: "unreadable" });
      throw unreadableRecord({ tenant, position: seq }, cause);
    }
  }

  /**
   * A consumer that starts below the first stored message silently starts later: the chain check
   * sees it.
   */
  async *#range(
    range: ChunksRange,
    headersOnly: boolean,
  ): AsyncGenerator<{ readonly message: StoredMessage; readonly place: Place }> {
    const { tenant, signal, onCount } = range;
    const chain = new ChainCheck(range);
    if (chain.complete) return;
    await this.#stream.verified.state();
    const stream = this.#stream.name;
    const messages = pullMessages(this.#context, {
      ...{ stream, filter: this.#stream.subjectOf(tenant), start: range.after + 1 },
      ...{ until: { through: range.to }, headersOnly, page: limits.rangePageMax, signal, onCount },
    });
    for await (const delivered of messages) {
      const message = messageOf(delivered);
      const { subject, seq } = message;
      if (!isRecord(message.header)) {
        this.#context.quarantine.add({ stream, seq, subject, why: "foreign" });
        continue;
      }
      const place = this.#readable(message, tenant, () => placeOf(message, tenant));
      chain.accept(place);
      yield { message, place };
      if (chain.complete) return;
    }
    signal?.throwIfAborted();
    throw chain.broken();
  }
}

/** NK2: the same record, after foreign messages up to `tail`. */
function afterForeign(
  message: ConditionalMessage,
  tail: number,
  previous: Position,
): ConditionalMessage {
  if (tail === message.expectedLast) return message;
  return {
    ...message,
    headers: { ...message.headers, ...linkHeaders(previous) },
    expectedLast: tail,
  };
}

/** @throws FreshetError internal */
function placeOf({ header, atMs, seq }: StoredMessage, tenant: TenantId): Place {
  return { tenant, atMs, position: position(seq), previous: previousIn(header) };
}

/** CHUNKS on JetStream: the fenced append, and unbroken reading. */

import type { StoredMsg } from "nats";
import { FreshetError } from "../contract/errors.ts";
import {
  isTenantId,
  type Partition,
  type Position,
  partitionOf,
  type TenantId,
} from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import {
  type ChunkRecord,
  encodeBody,
  type PlacedRecord,
  type RecordHeader,
} from "../contract/record.ts";
import { judgeAppend } from "./append-outcome.ts";
import { ChainCheck } from "./chain.ts";
import {
  type GuardedMessage,
  headerReader,
  type NatsContext,
  newestMessage,
  oldestMessage,
  publishGuarded,
} from "./nats-connection.ts";
import { type Delivered, pullMessages } from "./nats-pull.ts";
import { firstSince, purgeBelow } from "./nats-retention.ts";
import type { GuardedStream } from "./nats-stream-guard.ts";
import { lostTail } from "./nats-streams.ts";
import type { AppendOutcome, ChunksLog, ChunksRange } from "./port.ts";
import { headerFromWire, type Place, recordFromWire, wireHeaders } from "./record-header.ts";
import { chunksOf, chunksOfPartition, tenantIn } from "./subjects.ts";

/** The server keeps the append's condition with the message: it is the link to the record before. */
const previousHeader = "Nats-Expected-Last-Subject-Sequence";
const noBytes = new Uint8Array();

export class NatsChunks implements ChunksLog {
  readonly #context: NatsContext;
  readonly #stream: GuardedStream;
  readonly #partitions: number;

  constructor(context: NatsContext, stream: GuardedStream, partitions: number) {
    this.#context = context;
    this.#stream = stream;
    this.#partitions = partitions;
  }

  /**
   * No `Nats-Msg-Id`: on a cluster a stale append could be acknowledged as a duplicate, and on a single
   * server the condition is checked before the id, so it would not help either.
   */
  async append(record: ChunkRecord, expectedLast: Position): Promise<AppendOutcome> {
    const body = record.kind === "upsert" ? encodeBody(record.body) : noBytes;
    const message: GuardedMessage = {
      subject: this.#subject(record.tenant),
      payload: body,
      headers: wireHeaders(record, body.byteLength),
      expectedLast,
    };
    for (let attempt = 1; ; attempt += 1) {
      const before = this.#stream.highest;
      const outcome = await publishGuarded(this.#context, message);
      if (outcome.kind === "stored") {
        this.#stream.stored(outcome.ack.seq, before);
        return { kind: "appended", position: outcome.ack.seq as Position };
      }
      const verdict = await this.#verdict(record, expectedLast);
      if (verdict.kind !== "retry") return verdict;
      if (attempt >= limits.appendAttemptsMax) {
        const cause = outcome.kind === "unknown" ? outcome.error : undefined;
        throw new FreshetError("log_unavailable", "an append got no answer", { cause });
      }
      await this.#context.clock.sleep(limits.readRetryMinMs * attempt);
    }
  }

  async last(tenant: TenantId): Promise<RecordHeader | null> {
    const message = await newestMessage(this.#context, this.#stream.name, this.#subject(tenant));
    return message === null ? null : storedHeader(message, tenant);
  }

  async first(tenant: TenantId): Promise<RecordHeader | null> {
    const from = { subject: this.#subject(tenant), seq: 1 };
    const message = await oldestMessage(this.#context, this.#stream.name, from);
    return message === null ? null : storedHeader(message, tenant);
  }

  async *read(range: ChunksRange): AsyncGenerator<PlacedRecord> {
    for await (const { message, place } of this.#range(range, false)) {
      yield recordFromWire(headerReader(message.headers), place, message.data);
    }
  }

  async *headers(range: ChunksRange): AsyncGenerator<RecordHeader> {
    for await (const { message, place } of this.#range(range, true)) {
      yield headerFromWire(headerReader(message.headers), place);
    }
  }

  async tenants(partition: Partition): Promise<TenantId[]> {
    const filter = chunksOfPartition(partition);
    const subjects = await this.#stream.subjects(filter);
    return subjects.map(tenantIn).filter(isTenantId);
  }

  async firstSince(atMs: number): Promise<Position> {
    const found = await firstSince(this.#context, this.#stream, { filter: "chunks.>", atMs });
    return found as Position;
  }

  async purge({ tenant, below }: Parameters<ChunksLog["purge"]>[0]): Promise<number> {
    const last = await this.last(tenant);
    if (last === null) return 0;
    const filter = this.#subject(tenant);
    const to = Math.min(below, last.position);
    return purgeBelow(this.#context, this.#stream, { filter, below: to });
  }

  #subject(tenant: TenantId): string {
    return chunksOf(partitionOf(tenant, this.#partitions), tenant);
  }

  /** An unanswered look at the tail leaves the question open, as an unanswered publish does. */
  async #verdict(
    record: ChunkRecord,
    expectedLast: Position,
  ): Promise<ReturnType<typeof judgeAppend>> {
    try {
      const last = await this.last(record.tenant);
      const verdict = judgeAppend(record, expectedLast, last);
      // The newest record of a tenant is never purged: one that was expected and is gone was lost.
      const isLost = (last?.position ?? 0) < expectedLast && expectedLast > this.#stream.base;
      if (verdict.kind === "behind" && isLost) throw lostTail(this.#stream.name);
      return verdict;
    } catch (thrown) {
      if (thrown instanceof FreshetError && thrown.code === "log_unavailable") {
        return { kind: "retry" };
      }
      throw thrown;
    }
  }

  /** A consumer that starts below the first stored message silently starts later: the chain check sees it. */
  async *#range(
    range: ChunksRange,
    headersOnly: boolean,
  ): AsyncGenerator<{ readonly message: Delivered; readonly place: Place }> {
    const chain = new ChainCheck(range);
    if (chain.complete) return;
    await this.#stream.state();
    const messages = pullMessages(this.#context, {
      stream: this.#stream.name,
      filter: this.#subject(range.tenant),
      start: range.after + 1,
      until: { through: range.to },
      headersOnly,
      page: limits.rangePageMax,
      signal: range.signal,
      onCount: range.onCount,
    });
    for await (const message of messages) {
      const place = placeOf(message, range.tenant);
      chain.accept(place);
      yield { message, place };
      if (chain.complete) return;
    }
    range.signal?.throwIfAborted();
    throw chain.broken();
  }
}

function placeOf(message: Delivered, tenant: TenantId): Place {
  const previous = previousOf(headerReader(message.headers));
  return { tenant, atMs: message.atMs, position: message.seq as Position, previous };
}

function storedHeader(message: StoredMsg, tenant: TenantId): RecordHeader {
  const read = headerReader(message.header);
  const place: Place = {
    tenant,
    atMs: message.time.getTime(),
    position: message.seq as Position,
    previous: previousOf(read),
  };
  return headerFromWire(read, place);
}

function previousOf(read: (name: string) => string | undefined): Position {
  const previous = Number(read(previousHeader) ?? Number.NaN);
  if (!Number.isSafeInteger(previous)) {
    throw new FreshetError("internal", "a record was written without a fence");
  }
  return previous as Position;
}

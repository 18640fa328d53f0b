/** CHUNKS in memory. Records are kept as they would be on the wire, so that nothing is shared by reference. */

import { FreshetError } from "../contract/errors.ts";
import { type Partition, type Position, partitionOf, type TenantId } from "../contract/ids.ts";
import type { ChunkRecord, PlacedRecord, RecordHeader } from "../contract/record.ts";
import { encodeBody } from "../contract/record.ts";
import type { Clock } from "../kernel/clock.ts";
import { judgeAppend } from "./append-outcome.ts";
import { ChainCheck } from "./chain.ts";
import type { MemorySwitch } from "./memory-switch.ts";
import type { AppendOutcome, ChunksLog, ChunksRange } from "./port.ts";
import {
  headerFromWire,
  type Place,
  recordFromWire,
  type WireHeaders,
  wireHeaders,
} from "./record-header.ts";

interface Options {
  readonly clock: Clock;
  readonly partitions: number;
  readonly base: number;
  readonly power: MemorySwitch;
}

interface Stored {
  readonly place: Place;
  readonly headers: WireHeaders;
  readonly body: Uint8Array;
}

export class MemoryChunks implements ChunksLog {
  readonly #options: Options;
  readonly #byTenant = new Map<TenantId, Stored[]>();
  #ackLost = false;
  lastSeq: Position;

  constructor(options: Options) {
    this.#options = options;
    this.lastSeq = options.base as Position;
  }

  async append(record: ChunkRecord, expectedLast: Position): Promise<AppendOutcome> {
    await this.#options.power.pass();
    const last = this.#last(record.tenant);
    if ((last?.position ?? 0) !== expectedLast) return decided(record, expectedLast, last);
    if (last !== null && last.epoch > record.epoch) {
      // The server can not see this: only a writer that read a newer owner's record could expect it.
      throw new FreshetError(
        "internal",
        "a writer of an older epoch expects a newer owner's record",
      );
    }
    const position = this.#store(record, expectedLast);
    if (!this.#ackLost) return { kind: "appended", position };
    this.#ackLost = false;
    return decided(record, expectedLast, this.#last(record.tenant));
  }

  async last(tenant: TenantId): Promise<RecordHeader | null> {
    await this.#options.power.pass();
    return this.#last(tenant);
  }

  async first(tenant: TenantId): Promise<RecordHeader | null> {
    await this.#options.power.pass();
    return headerOf(this.#byTenant.get(tenant)?.[0]);
  }

  async *read(range: ChunksRange): AsyncGenerator<PlacedRecord> {
    for await (const { headers, place, body } of this.#range(range)) {
      yield recordFromWire((name) => headers[name], place, body);
    }
  }

  async *headers(range: ChunksRange): AsyncGenerator<RecordHeader> {
    for await (const { headers, place } of this.#range(range)) {
      yield headerFromWire((name) => headers[name], place);
    }
  }

  async tenants(partition: Partition): Promise<TenantId[]> {
    await this.#options.power.pass();
    const { partitions } = this.#options;
    return [...this.#byTenant.keys()].filter(
      (tenant) => partitionOf(tenant, partitions) === partition,
    );
  }

  loseNextAck(): void {
    this.#ackLost = true;
  }

  async firstSince(atMs: number): Promise<Position> {
    await this.#options.power.pass();
    const positions = [...this.#byTenant.values()]
      .flat()
      .filter(({ place }) => place.atMs >= atMs)
      .map(({ place }) => place.position);
    return Math.min(this.lastSeq + 1, ...positions) as Position;
  }

  async purge({ tenant, below }: Parameters<ChunksLog["purge"]>[0]): Promise<number> {
    await this.#options.power.pass();
    this.#options.power.checkIdentity();
    const records = this.#byTenant.get(tenant) ?? [];
    const newest = records.at(-1);
    const kept = records.filter((stored) => stored.place.position >= below || stored === newest);
    if (kept.length > 0) this.#byTenant.set(tenant, kept);
    return records.length - kept.length;
  }

  async *#range(range: ChunksRange): AsyncGenerator<Stored> {
    const chain = new ChainCheck(range);
    if (!chain.complete) {
      const records = this.#byTenant.get(range.tenant) ?? [];
      range.onCount?.(records.filter(({ place }) => place.position > range.after).length);
    }
    while (!chain.complete) {
      await this.#options.power.pass();
      range.signal?.throwIfAborted();
      const next = this.#byTenant
        .get(range.tenant)
        ?.find(({ place }) => place.position > chain.last);
      if (next === undefined) throw chain.broken();
      chain.accept(next.place);
      yield next;
    }
  }

  #store(record: ChunkRecord, previous: Position): Position {
    this.lastSeq = (this.lastSeq + 1) as Position;
    const body = record.kind === "upsert" ? encodeBody(record.body) : new Uint8Array();
    const { tenant } = record;
    const atMs = this.#options.clock.nowMs();
    const stored: Stored = {
      place: { tenant, atMs, position: this.lastSeq, previous },
      headers: wireHeaders(record, body.byteLength),
      body,
    };
    const records = this.#byTenant.get(tenant);
    if (records === undefined) this.#byTenant.set(tenant, [stored]);
    else records.push(stored);
    return this.lastSeq;
  }

  #last(tenant: TenantId): RecordHeader | null {
    return headerOf(this.#byTenant.get(tenant)?.at(-1));
  }
}

function headerOf(stored: Stored | undefined): RecordHeader | null {
  if (stored === undefined) return null;
  return headerFromWire((name) => stored.headers[name], stored.place);
}

function decided(
  record: ChunkRecord,
  expectedLast: Position,
  last: RecordHeader | null,
): AppendOutcome {
  const verdict = judgeAppend(record, expectedLast, last);
  if (verdict.kind === "retry") throw new FreshetError("internal", "an append left no trace");
  return verdict;
}

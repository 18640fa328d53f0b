/**
 * CHUNKS in memory. Records are kept as they would be on the wire, so that nothing is shared by
 * reference.
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
import type { QuarantineReason } from "../../contract/quarantine.ts";
import type { ChunkRecord, PlacedRecord, RecordHeader } from "../../contract/record.ts";
import { encodeBody } from "../../contract/record-body.ts";
import { judgeAppend } from "../append-outcome.ts";
import { ChainCheck } from "../chain.ts";
import type { AppendOutcome, ChunksLog, ChunksRange } from "../port.ts";
import { type Quarantine, unreadableRecord } from "../quarantine.ts";
import {
  conditionHeaders,
  headerFromWire,
  isRecord,
  type Place,
  previousIn,
  recordFromWire,
  type WireHeaders,
  wireHeaders,
} from "../wire/record.ts";
import { tenantSubject } from "../wire/subjects.ts";
import { TenantStream, type TenantStreamOptions } from "./tenant-stream.ts";

interface Options extends TenantStreamOptions {
  readonly quarantine: Quarantine;
  /** The check of what a range read hands out; a test may plant a gullible one. */
  readonly createChain?: ((range: ChunksRange) => ChainCheck) | undefined;
}

interface Stored {
  readonly isRecord: boolean;
  readonly place: Place;
  readonly headers: WireHeaders;
  readonly body: Uint8Array;
}

export class MemoryChunks implements ChunksLog {
  readonly #options: Options;
  readonly #stream: TenantStream<Position, Stored>;
  #ackLost = false;
  #recordsLate = 0;

  constructor(options: Options) {
    this.#options = options;
    this.#stream = new TenantStream(options, position(options.base));
  }

  get lastSeq(): Position {
    return this.#stream.lastSeq;
  }

  async append(record: ChunkRecord, expectedLast: Position): Promise<AppendOutcome> {
    await this.#options.availability.pass();
    const last = this.#last(record.tenant);
    if ((last?.position ?? 0) !== expectedLast) return decided(record, expectedLast, last);
    if (last !== null && last.epoch > record.epoch) {
      // The server cannot see this: only a writer that read a newer owner's record could expect it.
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
    await this.#options.availability.pass();
    return this.#last(tenant);
  }

  async first(tenant: TenantId, from = noPosition): Promise<RecordHeader | null> {
    await this.#options.availability.pass();
    const first = this.#records(tenant).find(({ place }) => place.position >= from);
    return first === undefined ? null : this.#headerOf(first);
  }

  async *read(range: ChunksRange): AsyncGenerator<PlacedRecord> {
    for await (const stored of this.#range(range)) {
      const { headers, place, body } = stored;
      yield this.#readable(stored, () => recordFromWire((name) => headers[name], place, body));
    }
  }

  async *headers(range: ChunksRange): AsyncGenerator<RecordHeader> {
    for await (const stored of this.#range(range)) yield this.#headerOf(stored);
  }

  async tenants(partition: Partition): Promise<TenantId[]> {
    await this.#options.availability.pass();
    return this.#stream.tenantsOf(partition).filter(isStoredName);
  }

  async tenantCount(): Promise<number> {
    await this.#options.availability.pass();
    return this.#stream.tenants().length;
  }

  /** A message that no owner wrote, or one of ours that was damaged. */
  putForeign(tenant: TenantId, headers: WireHeaders, body: Uint8Array): void {
    const read = (name: string) => headers[name];
    const previous = isRecord(read) ? previousIn(read) : noPosition;
    this.#push({ tenant, previous }, headers, body);
  }

  loseNextAck(): void {
    this.#ackLost = true;
  }

  readNextLate(records: number): void {
    this.#recordsLate = records;
  }

  async firstSince(atMs: number): Promise<Position> {
    await this.#options.availability.pass();
    return this.#stream.firstSince(atMs);
  }

  async purge({ tenant, below }: Parameters<ChunksLog["purge"]>[0]): Promise<number> {
    await this.#options.availability.pass();
    const newest = this.#records(tenant).at(-1)?.place.position ?? noPosition;
    return this.#stream.purgeBelow(tenant, earliestOf(below, newest));
  }

  /** How many below a bound; removed for good with `isRemoved`. */
  erase(tenant: TenantId, below: number, isRemoved: boolean): number {
    const found = this.#stream.of(tenant).filter(({ place }) => place.position < below).length;
    if (isRemoved) this.#stream.purgeBelow(tenant, below as Position);
    return found;
  }

  async *#range(range: ChunksRange): AsyncGenerator<Stored> {
    const chain = this.#options.createChain?.(range) ?? new ChainCheck(range);
    if (!chain.complete) {
      const items = this.#stream.of(range.tenant);
      const behind = items.slice(this.#stream.indexAfter(range.tenant, range.after));
      range.onCount?.(behind.filter(({ isRecord }) => isRecord).length);
    }
    let late = this.#recordsLate;
    this.#recordsLate = 0;
    while (!chain.complete) {
      await this.#options.availability.pass();
      range.signal?.throwIfAborted();
      const next = this.#nextRecord(range.tenant, chain.last, late);
      late = 0;
      if (next === undefined) throw chain.broken();
      chain.accept(next.place);
      yield next;
    }
  }

  #store(record: ChunkRecord, previous: Position): Position {
    const body = record.kind === "upsert" ? encodeBody(record.body) : new Uint8Array();
    const headers = { ...wireHeaders(record, body.byteLength), ...conditionHeaders(previous) };
    return this.#push({ tenant: record.tenant, previous }, headers, body);
  }

  #push(
    place: Pick<Place, "tenant" | "previous">,
    headers: WireHeaders,
    body: Uint8Array,
  ): Position {
    const stored = this.#stream.add(place.tenant, (position, atMs) => ({
      isRecord: isRecord((name) => headers[name]),
      place: { ...place, atMs, position },
      ...{ headers, body },
    }));
    return stored.place.position;
  }

  /** What owners wrote: foreign messages between stand for nothing. */
  #records(tenant: TenantId): readonly Stored[] {
    return this.#stream.of(tenant).filter((stored) => {
      if (stored.isRecord) return true;
      this.#quarantine(stored, "foreign");
      return false;
    });
  }

  /** Looks at what it passes and no further: a range is read record by record. */
  #nextRecord(tenant: TenantId, last: Position, passed: number): Stored | undefined {
    const items = this.#stream.of(tenant);
    let left = passed;
    for (let at = this.#stream.indexAfter(tenant, last); at < items.length; at += 1) {
      const stored = items[at] as Stored;
      if (!stored.isRecord) this.#quarantine(stored, "foreign");
      else if (left === 0) return stored;
      else left -= 1;
    }
    return undefined;
  }

  #last(tenant: TenantId): RecordHeader | null {
    const items = this.#stream.of(tenant);
    for (let at = items.length - 1; at >= 0; at -= 1) {
      const stored = items[at] as Stored;
      if (stored.isRecord) return this.#headerOf(stored);
      this.#quarantine(stored, "foreign");
    }
    return null;
  }

  #headerOf(stored: Stored): RecordHeader {
    return this.#readable(stored, () =>
      headerFromWire((name) => stored.headers[name], stored.place),
    );
  }

  #readable<Value>(stored: Stored, read: () => Value): Value {
    try {
      return read();
    } catch (cause) {
      this.#quarantine(stored, "unreadable");
      throw unreadableRecord(stored.place, cause);
    }
  }

  #quarantine({ place }: Stored, why: QuarantineReason): void {
    const { tenant, position: seq } = place;
    const subject = tenantSubject("chunks", this.#stream.partitionOf(tenant), tenant);
    this.#options.quarantine.add({ stream: "CHUNKS", seq, subject, why });
  }
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

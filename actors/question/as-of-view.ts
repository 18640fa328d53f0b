/**
 * One tenant as it was after a certain operation: the documents that were live then, each in the
 * version of then, in a hot shard of its own. It moves forward along CHUNKS, never back.
 *
 * Owns: its shard, and what CHUNKS says of later operations. Never: writes, reads cold, or answers
 * by itself: who asks proves the lease (I6).
 *
 *   QZ1  the shard is the fold of an unbroken chain from the tenant's first record to the last one
 *        at or below `asOf`, so it is the same whenever it is made, whatever was merged since;
 *   QZ2  what has expired by now, by the expiry of that version or of any later one, is not in it;
 *   QZ3  what a later version's labels deny the reader is not shown in the older one either;
 *   QZ4  it is bounded in records and bytes, and says so instead of answering from a part.
 */

import { type Access, admits } from "../../src/contract/access.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentId, Position, TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { PlacedRecord, RecordHeader } from "../../src/contract/record.ts";
import type { HotQuery, HotShard } from "../../src/hot/port.ts";
import type { ChunksLog } from "../../src/log/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";

export interface AsOfViewOptions {
  readonly tenant: TenantId;
  /** The tenant's first record: nothing lies before it. */
  readonly first: Pick<RecordHeader, "position" | "previous" | "version">;
  readonly chunks: Pick<ChunksLog, "headers" | "read">;
  readonly hot: HotShard;
  readonly clock: Pick<Clock, "nowMs" | "turn">;
}

/** What is kept of an operation that the view has not come to yet. */
interface Later {
  readonly kind: "upsert" | "delete";
  readonly position: Position;
  readonly version: Version;
  readonly documentId: DocumentId;
  readonly expiresAtMs: number | undefined;
}

/** Of one document; what lies before `from` is passed. */
interface LaterOfOne {
  all: Later[];
  from: number;
}

export interface AsOfQuery extends HotQuery {
  /** Hits that the question wants, of those that the reader may see. */
  readonly topK: number;
}

/** Records that are looked at before others have their turn. */
const recordsPerTurn = 32;
const headersPerTurn = 2_048;

export class AsOfView {
  readonly #options: AsOfViewOptions;
  /** When documents of the shard are over, by their own version or a later one. */
  readonly #overAtMs = new Map<DocumentId, number>();
  /** After `#to`, in log order; the first `#passed` of them lie behind. */
  #later: Later[] = [];
  #passed = 0;
  readonly #laterOf = new Map<DocumentId, LaterOfOne>();
  readonly #labels = new Map<Version, readonly string[]>();
  /** Of these lists, counted with the shard (QZ4). */
  #labelBytes = 0;
  #asOf = 0 as Version;
  #to: Position;
  #seen: Position;
  /** Labels of later operations are known up to here; only readers with groups need them. */
  #labelled: Position;

  constructor(options: AsOfViewOptions) {
    this.#options = options;
    this.#to = options.first.previous;
    this.#seen = this.#to;
    this.#labelled = this.#to;
  }

  get tenant(): TenantId {
    return this.#options.tenant;
  }

  get first(): Position {
    return this.#options.first.position;
  }

  /** Every operation up to here is in it, and none above. */
  get asOf(): Version {
    return this.#asOf;
  }

  /**
   * Moves to `asOf`, which is not below where it stands.
   * @throws FreshetError history_too_large, broken_chain, cancelled; the view is of no use then
   */
  async moveTo(
    asOf: Version,
    {
      last,
      access,
      signal,
    }: {
      readonly last: Position;
      readonly access: Access | undefined;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    if (last > this.#seen) await this.#look(last, signal);
    await this.#advance(asOf, signal);
    if (access !== undefined) await this.#readLabels(signal);
  }

  /** QZ2, QZ3. In one step, after `moveTo`. */
  search({ topK, ...query }: AsOfQuery): readonly Candidate[] {
    const { hot, clock } = this.#options;
    const nowMs = clock.nowMs();
    for (const [documentId, overAtMs] of this.#overAtMs) {
      if (overAtMs > nowMs) continue;
      hot.delete(documentId);
      this.#overAtMs.delete(documentId);
    }
    const { access } = query;
    // All of it is here, and exact: it is asked until it has no more (I12).
    for (let { limit } = query; ; limit *= 4) {
      const found = hot.search({ ...query, limit });
      const shown = found.filter(({ documentId }) => !this.#isDenied(documentId, access));
      const isShort = shown.length < found.length && shown.length < topK;
      if (!isShort || found.length < limit) return shown;
    }
  }

  close(): void {
    this.#options.hot.close();
    this.#later = [];
    this.#laterOf.clear();
    this.#labels.clear();
    this.#labelBytes = 0;
    this.#overAtMs.clear();
  }

  #isDenied(documentId: DocumentId, access: Access | undefined): boolean {
    if (access === undefined) return false;
    for (const { kind, version } of this.#laterThan(documentId)) {
      if (kind === "upsert" && !admits(access, this.#labels.get(version))) return true;
    }
    return false;
  }

  /** Headers up to `last`: what happened, without the texts. */
  async #look(last: Position, signal: AbortSignal): Promise<void> {
    const { chunks, tenant } = this.#options;
    for await (const header of chunks.headers({ tenant, after: this.#seen, to: last, signal })) {
      const { kind, documentId, position, version, expiresAtMs } = header;
      if ((kind !== "upsert" && kind !== "delete") || documentId === null) continue;
      if (this.#later.length - this.#passed >= limits.asOfRecordsMax) throw tooLarge();
      const later = { kind, documentId, position, version, expiresAtMs };
      this.#later.push(later);
      const known = this.#laterOf.get(documentId);
      if (known === undefined) this.#laterOf.set(documentId, { all: [later], from: 0 });
      else known.all.push(later);
      // A later version says when its document is over; an older one is not shown after that.
      this.#expire(documentId, expiresAtMs);
    }
    signal.throwIfAborted();
    this.#seen = last;
  }

  /** QZ1. Only versions that are live at the end are read into the shard. */
  async #advance(asOf: Version, signal: AbortSignal): Promise<void> {
    const { hot, chunks, tenant, clock } = this.#options;
    const live = new Map<DocumentId, Version>();
    let to = this.#to;
    let turns = 0;
    for (; this.#passed < this.#later.length; this.#passed += 1) {
      const next = this.#later[this.#passed] as Later;
      if (next.version > asOf) break;
      to = next.position;
      this.#pass(next);
      if (next.kind === "upsert") live.set(next.documentId, next.version);
      else live.delete(next.documentId);
      hot.delete(next.documentId);
      this.#overAtMs.delete(next.documentId);
      if (this.#passed % headersPerTurn === 0) await clock.turn();
    }
    this.#tidy();
    if (live.size > 0) {
      for await (const record of chunks.read({ tenant, after: this.#to, to, signal })) {
        if (record.kind === "upsert" && live.get(record.documentId) === record.version) {
          this.#insert(record);
        }
        turns += 1;
        if (turns % recordsPerTurn === 0) {
          this.#checkBytes();
          await clock.turn();
        }
      }
    }
    signal.throwIfAborted();
    this.#checkBytes();
    this.#to = to;
    this.#labelled = Math.max(this.#labelled, to) as Position;
    this.#asOf = asOf;
  }

  /** QZ4. @throws FreshetError history_too_large */
  #checkBytes(): void {
    if (this.#options.hot.stats().bytes + this.#labelBytes > limits.asOfViewBytesMax) {
      throw tooLarge();
    }
  }

  #insert({
    documentId,
    version,
    position,
    body,
  }: Extract<PlacedRecord, { readonly kind: "upsert" }>): void {
    const { info, chunks } = body;
    this.#options.hot.upsert({ documentId, version, position, info, chunks });
    this.#expire(documentId, info.expiresAtMs);
    for (const { expiresAtMs } of this.#laterThan(documentId)) {
      this.#expire(documentId, expiresAtMs);
    }
  }

  /** The earliest counts. */
  #expire(documentId: DocumentId, expiresAtMs: number | undefined): void {
    if (expiresAtMs === undefined || !this.#options.hot.has(documentId)) return;
    const known = this.#overAtMs.get(documentId) ?? Number.POSITIVE_INFINITY;
    this.#overAtMs.set(documentId, Math.min(known, expiresAtMs));
  }

  *#laterThan(documentId: DocumentId): Generator<Later> {
    const own = this.#laterOf.get(documentId);
    for (let at = own?.from ?? 0; at < (own?.all.length ?? 0); at += 1) yield own?.all[at] as Later;
  }

  /** It is no later operation any more: the first of its document that was left. */
  #pass({ documentId, version }: Later): void {
    const own = this.#laterOf.get(documentId);
    this.#labelBytes -= bytesOf(this.#labels.get(version) ?? []);
    this.#labels.delete(version);
    if (own === undefined) return;
    own.from += 1;
    if (own.from >= own.all.length) this.#laterOf.delete(documentId);
    else if (own.from > own.all.length / 2) {
      own.all = own.all.slice(own.from);
      own.from = 0;
    }
  }

  #tidy(): void {
    if (this.#passed < this.#later.length / 2) return;
    this.#later = this.#later.slice(this.#passed);
    this.#passed = 0;
  }

  /** QZ3. Labels lie in the bodies. */
  async #readLabels(signal: AbortSignal): Promise<void> {
    const { chunks, tenant } = this.#options;
    const [after, to] = [this.#labelled, this.#seen];
    if (to <= after) return;
    for await (const record of chunks.read({ tenant, after, to, signal })) {
      if (record.kind !== "upsert" || record.body.info.acl === undefined) continue;
      this.#labels.set(record.version, record.body.info.acl);
      this.#labelBytes += bytesOf(record.body.info.acl);
      this.#checkBytes();
    }
    signal.throwIfAborted();
    this.#labelled = to;
  }
}

/** What a list of labels has of memory: two bytes a character, and some for each object. */
function bytesOf(labels: readonly string[]): number {
  return labels.reduce((sum, label) => sum + 2 * label.length + 32, labels.length === 0 ? 0 : 64);
}

function tooLarge(): FreshetError {
  return new FreshetError("history_too_large");
}

/**
 * Shard: what one tenant can see. Heads, hot shard and watermark together, behind one mailbox, so that a
 * question is masked and searched in one step between two operations.
 *
 * Owns: the tenant's heads, its hot shard, the watermark it has adopted. Never: writes to the log, waits for anything
 * inside `receive`, or answers before the tail is loaded.
 * Receives: load, replay, ready, apply (from its tenant actor); manifest (from the manifest watcher); view, search, document,
 * marker (from questions); drop (from itself, a grace period after a manifest).
 * Sends: events of applied operations; merge requests when much is unmerged, or cold has lost its marker.
 *
 *   SH1  a cold hit counts only if its version equals its head (I4, I5);
 *   SH2  heads, hot shard and `visible` change together, in one `receive`;
 *   SH3  hot never drops above what is confirmed to be in cold (`confirmedTo`, at most the adopted watermark), and only
 *        after the grace period;
 *   SH4  a search whose watermark is below what hot has dropped is refused as `dropped`, never answered with a gap;
 *   SH5  a new life holds nothing: it asks for a reload, and until then views wait or fail as `not_ready`.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentEvent } from "../../src/contract/events.ts";
import type { Position, TenantId, Version } from "../../src/contract/ids.ts";
import { confirmedTo, emptyManifest, type Manifest } from "../../src/contract/manifest.ts";
import type { PlacedRecord } from "../../src/contract/record.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { Heads } from "../../src/heads/heads.ts";
import type { HotShard } from "../../src/hot/port.ts";
import type { EventSink, StoredManifest } from "../../src/log/port.ts";
import type { Metrics } from "../../src/observe/port.ts";
import type { ActorContext, Behaviour } from "../../src/runtime/actor.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { recoveringStatus, type TenantEntry, type ViewStatus } from "../directory/directory.ts";
import type {
  DocumentRequest,
  MergeTriggerMessage,
  ReloadMessage,
  SearchRequest,
  Snapshot,
  SnapshotRequest,
  TenantViewMessage,
} from "../messages.ts";
import { Unmerged } from "./unmerged.ts";

export interface TenantViewOptions {
  readonly tenant: TenantId;
  readonly createHot: () => HotShard;
  readonly graceMs: number;
  /** How long a marker that was found in cold is believed to be there. */
  readonly markerEveryMs: number;
  readonly mergeSizeChunks: number;
  readonly events: EventSink;
  readonly mergeTrigger: Mailbox<MergeTriggerMessage>;
  readonly metrics: Metrics;
  /** Loads this view; a later life, which begins with nothing, asks for it (SH5). */
  readonly writer: Pick<Mailbox<ReloadMessage>, "put">;
  /** Where others see this view's status. */
  readonly entry: Pick<TenantEntry, "status">;
}

interface Waiter {
  readonly request: SnapshotRequest;
  readonly until: number;
}

type Phase = "unloaded" | "loading" | "ready";

export function tenantViewActor(
  options: TenantViewOptions,
): (context: ActorContext<TenantViewMessage>) => Behaviour<TenantViewMessage> {
  let lives = 0;
  return (context) => {
    lives += 1;
    return new TenantViewBehaviour(options, context, lives);
  };
}

class TenantViewBehaviour implements Behaviour<TenantViewMessage> {
  readonly #options: TenantViewOptions;
  readonly #context: ActorContext<TenantViewMessage>;
  readonly #life: number;
  #phase: Phase = "unloaded";
  #hot: HotShard;
  #heads = new Heads();
  #manifest: Manifest = emptyManifest;
  #revision = 0;
  #markerSeen: boolean | undefined;
  #markerLookAtMs = 0;
  /**
   * The newest commit that the watcher told: it tells each once, and a load may have read the manifest before it.
   * Forgotten by that load, hot would keep what is merged until the next merge, which a full hot shard never gets.
   */
  #told: StoredManifest | undefined;
  #visible = 0 as Version;
  /** What the heads knew when they were loaded: records up to here that hot takes in again change nothing in them. */
  #headsTo = 0 as Position;
  /** Position that `heads` and hot have folded up to; a replayed record at or below it is skipped. */
  #folded = 0 as Position;
  #dropped = 0 as Position;
  /** What hot is to drop; above `dropped` while the fold has not come so far. */
  #dropWanted = 0 as Position;
  #unmerged = new Unmerged();
  #waiters: Waiter[] = [];

  constructor(options: TenantViewOptions, context: ActorContext<TenantViewMessage>, life: number) {
    this.#options = options;
    this.#context = context;
    this.#life = life;
    this.#hot = options.createHot();
  }

  start(): void {
    this.#options.entry.status = recoveringStatus;
    if (this.#life > 1) this.#context.task(() => this.#requestLoad());
  }

  stop(): void {
    for (const { request } of this.#waiters.splice(0)) {
      request.reply.reject(new FreshetError("not_ready"));
    }
    this.#hot.close();
    this.#options.entry.status = recoveringStatus;
  }

  /** Waits for room, so it is never lost. */
  async #requestLoad(): Promise<void> {
    await this.#options.writer.put({ type: "reload" }, this.#context.signal);
  }

  receive(message: TenantViewMessage): void {
    switch (message.type) {
      case "load":
        return this.#load(message.stored, message.heads);
      case "replay":
        return this.#fold(message.record, this.#context.clock.nowMs());
      case "ready":
        return this.#becomeReady(message.visible);
      case "apply":
        return this.#apply(message.record, message.publishedAtMs);
      case "manifest":
        return this.#adopt(message.stored);
      case "drop":
        return this.#drop(message.watermark);
      case "marker":
        return this.#mark(message.watermark, message.seen);
      case "snapshot":
        return this.#view(message);
      case "search":
        return this.#search(message);
      case "document":
        return this.#document(message);
    }
  }

  #load(stored: StoredManifest | null, heads: Heads): void {
    this.#hot.close();
    this.#hot = this.#options.createHot();
    this.#heads = heads;
    this.#manifest = stored?.manifest ?? emptyManifest;
    this.#revision = stored?.revision ?? 0;
    this.#markerSeen = undefined;
    this.#headsTo = this.#manifest.to;
    this.#folded = confirmedTo(this.#manifest);
    this.#dropped = this.#folded;
    this.#dropWanted = this.#folded;
    this.#visible = this.#manifest.version;
    this.#unmerged = new Unmerged();
    this.#phase = "loading";
    this.#publishStatus();
    if (this.#told !== undefined) this.#adopt(this.#told);
  }

  #becomeReady(visible: Version): void {
    if (this.#phase !== "loading") return;
    this.#phase = "ready";
    this.#visible = Math.max(this.#visible, visible) as Version;
    this.#publishStatus();
    this.#serveWaiters();
    this.#wantMerge();
  }

  #apply(record: PlacedRecord, publishedAtMs: number): void {
    if (this.#phase !== "ready") return;
    const { clock } = this.#context;
    const begun = clock.monotonicMs();
    this.#fold(record, clock.nowMs());
    this.#options.metrics.observe("hot_insert_seconds", (clock.monotonicMs() - begun) / 1000);
    this.#announce(record, publishedAtMs);
    this.#publishStatus();
    this.#serveWaiters();
    this.#wantMerge();
  }

  /** SH2: one record into heads, hot shard and `visible`. */
  #fold(record: PlacedRecord, atMs: number): void {
    if (this.#phase === "unloaded" || record.position <= this.#folded) return;
    this.#folded = record.position;
    this.#visible = Math.max(this.#visible, record.version) as Version;
    if (record.position <= this.#headsTo) return this.#keepUnconfirmed(record);
    const { kind, version } = record;
    switch (kind) {
      case "upsert": {
        const { documentId, position, body } = record;
        this.#heads.apply({ kind, version, fingerprint: this.#fingerprint(documentId) });
        this.#hot.upsert({ documentId, version, position, info: body.info, chunks: body.chunks });
        break;
      }
      case "delete":
        this.#heads.apply({ kind, version, fingerprint: this.#fingerprint(record.documentId) });
        this.#hot.delete(record.documentId);
        break;
      case "reject":
      case "duplicate":
      case "fence":
        break;
    }
    const chunks = kind === "upsert" ? record.chunkCount : 0;
    if (kind !== "fence" && record.position > this.#manifest.to) {
      this.#unmerged.add({ position: record.position, chunks, atMs });
    }
    if (this.#dropWanted > this.#dropped) this.#drop(this.#dropWanted);
  }

  /** A record that is merged, and not yet confirmed: hot holds what of it is live, beside cold. */
  #keepUnconfirmed(record: PlacedRecord): void {
    if (record.kind !== "upsert") return;
    const { documentId, version, position, body } = record;
    if (this.#heads.get(this.#fingerprint(documentId)) !== version) return;
    this.#hot.upsert({ documentId, version, position, info: body.info, chunks: body.chunks });
  }

  #adopt(stored: StoredManifest): void {
    if (stored.revision > (this.#told?.revision ?? 0)) this.#told = stored;
    if (this.#phase === "unloaded" || stored.revision <= this.#revision) return;
    this.#manifest = stored.manifest;
    this.#revision = stored.revision;
    this.#markerSeen = undefined;
    this.#unmerged.removeThrough(stored.manifest.to);
    this.#publishStatus();
    const confirmed = confirmedTo(stored.manifest);
    if (confirmed <= this.#dropWanted) return;
    const { clock, signal, self } = this.#context;
    this.#context.task(async () => {
      await clock.sleep(this.#options.graceMs, signal);
      if (!signal.aborted) await self.put({ type: "drop", watermark: confirmed }, signal);
    });
  }

  #drop(watermark: Position): void {
    if (watermark > this.#manifest.to) {
      throw new FreshetError("internal", "hot was told to drop above the watermark");
    }
    if (watermark <= this.#dropped) return;
    this.#dropWanted = watermark;
    // A merge can be ahead of what is applied here: until then the heads still name what hot holds (I5).
    if (watermark > this.#folded) return;
    this.#dropped = watermark;
    this.#hot.dropThrough(watermark);
    this.#publishStatus();
  }

  /** Cold that lost its marker has lost documents. A merge repairs that first, and nobody else would ask for one. */
  #mark(watermark: Position, seen: boolean): void {
    if (watermark !== this.#manifest.to) return;
    this.#markerSeen = seen ? true : undefined;
    this.#markerLookAtMs = this.#context.clock.monotonicMs() + this.#options.markerEveryMs;
    if (!seen) this.#askForMerge();
  }

  /** Cold can be restored older at any time: now and then one question looks again, the others go on believing. */
  #markerToTell(): boolean | undefined {
    const now = this.#context.clock.monotonicMs();
    if (this.#markerSeen === undefined || now < this.#markerLookAtMs) return this.#markerSeen;
    this.#markerLookAtMs = now + this.#options.markerEveryMs;
    return undefined;
  }

  #view(request: SnapshotRequest): void {
    const wanted = request.minVersion ?? 0;
    if (this.#phase === "ready" && this.#visible >= wanted) {
      return request.reply.resolve(this.#currentView());
    }
    const { clock, signal } = this.#context;
    const waiter: Waiter = { request, until: clock.monotonicMs() + request.waitMs };
    this.#waiters.push(waiter);
    this.#context.task(async () => {
      await clock.sleep(request.waitMs, AbortSignal.any([signal, request.signal]));
      if (!signal.aborted) this.#expire(waiter); // else `stop` answers
    });
  }

  #expire(waiter: Waiter): void {
    const at = this.#waiters.indexOf(waiter);
    if (at === -1) return;
    this.#waiters.splice(at, 1);
    const { reply, minVersion } = waiter.request;
    if (this.#phase !== "ready") return reply.reject(new FreshetError("not_ready"));
    const details = { min_seq: minVersion, visible_seq: this.#visible };
    reply.reject(new FreshetError("not_visible_yet", undefined, { details }));
  }

  #serveWaiters(): void {
    if (this.#waiters.length === 0) return;
    const visible = this.#visible;
    const served = this.#waiters.filter(({ request }) => visible >= (request.minVersion ?? 0));
    this.#waiters = this.#waiters.filter((waiter) => !served.includes(waiter));
    for (const { request } of served) request.reply.resolve(this.#currentView());
  }

  #currentView(): Snapshot {
    return {
      visible: this.#visible,
      watermark: this.#manifest.to,
      coldExists: this.#manifest.to > 0,
      markerSeen: this.#markerToTell(),
    };
  }

  #search(request: SearchRequest): void {
    if (this.#phase !== "ready") return request.reply.reject(new FreshetError("not_ready"));
    if (request.watermark < this.#dropped) {
      return request.reply.resolve({ kind: "dropped", snapshot: this.#currentView() });
    }
    const begun = this.#context.clock.monotonicMs();
    const { vector, text, limit, filter } = request;
    const hot = this.#hot.search({ vector, text, limit, filter });
    const cold = request.coldHits.filter(
      ({ documentId, version }) => this.#heads.get(this.#fingerprint(documentId)) === version,
    );
    const hotMs = this.#context.clock.monotonicMs() - begun;
    request.reply.resolve({ kind: "found", hot, cold, visible: this.#visible, hotMs });
  }

  #document({ documentId, reply }: DocumentRequest): void {
    if (this.#phase !== "ready") return reply.reject(new FreshetError("not_ready"));
    const version = this.#heads.get(this.#fingerprint(documentId));
    const shard = (version ?? 0) > this.#manifest.version ? "hot" : "cold";
    reply.resolve({ version, visible: this.#visible, shard });
  }

  #announce(record: PlacedRecord, publishedAtMs: number): void {
    const event = eventOf(record, this.#context.clock.nowMs() - publishedAtMs);
    if (event === undefined) return;
    const { tenant, metrics, events } = this.#options;
    events.publish(tenant, event);
    metrics.count("operations_total", { tenant, outcome: event.status });
    if (event.status === "visible") metrics.observe("visible_seconds", event.ms / 1000, { tenant });
  }

  #wantMerge(): void {
    if (this.#unmerged.chunks >= this.#options.mergeSizeChunks) this.#askForMerge();
  }

  /** A full mailbox loses nothing: the next operation or question asks again, and the sweep asks by age. */
  #askForMerge(): void {
    const { tenant, mergeTrigger } = this.#options;
    mergeTrigger.tryPut({ type: "unmerged", tenant, chunks: this.#unmerged.chunks });
  }

  #fingerprint(documentId: Parameters<typeof fingerprintOf>[1]) {
    return fingerprintOf(this.#options.tenant, documentId);
  }

  #publishStatus(): void {
    const { tenant, metrics, entry } = this.#options;
    const hot = this.#hot.stats();
    const status: ViewStatus = {
      state: this.#phase === "ready" ? "ready" : "recovering",
      visible: this.#visible,
      documents: this.#heads.size,
      hot,
      headsBytes: this.#heads.bytes,
      watermark: this.#manifest.to,
      unmergedChunks: this.#unmerged.chunks,
      oldestUnmergedAtMs: this.#unmerged.oldestAtMs,
    };
    entry.status = status;
    metrics.set("hot_documents", hot.documents, { tenant });
    metrics.set("hot_chunks", hot.chunks, { tenant });
    metrics.set("hot_bytes", hot.bytes, { tenant });
    metrics.set("heads_bytes", status.headsBytes, { tenant });
    metrics.set("unmerged_chunks", status.unmergedChunks, { tenant });
    const oldestS = (status.oldestUnmergedAtMs ?? 0) / 1000;
    metrics.set("oldest_unmerged_timestamp_seconds", oldestS, { tenant });
    metrics.set("watermark_position", status.watermark, { tenant });
  }
}

/** The event of an applied record; a fence is nobody's operation. */
function eventOf(record: PlacedRecord, elapsedMs: number): DocumentEvent | undefined {
  const ms = Math.max(0, elapsedMs);
  const seq = record.version;
  switch (record.kind) {
    case "upsert":
      return { id: record.documentId, seq, status: "visible", ms };
    case "delete":
      return { id: record.documentId, seq, status: "deleted", ms };
    case "reject": {
      const { documentId: id, reason, message } = record;
      return { id, seq, status: "rejected", reason, message, ms };
    }
    case "duplicate":
      return { id: null, seq, status: "superseded", ms };
    case "fence":
      return undefined;
  }
}

/**
 * Tenant view: what a question can see of one tenant. It holds heads, hot shard and watermark
 * together and takes one message at a time, so that a question is masked and searched in one step
 * between two operations.
 *
 * Owns: the tenant's heads, its hot shard, the manifest it has adopted; what of that is kept goes
 * when the node needs its room (`entry.kept`).
 * Never: writes to the log, waits for anything inside `receive`, or answers before the tail is
 * loaded.
 * Receives: load, replay, ready, apply (from its tenant writer); manifest (from the manifest
 * watcher); snapshot, search, document, list, marker (from questions and surfaces); drop (from
 * itself, a grace period after a manifest); loaded (from its own background work, residency.ts).
 * Sends: reload, to its tenant writer; events of applied operations; merge requests, when much is
 * unmerged or cold has lost its marker.
 *
 *   V1  a cold hit counts only if its version equals its head (I4, I5);
 *   V2  heads, hot shard and `visible` change together, in one `receive`;
 *   V3  hot never drops above what is confirmed to be in cold (`confirmedTo`, at most the adopted
 *       watermark), and only after the grace period: until then it is not kept but needed;
 *   V4  a search whose watermark is below what hot has dropped is refused as `dropped`, never
 *       answered with a gap;
 *   V5  a new life holds nothing: it asks for a reload, and until then snapshots wait and searches
 *       fail as `not_ready`;
 *   V6  what has expired by the clock of the step that answers is not in the answer (I4): it leaves
 *       heads and hot in that step, and a cold hit of it does not count;
 *   V7  the revision changes in the step in which anything changes that a search's answer depends
 *       on, and no two lives of this node's views have one in common: what was found under it is
 *       what would be found now, but for documents of cold that have expired since;
 *   V8  the tenant is resident while every live document is in hot, in its newest version. What is
 *       kept is dropped as a whole, in one step between two messages, and a search that relies on
 *       it and comes later is refused as V4 does (I4, I5, I12).
 *
 *   | state    | load    | replay | ready   | apply | snapshot      | search, document, list |
 *   | unloaded | loading | -      | -       | -     | waits         | not_ready              |
 *   | loading  | loading | folds  | ready   | -     | waits         | not_ready              |
 *   | ready    | loading | folds  | -       | folds | when visible  | answers                |
 */

import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Metrics } from "../../src/contract/observation.ts";
import type { PlacedRecord } from "../../src/contract/record.ts";
import type { Heads } from "../../src/heads/heads.ts";
import { readHeads } from "../../src/heads/read-heads.ts";
import type { HotShard } from "../../src/hot/port.ts";
import type { EventSink, StoredManifest } from "../../src/log/port.ts";
import type { ActorContext, Behaviour } from "../../src/runtime/actor.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { recoveringStatus, type TenantEntry, type ViewStatus } from "../directory/directory.ts";
import type {
  ApplyMessage,
  DocumentRequest,
  DropMessage,
  ListRequest,
  LoadedMessage,
  MarkerLook,
  MergedHeads,
  MergeTriggerMessage,
  ReloadMessage,
  SearchRequest,
  Snapshot,
  SnapshotRequest,
  TenantViewMessage,
} from "../messages.ts";
import { announce } from "./announce.ts";
import { ViewData } from "./data.ts";
import { type Keeping, Residency } from "./residency.ts";
import { SnapshotWaiters } from "./waiters.ts";

export interface TenantViewOptions {
  readonly tenant: TenantId;
  readonly createHot: () => HotShard;
  readonly graceMs: number;
  /** How long a marker that was found in cold is believed to be there. */
  readonly markerEveryMs: number;
  /** Unmerged chunks at which a merge is asked for. */
  readonly mergeSizeChunks: number;
  readonly events: Pick<EventSink, "publish">;
  readonly mergeTrigger: Mailbox<MergeTriggerMessage>;
  readonly metrics: Metrics;
  /** V7: another number at each call, for all views of the node. */
  readonly nextRevision: () => number;
  /** Loads this view; a later life, which begins with nothing, asks it to (V5). */
  readonly writer: Pick<Mailbox<ReloadMessage>, "put">;
  /** By which what cold has for good stays in memory while there is room; absent, it is dropped. */
  readonly keeping?: Keeping | undefined;
  /** Where others see this view's status, and take what it keeps. */
  readonly entry: Pick<TenantEntry, "status" | "kept">;
}

type ViewState =
  | { readonly kind: "unloaded" }
  /** The manifest's heads are there; the tail of the log is on its way. */
  | { readonly kind: "loading"; readonly data: ViewData }
  | { readonly kind: "ready"; readonly data: ViewData };

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
  #state: ViewState = { kind: "unloaded" };
  /**
   * The newest commit that the watcher has sent. It sends each once, and a load may have read the
   * manifest before it. Forgotten by that load, hot would keep what is merged until the next merge,
   * which a full hot shard never gets.
   */
  #newestManifest: StoredManifest | undefined;
  readonly #waiters = new SnapshotWaiters();
  readonly #residency: Residency | undefined;

  constructor(options: TenantViewOptions, context: ActorContext<TenantViewMessage>, life: number) {
    this.#options = options;
    this.#context = context;
    this.#life = life;
    const { keeping } = options;
    this.#residency = keeping && new Residency({ ...options, ...keeping }, context);
  }

  start(): void {
    this.#options.entry.status = recoveringStatus;
    this.#options.entry.kept.heldBy(() => this.#evict());
    if (this.#life > 1) this.#context.task(() => this.#requestLoad());
  }

  stop(): void {
    for (const { reply } of this.#waiters.takeAll()) reply.reject(new FreshetError("not_ready"));
    this.#loaded()?.close();
    this.#options.entry.kept.heldByNone();
    this.#options.entry.status = recoveringStatus;
  }

  receive(message: TenantViewMessage): void {
    this.#handle(message);
    // Time takes documents as well, and no record says so.
    const data = this.#answerable();
    if (data === undefined || data.documents === this.#options.entry.status.documents) return;
    this.#publishStatus(data);
  }

  #handle(message: TenantViewMessage): void {
    switch (message.type) {
      case "load":
        return this.#load(message.stored, message.heads);
      case "replay":
        return this.#replay(message.record);
      case "ready":
        return this.#becomeReady(message.visible);
      case "apply":
        return this.#apply(message);
      case "manifest":
        return this.#adopt(message.stored);
      case "drop":
        return this.#drop(message);
      case "loaded":
        return this.#takeBack(message);
      case "marker":
        return this.#mark(message);
      case "snapshot":
        return this.#snapshot(message);
      case "search":
        return this.#search(message);
      case "document":
        return this.#document(message);
      case "list":
        return this.#list(message);
    }
  }

  /** What heads and hot hold, complete or not. */
  #loaded(): ViewData | undefined {
    return this.#state.kind === "unloaded" ? undefined : this.#state.data;
  }

  /** What may be answered from: only a complete tail (V5). */
  #answerable(): ViewData | undefined {
    return this.#state.kind === "ready" ? this.#state.data : undefined;
  }

  /** Waits for room, so the request is never lost. */
  async #requestLoad(): Promise<void> {
    await this.#options.writer.put({ type: "reload" }, this.#context.signal);
  }

  #load(stored: StoredManifest | null, heads: Heads): void {
    this.#loaded()?.close();
    const { tenant, markerEveryMs, keeping, createHot, nextRevision } = this.#options;
    const parts = { hot: createHot(), markerEveryMs, nextRevision };
    const keeps = keeping !== undefined;
    const data = new ViewData({ tenant, stored, heads, keeps, ...parts });
    this.#state = { kind: "loading", data };
    this.#publishStatus(data);
    if (this.#newestManifest !== undefined) this.#adopt(this.#newestManifest);
  }

  #replay(record: PlacedRecord): void {
    const data = this.#loaded();
    if (data?.fold(record, this.#context.clock.nowMs())) this.#publishStatus(data);
  }

  #becomeReady(visible: Version): void {
    if (this.#state.kind !== "loading") return;
    const { data } = this.#state;
    data.seen(visible);
    this.#state = { kind: "ready", data };
    this.#publishStatus(data);
    this.#serveWaiters(data);
    this.#wantMerge(data);
  }

  #apply(message: ApplyMessage): void {
    if (this.#state.kind !== "ready") return;
    const { data } = this.#state;
    const { clock } = this.#context;
    const begun = clock.monotonicMs();
    const applying = message.span?.child("apply");
    data.fold(message.record, clock.nowMs());
    applying?.end();
    this.#options.metrics.observe("hot_insert_seconds", (clock.monotonicMs() - begun) / 1000);
    announce(message, this.#options, clock.nowMs());
    this.#publishStatus(data);
    this.#serveWaiters(data);
    this.#wantMerge(data);
  }

  #adopt(stored: StoredManifest): void {
    if (stored.revision > (this.#newestManifest?.revision ?? 0)) this.#newestManifest = stored;
    const data = this.#loaded();
    if (data === undefined || !data.adopt(stored)) return;
    this.#publishStatus(data);
    const watermark = data.releasable;
    if (watermark === undefined) return;
    const { clock, signal, self } = this.#context;
    this.#context.task(async () => {
      await clock.sleep(this.#options.graceMs, signal);
      const merged = signal.aborted ? undefined : await this.#mergedHeads(data);
      if (!signal.aborted) await self.put({ type: "drop", watermark, merged }, signal);
    });
  }

  /** Undefined where nothing is to be kept: what is released then is dropped, as it may be. */
  async #mergedHeads(data: ViewData): Promise<MergedHeads | undefined> {
    const { keeping, tenant } = this.#options;
    const { manifest } = data;
    if (keeping === undefined || data.documents > limits.hotKeptDocumentsMax) return undefined;
    try {
      return { manifest, heads: await readHeads(keeping.manifests, tenant, manifest.pieces) };
    } catch {
      // The log is away, or a later merge has swept these pieces.
      return undefined;
    }
  }

  #drop(message: DropMessage): void {
    const data = this.#loaded();
    if (data?.release(message)) this.#publishStatus(data);
  }

  #takeBack({ into, documents, merged, reply }: LoadedMessage): void {
    const data = this.#answerable();
    if (data === undefined || data !== into) {
      return reply.resolve({ isResident: false, evictions: Number.NaN });
    }
    if (merged !== undefined) data.agree(merged);
    data.takeBack(documents);
    const { isResident, evictions } = data;
    this.#publishStatus(data);
    reply.resolve({ isResident, evictions });
  }

  /** V8. Called by the node, between two messages. */
  #evict(): void {
    try {
      const data = this.#loaded();
      if (!data?.evict()) return;
      this.#options.metrics.count("evictions_total", { tenant: this.#options.tenant });
      this.#publishStatus(data);
    } catch (thrown) {
      // A failure of this view, not of who needs the room.
      this.#context.task(() => Promise.reject(toFreshetError(thrown)));
    }
  }

  /**
   * Cold without its marker has lost documents: a merge repairs that, and only this asks for it.
   */
  #mark(look: MarkerLook): void {
    const data = this.#loaded();
    if (data?.mark(look) === false) this.#askForMerge();
  }

  #snapshot(request: SnapshotRequest): void {
    const data = this.#answerable();
    const { clock, signal } = this.#context;
    this.#options.entry.kept.askedAtMs = clock.monotonicMs();
    if (data !== undefined && data.visible >= (request.minVersion ?? 0)) {
      return request.reply.resolve(this.#snapshotOf(data));
    }
    this.#waiters.add(request);
    this.#context.task(async () => {
      await clock.sleep(request.waitMs, AbortSignal.any([signal, request.signal]));
      if (!signal.aborted) this.#expire(request); // else `stop` answers
    });
  }

  #expire(request: SnapshotRequest): void {
    if (!this.#waiters.remove(request)) return;
    const { reply, minVersion } = request;
    const data = this.#answerable();
    if (data === undefined) return reply.reject(new FreshetError("not_ready"));
    const details = { min_seq: minVersion, visible_seq: data.visible };
    reply.reject(new FreshetError("not_visible_yet", undefined, { details }));
  }

  #serveWaiters(data: ViewData): void {
    if (this.#waiters.isEmpty) return;
    for (const { reply } of this.#waiters.takeServed(data.visible)) {
      reply.resolve(this.#snapshotOf(data));
    }
  }

  #snapshotOf(data: ViewData): Snapshot {
    const { clock } = this.#context;
    const at = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    const snapshot = data.snapshot(at);
    if (!snapshot.coldExists) return snapshot;
    if (!snapshot.isResident) this.#residency?.wanted(data);
    else if (snapshot.markerSeen === undefined) this.#residency?.lookAtMarker(data);
    return snapshot;
  }

  #search(request: SearchRequest): void {
    const data = this.#answerable();
    if (data === undefined) return request.reply.reject(new FreshetError("not_ready"));
    const { clock } = this.#context;
    const begun = clock.monotonicMs();
    const hasGap = request.mustBeResident && !data.isResident;
    if (hasGap || data.hasDroppedPast(request.watermark)) {
      return request.reply.resolve({ kind: "dropped", snapshot: this.#snapshotOf(data) });
    }
    const { hot, cold } = data.search(request, clock.nowMs());
    const hotMs = clock.monotonicMs() - begun;
    const { visible, searchRevision: revision } = data;
    request.reply.resolve({ kind: "found", hot, cold, visible, hotMs, revision });
  }

  #document({ documentId, reply }: DocumentRequest): void {
    const data = this.#answerable();
    if (data === undefined) return reply.reject(new FreshetError("not_ready"));
    reply.resolve(data.document(documentId, this.#context.clock.nowMs()));
  }

  #list({ reply, ...page }: ListRequest): void {
    const data = this.#answerable();
    if (data === undefined) return reply.reject(new FreshetError("not_ready"));
    reply.resolve(data.list(page, this.#context.clock.nowMs()));
  }

  #wantMerge(data: ViewData): void {
    if (data.unmergedChunks >= this.#options.mergeSizeChunks) this.#askForMerge();
  }

  /**
   * A full mailbox loses nothing: the next operation or question asks again, and the sweep asks for
   * what is old.
   */
  #askForMerge(): void {
    const { tenant, mergeTrigger } = this.#options;
    mergeTrigger.tryPut({ type: "unmerged", tenant });
  }

  #publishStatus(data: ViewData): void {
    const { tenant, metrics, entry } = this.#options;
    const state = this.#state.kind === "ready" ? "ready" : "recovering";
    const status: ViewStatus = { state, ...data.status() };
    entry.status = status;
    metrics.set("hot_documents", status.hot.documents, { tenant });
    metrics.set("hot_chunks", status.hot.chunks, { tenant });
    metrics.set("hot_bytes", status.hot.bytes, { tenant });
    metrics.set("kept_chunks", status.kept.chunks, { tenant });
    metrics.set("kept_bytes", status.kept.bytes, { tenant });
    metrics.set("resident", status.state === "ready" && status.isResident ? 1 : 0, { tenant });
    metrics.set("heads_bytes", status.headsBytes, { tenant });
    metrics.set("unmerged_chunks", status.unmergedChunks, { tenant });
    const oldestS = (status.oldestUnmergedAtMs ?? 0) / 1000;
    metrics.set("oldest_unmerged_timestamp_seconds", oldestS, { tenant });
    metrics.set("watermark_position", status.watermark, { tenant });
  }
}

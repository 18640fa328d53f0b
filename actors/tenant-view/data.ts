/**
 * What a tenant view holds once it is being loaded: heads, hot shard and the adopted manifest,
 * which change together in one step (V2). State without time or messages of its own.
 */

import type { Candidate } from "../../src/contract/candidate.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { hasExpired } from "../../src/contract/expiry.ts";
import type { DocumentId, Position, TenantId, Version } from "../../src/contract/ids.ts";
import { confirmedTo, emptyManifest, type Manifest } from "../../src/contract/manifest.ts";
import type { Placed, PlacedRecord, UpsertRecord } from "../../src/contract/record.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import type { Heads } from "../../src/heads/heads.ts";
import type { HotDocument, HotShard } from "../../src/hot/port.ts";
import type { StoredManifest } from "../../src/log/port.ts";
import type { ViewStatus } from "../directory/directory.ts";
import type {
  DocumentView,
  DropMessage,
  ListedDocument,
  ListPage,
  ListView,
  MarkerLook,
  MergedHeads,
  SearchRequest,
  Snapshot,
} from "../messages.ts";
import { Expiries } from "./expiries.ts";
import { beside, tryHold, withoutKept } from "./held.ts";
import { MarkerBelief } from "./marker.ts";
import { Unmerged } from "./unmerged.ts";

export interface ViewDataOptions {
  readonly tenant: TenantId;
  readonly hot: HotShard;
  readonly stored: StoredManifest | null;
  /** Those of the stored manifest. */
  readonly heads: Heads;
  /** How long a marker that was found in cold is believed to be there. */
  readonly markerEveryMs: number;
  /** Revisions of this node's views: each call another one. */
  readonly nextRevision: () => number;
  /** False: what cold has for good is dropped instead of kept. */
  readonly keeps: boolean;
}

type Release = Omit<DropMessage, "type">;

export class ViewData {
  readonly #tenant: TenantId;
  readonly #hot: HotShard;
  readonly #heads: Heads;
  readonly #markerEveryMs: number;
  readonly #keeps: boolean;
  readonly #unmerged = new Unmerged();
  readonly #expiries = new Expiries();
  #manifest: Manifest;
  #revision: number;
  /** Of the adopted manifest's watermark. */
  #marker: MarkerBelief;
  #visible: Version;
  /** The watermark that the heads were loaded with: records up to it change nothing in them. */
  readonly #headsTo: Position;
  /** Heads and hot have folded up to here; a replayed record at or below it is skipped. */
  #folded: Position;
  #evictions = 0;
  #dropped: Position;
  /** What hot need not hold any more: it lies in cold for good. At least `dropped`. */
  #released: Position;
  /** What is to be released; above `released` while the fold has not come so far. */
  #releaseWanted: Position;
  #postponed: Release | undefined;
  readonly #nextRevision: () => number;
  /** V7. */
  #searchRevision: number;

  constructor(options: ViewDataOptions) {
    const { tenant, hot, stored, heads, markerEveryMs, keeps, nextRevision } = options;
    this.#tenant = tenant;
    this.#hot = hot;
    this.#heads = heads;
    this.#markerEveryMs = markerEveryMs;
    this.#keeps = keeps;
    this.#marker = new MarkerBelief(markerEveryMs);
    this.#manifest = stored?.manifest ?? emptyManifest;
    this.#revision = stored?.revision ?? 0;
    this.#headsTo = this.#manifest.to;
    this.#folded = confirmedTo(this.#manifest);
    this.#dropped = this.#folded;
    this.#released = this.#folded;
    this.#releaseWanted = this.#folded;
    this.#hot.keepThrough(this.#released);
    this.#visible = this.#manifest.version;
    this.#nextRevision = nextRevision;
    this.#searchRevision = nextRevision();
  }

  /** V7. */
  get searchRevision(): number {
    return this.#searchRevision;
  }

  get visible(): Version {
    return this.#visible;
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  get documents(): number {
    return this.#heads.size;
  }

  get unmergedChunks(): number {
    return this.#unmerged.chunks;
  }

  /** Versions up to here are visible, also those of other tenants' operations. */
  seen(version: Version): void {
    this.#visible = Math.max(this.#visible, version) as Version;
  }

  /**
   * V2: one record into heads, hot shard and `visible`. True when that has released something, too.
   */
  fold(record: PlacedRecord, atMs: number): boolean {
    if (record.position <= this.#folded) return false;
    this.#folded = record.position;
    this.seen(record.version);
    if (record.position <= this.#headsTo) this.#keepUnconfirmed(record);
    else this.#foldNew(record, atMs);
    return this.#postponed !== undefined && this.release(this.#postponed);
  }

  /** A record that the heads were not loaded with. */
  #foldNew(record: PlacedRecord, atMs: number): void {
    switch (record.kind) {
      case "upsert":
        this.#applyToHeads(record.kind, record);
        this.#insert(record);
        break;
      case "delete":
        this.#applyToHeads(record.kind, record);
        this.#hot.delete(record.documentId);
        this.#expiries.delete(record.documentId);
        this.#changed();
        break;
      case "reject":
      case "duplicate":
      case "fence":
        break;
    }
    if (record.kind !== "fence" && record.position > this.#manifest.to) {
      const chunks = record.kind === "upsert" ? record.chunkCount : 0;
      this.#unmerged.add({ position: record.position, chunks, atMs });
    }
  }

  /** False when it is no newer manifest than the adopted one. */
  adopt({ manifest, revision }: StoredManifest): boolean {
    if (revision <= this.#revision) return false;
    this.#manifest = manifest;
    this.#revision = revision;
    this.#marker = new MarkerBelief(this.#markerEveryMs);
    this.#unmerged.removeThrough(manifest.to);
    this.#changed();
    return true;
  }

  /** What the adopted manifest releases after the grace period; undefined when nothing. */
  get releasable(): Position | undefined {
    const confirmed = confirmedTo(this.#manifest);
    return confirmed > this.#releaseWanted ? confirmed : undefined;
  }

  /**
   * V3. True when something is released. Without `merged` it is dropped, with it kept as far as the
   * merge's heads name it. @throws FreshetError internal above the watermark
   */
  release({ watermark, merged }: Release): boolean {
    if (watermark > this.#manifest.to) {
      throw new FreshetError("internal", "hot was told to drop above the watermark");
    }
    if (watermark <= this.#released) return false;
    this.#releaseWanted = watermark;
    this.#postponed = { watermark, merged };
    // A merge can be ahead of what is applied here: until then the heads name what hot holds (I5).
    if (Math.max(watermark, merged?.manifest.to ?? 0) > this.#folded) return false;
    this.#postponed = undefined;
    this.#released = watermark;
    this.#hot.keepThrough(watermark);
    if (merged === undefined || !this.#keeps) this.evict();
    else this.agree(merged);
    return true;
  }

  /**
   * Takes out what a merge has not taken over: cold refused it for good, or it has expired. Nothing
   * of it lies in cold, and the next life would not have it (I7).
   */
  agree({ manifest, heads }: MergedHeads): void {
    if (manifest.to > this.#folded) return;
    const gone = new Set(this.#heads.missingIn(heads, manifest.version));
    if (gone.size === 0) return;
    for (const fingerprint of gone) {
      const version = this.#heads.get(fingerprint) as Version;
      this.#heads.apply({ kind: "delete", version, fingerprint });
    }
    for (const { documentId, position } of [...this.#hot.held()]) {
      if (!gone.has(this.#fingerprint(documentId))) continue;
      this.#hot.delete(documentId);
      this.#expiries.delete(documentId);
      // V4: for a search that began before, hot has dropped something.
      this.#dropped = Math.max(this.#dropped, position) as Position;
    }
    this.#changed();
  }

  /** V8. Drops all that is kept. False when nothing was. */
  evict(): boolean {
    if (this.#dropped === this.#released && this.#hot.stats().kept.documents === 0) return false;
    // What was loaded lies at or below `dropped`: it was dropped before, or never here.
    this.#dropped = this.#released;
    this.#hot.dropThrough(this.#released);
    this.#evictions += 1;
    this.#changed();
    return true;
  }

  /** Up to here everything lies in cold for good. */
  get released(): Position {
    return this.#released;
  }

  /** Live documents that are not in hot. */
  get missing(): number {
    return this.#heads.size - this.#hot.size;
  }

  /** Whether the heads name this version and hot lacks it: it lies in cold, and in no newer one. */
  wants(document: ListedDocument): boolean {
    return !this.#hot.has(document.documentId) && this.#isHead(document);
  }

  /** Documents that cold has, as far as they are still wanted; each was dropped before. */
  takeBack(documents: readonly HotDocument[]): void {
    for (const document of documents) {
      if (!this.wants(document)) continue;
      if (!tryHold(this.#hot, document)) continue;
      this.#expiries.set({ ...document, expiresAtMs: document.info.expiresAtMs });
      this.#changed();
    }
  }

  /** Moves on with each eviction: what is loaded in several steps may have been dropped between. */
  get evictions(): number {
    return this.#evictions;
  }

  /**
   * V8: every live document is in hot, in its newest version. Counting is enough: hot holds only
   * what the heads name (V2), each document once, and both know a document by its id. Where nothing
   * is kept cold is always asked.
   */
  get isResident(): boolean {
    return this.#keeps && this.#hot.size === this.#heads.size;
  }

  /**
   * What a question found of the marker. False when cold has lost that of the adopted watermark.
   */
  mark({ watermark, seen, lookedAtMs }: MarkerLook): boolean {
    if (watermark !== this.#manifest.to) return true;
    if (seen) this.#marker.found(lookedAtMs);
    else {
      this.#marker.missing();
      // What was found before may have come from cold as it was before the loss.
      this.#changed();
    }
    return seen;
  }

  /** @param at by the wall clock, which expiry goes by, and by the one that does not step */
  snapshot(at: { readonly nowMs: number; readonly monotonicMs: number }): Snapshot {
    this.#expire(at.nowMs);
    return {
      visible: this.#visible,
      watermark: this.#manifest.to,
      coldExists: this.#manifest.to > 0,
      isResident: this.isResident,
      markerSeen: this.#marker.seen(at.monotonicMs),
      revision: this.#searchRevision,
    };
  }

  /** V4: whether hot has dropped past the watermark that a search began with. */
  hasDroppedPast(watermark: Position): boolean {
    return watermark < this.#dropped;
  }

  /**
   * V1, V2, V6: searches hot and masks cold hits in one step. A merged chunk that hot holds, until
   * its merge is confirmed and as long as it is kept, comes from cold where cold found it; hot's
   * copy counts where cold lacks it or was not asked. Either way its label is cold, for good.
   */
  search(
    { vector, text, limit, filter, access, wanted, sparse, coldHits }: SearchRequest,
    nowMs: number,
  ): {
    readonly hot: readonly Candidate[];
    readonly cold: readonly Candidate[];
  } {
    this.#expire(nowMs);
    const cold = coldHits.filter((hit) => !hasExpired(hit.info, nowMs) && this.#isHead(hit));
    const hits = this.#hot.search({ vector, text, limit, filter, access, wanted, sparse });
    return { hot: beside(cold, hits, this.#manifest.version), cold };
  }

  document(documentId: DocumentId, nowMs: number): DocumentView {
    this.#expire(nowMs);
    const version = this.#heads.get(this.#fingerprint(documentId));
    const shard = (version ?? 0) > this.#manifest.version ? "hot" : "cold";
    const isInCold = this.#manifest.to > 0 && !this.isResident;
    const info = version === undefined ? undefined : this.#hot.infoOf(documentId);
    return { version, visible: this.#visible, shard, info, isInCold };
  }

  /** What is merged is listed from cold alone, also where hot holds it. */
  list({ hotAfter, limit, access, cold }: ListPage, nowMs: number): ListView {
    const heads = cold.filter((listed) => this.#isHead(listed));
    const live = this.#expiries.learn(heads, nowMs);
    this.#expire(nowMs);
    const { to } = this.#manifest;
    const after = hotAfter === undefined || hotAfter > to ? hotAfter : to;
    const hot = after === undefined ? [] : this.#hot.documents({ after, limit, access });
    return {
      hot: hot.map(({ documentId, version, position }) => ({ documentId, version, position })),
      cold: live,
      coldExists: this.#manifest.to > 0,
    };
  }

  status(): Omit<ViewStatus, "state"> {
    return {
      visible: this.#visible,
      documents: this.#heads.size,
      ...withoutKept(this.#hot.stats()),
      isResident: this.isResident,
      headsBytes: this.#heads.bytes,
      watermark: this.#manifest.to,
      unmergedChunks: this.#unmerged.chunks,
      oldestUnmergedAtMs: this.#unmerged.oldestAtMs,
    };
  }

  close(): void {
    this.#hot.close();
  }

  /** A record that is merged but not yet confirmed: hot holds what of it is live, beside cold. */
  #keepUnconfirmed(record: PlacedRecord): void {
    if (record.kind !== "upsert") return;
    if (this.#isHead(record)) this.#insert(record);
  }

  /** V6. As a delete would: a later record of the document is newer than what is forgotten here. */
  #expire(nowMs: number): void {
    for (const { documentId, version } of this.#expiries.take(nowMs)) {
      this.#hot.delete(documentId);
      this.#applyToHeads("delete", { documentId, version });
      this.#changed();
    }
  }

  #changed(): void {
    this.#searchRevision = this.#nextRevision();
  }

  #insert({ documentId, version, position, body }: UpsertRecord & Placed): void {
    this.#expiries.set({ documentId, version, expiresAtMs: body.info.expiresAtMs });
    this.#hot.upsert({ documentId, version, position, info: body.info, chunks: body.chunks });
    this.#changed();
  }

  #applyToHeads(
    kind: "upsert" | "delete",
    { documentId, version }: { readonly documentId: DocumentId; readonly version: Version },
  ): void {
    this.#heads.apply({ kind, version, fingerprint: this.#fingerprint(documentId) });
  }

  #isHead({ documentId, version }: Pick<ListedDocument, "documentId" | "version">): boolean {
    return this.#heads.get(this.#fingerprint(documentId)) === version;
  }

  #fingerprint(documentId: DocumentId) {
    return fingerprintOf(this.#tenant, documentId);
  }
}

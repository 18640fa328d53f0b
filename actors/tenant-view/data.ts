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
import type { HotShard } from "../../src/hot/port.ts";
import type { StoredManifest } from "../../src/log/port.ts";
import type { ViewStatus } from "../directory/directory.ts";
import type {
  DocumentView,
  ListedDocument,
  ListRequest,
  ListView,
  SearchRequest,
  Snapshot,
} from "../messages.ts";
import { Expiries } from "./expiries.ts";
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
}

export class ViewData {
  readonly #tenant: TenantId;
  readonly #hot: HotShard;
  readonly #heads: Heads;
  readonly #markerEveryMs: number;
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
  #dropped: Position;
  /** What hot is to drop; above `dropped` while the fold has not come so far. */
  #dropWanted: Position;
  readonly #nextRevision: () => number;
  /** V7. */
  #searchRevision: number;

  constructor(options: ViewDataOptions) {
    const { tenant, hot, stored, heads, markerEveryMs, nextRevision } = options;
    this.#tenant = tenant;
    this.#hot = hot;
    this.#heads = heads;
    this.#markerEveryMs = markerEveryMs;
    this.#marker = new MarkerBelief(markerEveryMs);
    this.#manifest = stored?.manifest ?? emptyManifest;
    this.#revision = stored?.revision ?? 0;
    this.#headsTo = this.#manifest.to;
    this.#folded = confirmedTo(this.#manifest);
    this.#dropped = this.#folded;
    this.#dropWanted = this.#folded;
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

  get unmergedChunks(): number {
    return this.#unmerged.chunks;
  }

  /** Versions up to here are visible, also those of other tenants' operations. */
  seen(version: Version): void {
    this.#visible = Math.max(this.#visible, version) as Version;
  }

  /**
   * V2: one record into heads, hot shard and `visible`. True when hot has dropped something, too.
   */
  fold(record: PlacedRecord, atMs: number): boolean {
    if (record.position <= this.#folded) return false;
    this.#folded = record.position;
    this.seen(record.version);
    if (record.position <= this.#headsTo) {
      this.#keepUnconfirmed(record);
      return false;
    }
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
    return this.#dropWanted > this.#dropped && this.drop(this.#dropWanted);
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

  /** What the adopted manifest lets hot drop after the grace period; undefined when nothing. */
  get droppable(): Position | undefined {
    const confirmed = confirmedTo(this.#manifest);
    return confirmed > this.#dropWanted ? confirmed : undefined;
  }

  /** V3. True when hot has dropped something. @throws FreshetError internal above the watermark */
  drop(through: Position): boolean {
    if (through > this.#manifest.to) {
      throw new FreshetError("internal", "hot was told to drop above the watermark");
    }
    if (through <= this.#dropped) return false;
    this.#dropWanted = through;
    // A merge can be ahead of what is applied here: until then the heads name what hot holds (I5).
    if (through > this.#folded) return false;
    this.#dropped = through;
    this.#hot.dropThrough(through);
    this.#changed();
    return true;
  }

  /**
   * What a question found of the marker. False when cold has lost that of the adopted watermark.
   */
  mark(watermark: Position, seen: boolean, nowMs: number): boolean {
    if (watermark !== this.#manifest.to) return true;
    if (seen) this.#marker.found(nowMs);
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
      markerSeen: this.#marker.seen(at.monotonicMs),
      revision: this.#searchRevision,
    };
  }

  /** V4: whether hot has dropped past the watermark that a search began with. */
  hasDroppedPast(watermark: Position): boolean {
    return watermark < this.#dropped;
  }

  /**
   * V1, V2, V6: searches hot and masks cold hits in one step. A merged chunk that hot keeps until
   * its merge is confirmed comes from cold where cold found it, so that a reply names where it lies
   * for good; hot's copy counts where cold lacks it.
   */
  search(
    { vector, text, limit, filter, coldHits }: SearchRequest,
    nowMs: number,
  ): {
    readonly hot: readonly Candidate[];
    readonly cold: readonly Candidate[];
  } {
    this.#expire(nowMs);
    const cold = coldHits.filter(
      ({ documentId, version, info }) =>
        !hasExpired(info, nowMs) && this.#heads.get(this.#fingerprint(documentId)) === version,
    );
    const found = new Set(cold.map(placeOf));
    const hot = this.#hot
      .search({ vector, text, limit, filter })
      .filter((hit) => hit.version > this.#manifest.version || !found.has(placeOf(hit)));
    return { hot, cold };
  }

  document(documentId: DocumentId, nowMs: number): DocumentView {
    this.#expire(nowMs);
    const version = this.#heads.get(this.#fingerprint(documentId));
    const shard = (version ?? 0) > this.#manifest.version ? "hot" : "cold";
    return { version, visible: this.#visible, shard };
  }

  list({ hotAfter: after, limit, cold }: Omit<ListRequest, "reply" | "type">): ListView {
    const isNewest = ({ documentId, version }: ListedDocument): boolean =>
      this.#heads.get(this.#fingerprint(documentId)) === version;
    const hot = after === undefined ? [] : this.#hot.documents({ after, limit });
    return {
      hot: hot.map(({ documentId, version, position }) => ({ documentId, version, position })),
      cold: cold.filter(isNewest),
      coldExists: this.#manifest.to > 0,
    };
  }

  status(): Omit<ViewStatus, "state"> {
    return {
      visible: this.#visible,
      documents: this.#heads.size,
      hot: this.#hot.stats(),
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
    if (this.#heads.get(this.#fingerprint(record.documentId)) !== record.version) return;
    this.#insert(record);
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

  #fingerprint(documentId: DocumentId) {
    return fingerprintOf(this.#tenant, documentId);
  }
}

/** Ids hold no control characters. */
function placeOf({ documentId, version, chunk }: Candidate): string {
  return `${documentId}\n${version}\n${chunk}`;
}

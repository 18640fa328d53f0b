/** Manifests and pieces of heads in memory. */

import { digestOf } from "../../contract/digest.ts";
import { FreshetError } from "../../contract/errors.ts";
import type { TenantId } from "../../contract/ids.ts";
import { emptyManifest, type HeadsPiece, type Manifest } from "../../contract/manifest.ts";
import type { ManifestStore, PiecesSweep, StoredManifest } from "../port.ts";
import type { Quarantine } from "../quarantine.ts";
import { decodeManifest, unreadableManifest } from "../wire/manifest.ts";
import type { Availability } from "./availability.ts";

interface StoredPiece {
  readonly bytes: Uint8Array;
  readonly seq: number;
}

type Digest = HeadsPiece["digest"];

/** A foreign message in a manifest's place. */
interface Foreign {
  readonly revision: number;
  readonly kind: "foreign" | "unreadable";
}

export class MemoryManifests implements ManifestStore {
  readonly #availability: Availability;
  readonly #quarantine: Quarantine;
  readonly #manifests = new Map<TenantId, StoredManifest>();
  /** What was stored after a tenant's newest manifest. */
  readonly #foreign = new Map<TenantId, Foreign>();
  readonly #pieces = new Map<TenantId, Map<Digest, StoredPiece>>();
  #revision = 0;
  #lastPiece = 0;

  constructor(availability: Availability, quarantine: Quarantine) {
    this.#availability = availability;
    this.#quarantine = quarantine;
  }

  putForeign(tenant: TenantId, payload: Uint8Array): void {
    const { kind } = decodeManifest(payload);
    if (kind === "manifest") throw new RangeError("a manifest is not foreign");
    this.#revision += 1;
    this.#foreign.set(tenant, { revision: this.#revision, kind });
    this.#availability.wake();
  }

  async get(tenant: TenantId): Promise<StoredManifest | null> {
    await this.#availability.pass();
    return this.#newest(tenant);
  }

  async commit(
    tenant: TenantId,
    manifest: Manifest,
    expectedRevision: number,
  ): Promise<"committed" | "conflict"> {
    await this.#availability.pass();
    const current = this.#newest(tenant);
    if ((current?.revision ?? 0) !== expectedRevision) {
      const same = JSON.stringify(current?.manifest) === JSON.stringify(manifest);
      return same ? "committed" : "conflict";
    }
    this.#revision += 1;
    this.#manifests.set(tenant, { manifest: structuredClone(manifest), revision: this.#revision });
    this.#foreign.delete(tenant);
    this.#availability.wake();
    return "committed";
  }

  async putPiece(tenant: TenantId, bytes: Uint8Array): Promise<Digest> {
    await this.#availability.pass();
    const digest = digestOf(bytes);
    const pieces = this.#pieces.get(tenant) ?? new Map<Digest, StoredPiece>();
    this.#lastPiece += 1;
    pieces.set(digest, { bytes: bytes.slice(), seq: this.#lastPiece });
    this.#pieces.set(tenant, pieces);
    return digest;
  }

  async getPiece(tenant: TenantId, digest: Digest): Promise<Uint8Array> {
    await this.#availability.pass();
    const piece = this.#pieces.get(tenant)?.get(digest);
    if (piece === undefined) throw new FreshetError("log_identity", "a piece of heads is missing");
    return piece.bytes.slice();
  }

  async lastPiece(): Promise<number> {
    await this.#availability.pass();
    return this.#lastPiece;
  }

  async sweepPieces(tenant: TenantId, { keep, through }: PiecesSweep): Promise<void> {
    await this.#availability.pass();
    const pieces = this.#pieces.get(tenant);
    const named = this.#manifests.get(tenant)?.manifest.pieces.map(({ digest }) => digest) ?? [];
    for (const [digest, { seq }] of pieces ?? []) {
      if (seq > through || keep.includes(digest) || named.includes(digest)) continue;
      pieces?.delete(digest);
    }
  }

  async tenants(): Promise<TenantId[]> {
    await this.#availability.pass();
    return [...this.#manifests.keys()];
  }

  async *watch(
    signal: AbortSignal,
  ): AsyncGenerator<StoredManifest & { readonly tenant: TenantId }> {
    let seen = 0;
    while (!signal.aborted && this.#availability.open) {
      const next = this.#availability.available ? this.#firstAbove(seen) : undefined;
      if (next === undefined) {
        await this.#availability.changed(signal);
        continue;
      }
      seen = next.revision;
      yield next;
      await Promise.resolve();
    }
    this.#availability.endRead(signal);
  }

  /** How many manifests; removed for good with `isRemoved`. */
  erase(tenant: TenantId, isRemoved: boolean): number {
    const found = Number(this.#manifests.has(tenant)) + Number(this.#foreign.has(tenant));
    if (isRemoved) this.#manifests.delete(tenant);
    if (isRemoved) this.#foreign.delete(tenant);
    return found;
  }

  erasePieces(tenant: TenantId, isRemoved: boolean): number {
    const found = this.#pieces.get(tenant)?.size ?? 0;
    if (isRemoved) this.#pieces.delete(tenant);
    return found;
  }

  reachBeyond(lastSeq: { readonly docs: number; readonly chunks: number }): boolean {
    return [...this.#manifests.values()].some(
      ({ manifest }) => manifest.to > lastSeq.chunks || manifest.version > lastSeq.docs,
    );
  }

  #newest(tenant: TenantId): StoredManifest | null {
    const stored = this.#manifests.get(tenant);
    const foreign = this.#foreign.get(tenant);
    if (foreign === undefined) return stored ?? null;
    const { revision, kind } = foreign;
    const subject = `manifests.${tenant}`;
    this.#quarantine.add({ stream: "manifests", seq: revision, subject, why: kind });
    if (kind === "unreadable") throw unreadableManifest(tenant, revision);
    return { manifest: stored?.manifest ?? emptyManifest, revision };
  }

  #firstAbove(revision: number): (StoredManifest & { readonly tenant: TenantId }) | undefined {
    return [...this.#manifests]
      .map(([tenant, stored]) => ({ tenant, ...stored }))
      .filter((stored) => stored.revision > revision)
      .sort((a, b) => a.revision - b.revision)[0];
  }
}

/**
 * Which documents of a tenant are live, and in which version, as the log says it: the heads of the
 * last merge, the records of CHUNKS after it, and what of DOCS is not processed yet. It needs no
 * engine, and nothing that lies beside the files.
 *
 * Owns: a fold of the log up to where it was read. Never: believes a part of it. A chain that broke
 * (a merge swept what it replaced, the log was purged) is read again from the newest manifest.
 *
 *   LV1  after `refresh` every operation that was published before it counts;
 *   LV2  an operation that is not processed yet counts as if it will be applied. If it is refused,
 *        the next refresh says so.
 */

import { parseOperation } from "../../contract/document.ts";
import { FreshetError } from "../../contract/errors.ts";
import {
  type DocumentId,
  type Fingerprint,
  noPosition,
  type Position,
  type TenantId,
  type Version,
} from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { emptyManifest } from "../../contract/manifest.ts";
import type { RecordHeader } from "../../contract/record.ts";
import { fingerprintOf } from "../../heads/fingerprint.ts";
import { Heads } from "../../heads/heads.ts";
import { readHeads } from "../../heads/read-heads.ts";
import type { GenerationStore } from "../../log/generation-port.ts";
import { activeName } from "../../log/generations.ts";
import type { ChunksLog, DocsLog, ManifestStore, StoredOperation } from "../../log/port.ts";

/** The parts of the log that say what a tenant has. */
export interface StateLog {
  readonly docs: Pick<DocsLog, "readTenant" | "open">;
  readonly chunks: Pick<ChunksLog, "first" | "last" | "headers">;
  readonly manifests: Pick<ManifestStore, "get" | "getPiece">;
  /** Undefined: tenants have the first alone. */
  readonly generations?: Pick<GenerationStore, "get"> | undefined;
  readonly documentTextBytesMax: number;
}

export interface TenantStateOptions {
  readonly tenant: TenantId;
  readonly log: StateLog;
  readonly signal: AbortSignal;
  /** Ids that are kept by name, for those who must know what they do not have themselves. */
  readonly names?: ((id: DocumentId) => boolean) | undefined;
}

export class TenantState {
  readonly #options: TenantStateOptions;
  /** Of the generation that is read. */
  #name: TenantId;
  #heads = new Heads();
  #folded: Position = noPosition;
  #cursor = 0 as Version;
  #isLoaded = false;
  /** Operations that are not processed yet: their newest version, null for a delete. */
  #tail = new Map<DocumentId, Version | null>();
  /** Ids that the log still holds by name; live or not. */
  readonly #names = new Set<DocumentId>();

  constructor(options: TenantStateOptions) {
    this.#options = options;
    this.#name = options.tenant;
  }

  /** @throws FreshetError log_unavailable, log_identity */
  async refresh(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (!this.#isLoaded) await this.#load();
        await this.#continue();
        await this.#readTail();
        return;
      } catch (error) {
        // Pieces that a merge replaced are swept, and what it confirmed is purged.
        const moved =
          error instanceof FreshetError &&
          (error.code === "broken_chain" || error.code === "log_identity");
        this.#isLoaded = false;
        if (!moved || attempt >= limits.ingestStateAttemptsMax) throw error;
      }
    }
  }

  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** The document's newest version; undefined when it is not live. */
  versionOf(id: DocumentId): Version | undefined {
    const waiting = this.#tail.get(id);
    if (waiting !== undefined) return waiting ?? undefined;
    return this.#heads.get(this.#fingerprint(id));
  }

  /**
   * The live documents among these and those that the log holds by name, and how many more the
   * tenant has: their records are purged, and heads keep no names.
   */
  live(known: Iterable<string>): {
    readonly live: ReadonlySet<DocumentId>;
    readonly unnamed: number;
  } {
    const live = new Set<DocumentId>();
    let applied = 0;
    for (const id of new Set([...known, ...this.#names, ...this.#tail.keys()]) as Set<DocumentId>) {
      if (this.#heads.get(this.#fingerprint(id)) !== undefined) applied += 1;
      if (this.versionOf(id) !== undefined) live.add(id);
    }
    return { live, unnamed: this.#heads.size - applied };
  }

  /** What the publisher sent as this version; undefined when DOCS does not hold it any more. */
  async payloadOf(version: Version): Promise<Uint8Array | undefined> {
    const { tenant, log } = this.#options;
    const after = Math.max(version - 1, 0) as Version;
    const [operation] = await log.docs.readTenant({ tenant, after, max: 1 });
    return operation?.version === version ? log.docs.open(operation) : undefined;
  }

  async #load(): Promise<void> {
    const { log } = this.#options;
    this.#name = await activeName(log.generations, this.#options.tenant);
    const tenant = this.#name;
    const manifest = (await log.manifests.get(tenant))?.manifest ?? emptyManifest;
    this.#heads = await readHeads(log.manifests, tenant, manifest.pieces);
    this.#folded = manifest.to;
    this.#cursor = manifest.version;
    if (this.#options.names !== undefined) await this.#readNames(manifest.to);
    this.#isLoaded = true;
  }

  /** The names of what is merged, as far as its records are still held. */
  async #readNames(to: Position): Promise<void> {
    const { log, signal } = this.#options;
    const tenant = this.#name;
    const first = await log.chunks.first(tenant);
    if (first === null || first.previous >= to) return;
    for await (const header of log.chunks.headers({ tenant, after: first.previous, to, signal })) {
      this.#remember(header);
    }
  }

  async #continue(): Promise<void> {
    const { log, signal } = this.#options;
    const tenant = this.#name;
    const last = await log.chunks.last(tenant);
    if (last === null || last.position <= this.#folded) return;
    const range = { tenant, after: this.#folded, to: last.position, signal };
    for await (const header of log.chunks.headers(range)) {
      const { kind, version, documentId, position } = header;
      const fingerprint = documentId === null ? null : this.#fingerprint(documentId);
      this.#heads.apply({ kind, version, fingerprint });
      this.#remember(header);
      this.#folded = position;
    }
    this.#cursor = last.version;
  }

  #remember({ kind, documentId }: RecordHeader): void {
    if (documentId === null || this.#options.names?.(documentId) !== true) return;
    if (kind === "upsert") this.#names.add(documentId);
  }

  async #readTail(): Promise<void> {
    const tail = new Map<DocumentId, Version | null>();
    const { log, tenant, signal } = this.#options;
    const max = limits.ingestTailPageOperations;
    const bytesMax = limits.ingestTailPageBytesMax;
    for (let after = this.#cursor; ; ) {
      signal.throwIfAborted();
      const page = await log.docs.readTenant({ tenant, after, max, bytesMax });
      for (const operation of page) this.#foldOperation(tail, operation);
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.version;
    }
    this.#tail = tail;
  }

  #foldOperation(
    tail: Map<DocumentId, Version | null>,
    { payload, version }: StoredOperation,
  ): void {
    const parsed = parseOperation(payload, this.#options.log.documentTextBytesMax);
    if (!parsed.ok) return;
    const { id, op } = parsed.operation;
    tail.set(id, op === "delete" ? null : version);
  }

  #fingerprint(id: DocumentId): Fingerprint {
    return fingerprintOf(this.#name, id);
  }
}

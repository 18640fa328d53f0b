/**
 * What holds after every effect, read past all slots: the log against the oracle, the manifest and
 * its heads against the log, cold against the manifest. Throws with the invariant's name.
 */

import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import type { MemoryCold } from "../../src/cold/memory.ts";
import { objectId } from "../../src/cold/object-id.ts";
import type { DocumentId, Position, Version } from "../../src/contract/ids.ts";
import { confirmedTo, type Manifest } from "../../src/contract/manifest.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { readHeads } from "../../src/heads/read-heads.ts";
import type { MemoryLog } from "../../src/log/memory/log.ts";
import { acme } from "../actors/kit.ts";
import type { LiveDocument, Oracle } from "./oracle.ts";

export class Checks {
  readonly #log: MemoryLog;
  readonly #cold: MemoryCold;
  readonly #oracle: Oracle;
  /** Every record of the tenant, also those that were purged since. */
  readonly #records: RecordHeader[] = [];
  #revision = 0;
  #to = 0;
  #confirmed = 0;

  constructor(log: MemoryLog, cold: MemoryCold, oracle: Oracle) {
    this.#log = log;
    this.#cold = cold;
    this.#oracle = oracle;
  }

  /** Watermark at the last check. */
  get to(): number {
    return this.#to;
  }

  /** Epoch of the newest record: no older owner may answer any more (I6). */
  get epoch(): number {
    return this.#records.at(-1)?.epoch ?? 0;
  }

  /** Up to here a second look has found in cold what was merged. */
  get confirmed(): number {
    return this.#confirmed;
  }

  /** Version up to which records are confirmed. */
  get confirmedVersion(): number {
    return this.#records.findLast(({ position }) => position <= this.#confirmed)?.version ?? 0;
  }

  /** Version of the newest record that answers an operation. */
  get recorded(): number {
    return this.#records.findLast(({ kind }) => kind !== "fence")?.version ?? 0;
  }

  async run(): Promise<void> {
    await this.#takeRecords();
    const stored = await this.#log.manifests.get(acme);
    if (stored === null) return;
    const { manifest, revision } = stored;
    if (revision !== this.#revision) {
      this.#revision = revision;
      await this.#checkManifest(manifest);
    }
    await this.#checkCold(manifest);
  }

  async #takeRecords(): Promise<void> {
    const after = this.#records.at(-1)?.position ?? (0 as Position);
    const last = await this.#log.chunks.last(acme);
    if (last === null || last.position === after) return;
    const range = { tenant: acme, after, to: last.position };
    for await (const record of this.#log.chunks.headers(range)) this.#take(record);
  }

  #take(record: RecordHeader): void {
    const before = this.#records.at(-1);
    if (record.previous !== (before?.position ?? 0)) throw broken("L3", "the chain is broken");
    if (record.epoch < (before?.epoch ?? 0)) throw broken("I6", "a stale epoch wrote");
    if (record.epoch > (before?.epoch ?? 0) && record.kind !== "fence") {
      throw broken("I6", "an epoch began without its fence");
    }
    if (record.kind !== "fence") {
      const next = this.#oracle.operations.find(({ version }) => version > this.recorded);
      const { kind, version, chunkCount } = record;
      const written = kind === "upsert" ? { kind, version, chunkCount } : { kind, version };
      const wanted =
        next?.kind === "upsert"
          ? { kind: next.kind, version: next.version, chunkCount: next.chunks }
          : { kind: next?.kind, version: next?.version };
      mustEqual(written, wanted, "I2: one record per operation, in their order");
    }
    this.#records.push(record);
  }

  async #checkManifest(manifest: Manifest): Promise<void> {
    const at = this.#records.find(({ position }) => position === manifest.to);
    if (at === undefined) throw broken("I5", "the watermark is no record of the tenant");
    if (at.version !== manifest.version) throw broken("I5", "the watermark has another version");
    if (manifest.to < this.#to) throw broken("I5", "the watermark went back");
    this.#to = manifest.to;
    const confirmed = confirmedTo(manifest);
    if (confirmed < this.#confirmed) throw broken("I5", "what was confirmed is so no more");
    if (confirmed > manifest.to) throw broken("I5", "confirmed ahead of the watermark");
    this.#confirmed = confirmed;
    const stored = await readHeads(this.#log.manifests, acme, manifest.pieces);
    const heads = [...stored].map(([fingerprint, version]) => ({
      fingerprint,
      version,
    }));
    const live = [...this.#oracle.liveAt(manifest.version)].map(([id, { version }]) => ({
      fingerprint: fingerprintOf(acme, id as DocumentId),
      version,
    }));
    const order = (a: { fingerprint: string }, b: { fingerprint: string }): number =>
      a.fingerprint < b.fingerprint ? -1 : 1;
    mustEqual(heads, live.sort(order), "I3: heads of the manifest");
    const letters = await this.#log.deadLetters.list(acme, 1_000);
    const written = new Set<number>(letters.map(({ version }) => version));
    const owed = (await this.#log.deadLetters.owed(acme)).after ?? manifest.to;
    // Below what is owed each reject has its letter; what comes after it is known to be missing
    // (DL1, DL2).
    const paid = this.#records.find(({ position }) => position === Math.min(owed, manifest.to));
    const untold = this.#oracle
      .rejectsUpTo(paid?.version ?? 0)
      .filter((version) => !written.has(version));
    mustEqual(untold, [], "I2: rejects without a dead letter");
  }

  /**
   * While cold's marker says so, a search finds in it each confirmed document that is still live,
   * whole.
   */
  async #checkCold({ to }: Manifest): Promise<void> {
    const marker = await this.#cold.readMarker(acme);
    if ((marker?.to ?? 0) < to) return;
    const objects = new Set(this.#cold.findable(acme).map(({ id }) => id));
    const version = this.confirmedVersion;
    for (const [id, document] of this.#oracle.liveAt(this.recorded)) {
      if (document.version > version) continue;
      const ids = idsOf(id, document);
      if (ids.some((object) => !objects.has(object))) throw broken("I1, I5", `cold lacks ${id}`);
    }
  }
}

function idsOf(id: string, { version, chunks }: LiveDocument): readonly string[] {
  const key = { tenant: acme, documentId: id as DocumentId, version: version as Version };
  return Array.from({ length: chunks }, (_, chunk) => objectId({ ...key, chunk }));
}

/** An assertion that costs next to nothing while it holds: there are millions of them. */
export function mustEqual<Value>(actual: Value, expected: Value, what: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, what).toEqual(expected);
}

export class BrokenInvariant extends Error {}

export function broken(invariant: string, what: string): BrokenInvariant {
  return new BrokenInvariant(`${invariant}: ${what}`);
}

/**
 * What holds after every effect, read past all slots: the log against the oracle, the manifest and its heads
 * against the log, cold against the manifest. Throws with the invariant's name.
 */

import { expect } from "vitest";
import type { MemoryCold } from "../../src/cold/memory.ts";
import { objectId } from "../../src/cold/object-id.ts";
import type { DocumentId, Position, Version } from "../../src/contract/ids.ts";
import type { Manifest } from "../../src/contract/manifest.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import { fingerprintOf } from "../../src/log/fingerprint.ts";
import { readHeads } from "../../src/log/heads-reading.ts";
import type { MemoryLog } from "../../src/log/memory.ts";
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

  constructor(log: MemoryLog, cold: MemoryCold, oracle: Oracle) {
    this.#log = log;
    this.#cold = cold;
    this.#oracle = oracle;
  }

  /** Watermark at the last check. */
  get to(): number {
    return this.#to;
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
      expect(written, "I2: one record per operation, in their order").toEqual(wanted);
    }
    this.#records.push(record);
  }

  async #checkManifest(manifest: Manifest): Promise<void> {
    const at = this.#records.find(({ position }) => position === manifest.to);
    if (at === undefined) throw broken("I5", "the watermark is no record of the tenant");
    if (at.version !== manifest.version) throw broken("I5", "the watermark has another version");
    if (manifest.to < this.#to) throw broken("I5", "the watermark went back");
    this.#to = manifest.to;
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
    expect(heads, "I3: heads of the manifest").toEqual(live.sort(order));
    const letters = await this.#log.deadLetters.list(acme, 1_000);
    const told = letters.map(({ version }) => version);
    const rejects = this.#oracle.rejectsUpTo(manifest.version);
    expect(told, "I2: dead letters").toEqual(expect.arrayContaining([...rejects]));
  }

  /** While cold's marker says so, it holds each merged document that is still live, whole. */
  async #checkCold({ to, version }: Manifest): Promise<void> {
    const marker = await this.#cold.readMarker(acme);
    if ((marker?.to ?? 0) < to) return;
    const objects = new Set(this.#cold.objects(acme).map(({ id }) => id));
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

export class BrokenInvariant extends Error {}

export function broken(invariant: string, what: string): BrokenInvariant {
  return new BrokenInvariant(`${invariant}: ${what}`);
}

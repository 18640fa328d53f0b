/** A tenant's log and cold shard in memory, filled by hand, for tests of merges. */

import type { MergePorts } from "../../activities/context.ts";
import { createMemoryCold, type MemoryCold } from "../../src/cold/memory.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "../../src/contract/ids.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import type { ChunkRecord, DocumentInfo, RecordBody } from "../../src/contract/record.ts";
import { MemorySourceStore } from "../../src/ingest/memory-sources.ts";
import { MemoryEndpoints } from "../../src/log/memory/endpoints.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import type { Log } from "../../src/log/port.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";

export const acme = "acme" as TenantId;

export interface World {
  readonly log: MemoryLog;
  readonly cold: MemoryCold;
  readonly ports: MergePorts;
  readonly sources: MemorySourceStore;
  readonly endpoints: MemoryEndpoints;
  readonly writer: RecordWriter;
}

/** @param options.workerClock where it differs from the log's */
export function createWorld(
  options: { readonly clock?: Clock; readonly workerClock?: Clock } = {},
): World {
  const clock = options.clock ?? systemClock;
  const log = createMemoryLog({ clock, partitions: 2 });
  const cold = createMemoryCold();
  const ports: MergePorts = {
    log,
    cold,
    clock: options.workerClock ?? clock,
    logger: silentLogger,
    metrics: silentMetrics,
    heartbeat: () => {},
    signal: () => undefined,
  };
  const stores = { sources: new MemorySourceStore(), endpoints: new MemoryEndpoints() };
  return { log, cold, ports, ...stores, writer: new RecordWriter(log) };
}

/** Appends one tenant's records as its owner would: in order, fenced, versions rising. */
export class RecordWriter {
  readonly #log: Pick<Log, "chunks">;
  readonly #tenant: TenantId;
  #last = 0 as Position;
  #version = 0;

  constructor(log: Pick<Log, "chunks">, tenant: TenantId = acme) {
    this.#log = log;
    this.#tenant = tenant;
  }

  upsert(id: string, chunkCount = 1, info: DocumentInfo = {}): Promise<Version> {
    const documentId = id as DocumentId;
    return this.#append((base) => ({
      ...base,
      kind: "upsert",
      documentId,
      chunkCount,
      body: bodyOf(id, base.version, { chunkCount, info }),
    }));
  }

  delete(id: string): Promise<Version> {
    return this.#append((base) => ({ ...base, kind: "delete", documentId: id as DocumentId }));
  }

  reject(id: string | null): Promise<Version> {
    const documentId = id as DocumentId | null;
    const reason = "invalid_document" as const;
    return this.#append((base) => ({
      ...base,
      kind: "reject",
      documentId,
      reason,
      message: "text is required",
    }));
  }

  fence(): Promise<Version> {
    this.#version -= 1;
    return this.#append((base) => ({ ...base, kind: "fence" }));
  }

  /** Position of the newest record. */
  get last(): Position {
    return this.#last;
  }

  async #append(
    make: (base: { tenant: TenantId; version: Version; epoch: Epoch }) => ChunkRecord,
  ): Promise<Version> {
    this.#version += 1;
    const version = this.#version as Version;
    const record = make({ tenant: this.#tenant, version, epoch: 1 as Epoch });
    const outcome = await this.#log.chunks.append(record, this.#last);
    if (outcome.kind !== "appended") throw new Error(`append was ${outcome.kind}`);
    this.#last = outcome.position;
    return version;
  }
}

function bodyOf(
  id: string,
  version: number,
  { chunkCount, info }: { readonly chunkCount: number; readonly info: DocumentInfo },
): RecordBody {
  return {
    info: { title: id, metadata: { version }, ...info },
    chunks: Array.from({ length: chunkCount }, (_, chunk) => ({
      text: `secret text ${chunk} of ${id} in version ${version}`,
      vector: unitVector(version * 31 + chunk),
    })),
    model: "test",
    redactor: "test",
  };
}

function unitVector(angle: number): Float32Array {
  const vector = new Float32Array(8);
  vector[0] = Math.cos(angle);
  vector[1] = Math.sin(angle);
  return vector;
}

/**
 * Upserts, a replaced and shrunk document, one superseded within the range, deletes, rejects, a
 * fence.
 */
export async function writeStory(writer: RecordWriter): Promise<void> {
  await writer.fence();
  await writer.upsert("alpha", 3);
  await writer.upsert("beta", 2);
  await writer.upsert("gamma", 2);
  await writer.reject("delta");
  await writer.upsert("beta", 1);
  await writer.delete("gamma");
  await writer.reject(null);
  await writer.upsert("epsilon", 1);
}

/**
 * What comes after the story was merged: a shrunk document, a delete, a document that comes back.
 */
export async function writeSequel(writer: RecordWriter): Promise<void> {
  await writer.upsert("alpha", 1);
  await writer.delete("epsilon");
  await writer.upsert("gamma", 2);
  await writer.reject("zeta");
}

/** Everything of cold that a question could see, and everything else that is there. */
export function coldState(cold: MemoryCold, tenant: TenantId = acme): readonly string[] {
  return cold
    .objects(tenant)
    .map(({ documentId, version, chunk, text }) => `${documentId}@${version}#${chunk} ${text}`)
    .sort();
}

/** Cold once the sequel is merged and cleaned. */
export const sequel = [
  "alpha@9#0 secret text 0 of alpha in version 9",
  "beta@5#0 secret text 0 of beta in version 5",
  "gamma@11#0 secret text 0 of gamma in version 11",
  "gamma@11#1 secret text 1 of gamma in version 11",
];

export async function storyWorld(): Promise<World> {
  const world = createWorld();
  await writeStory(world.writer);
  return world;
}

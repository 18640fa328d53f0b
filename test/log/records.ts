/** Records for tests of the log. */

import {
  type DocumentId,
  type Epoch,
  incarnationOf,
  incarnationSpan,
  type Position,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import type {
  ChunkRecord,
  DeleteRecord,
  DuplicateRecord,
  FenceRecord,
  RejectRecord,
  UpsertRecord,
} from "../../src/contract/record.ts";
import type { ChunksLog, Log } from "../../src/log/port.ts";

interface Origin {
  readonly tenant: TenantId;
  readonly version: number;
  readonly epoch: number;
}

const baseOf = ({ tenant, version, epoch }: Origin) => ({
  tenant,
  version: version as Version,
  epoch: epoch as Epoch,
});

export function upsert(origin: Origin, id: string, text = "some text"): UpsertRecord {
  const vector = new Float32Array([0.6, -0.8, 0, 0]);
  return {
    ...baseOf(origin),
    kind: "upsert",
    documentId: id as DocumentId,
    chunkCount: 2,
    body: {
      info: { title: "a title", metadata: { year: 2026, tags: ["a", "b"] } },
      chunks: [
        { text, vector },
        { text: "“quotes” and \n lines", heading: "One > Two", vector },
      ],
      model: "model-1",
      redactor: "redactor-1",
    },
  };
}

export function removal(origin: Origin, id: string): DeleteRecord {
  return { ...baseOf(origin), kind: "delete", documentId: id as DocumentId };
}

export function reject(origin: Origin, id: string | null): RejectRecord {
  const documentId = id as DocumentId | null;
  return {
    ...baseOf(origin),
    kind: "reject",
    documentId,
    reason: "invalid_json",
    message: "bäd\n",
  };
}

export function duplicate(origin: Origin, of: number): DuplicateRecord {
  return { ...baseOf(origin), kind: "duplicate", of: of as Version };
}

export function fence(origin: Origin): FenceRecord {
  return { ...baseOf(origin), kind: "fence" };
}

/** Appends one after the other and returns the positions. */
export async function appendAll(
  chunks: ChunksLog,
  records: readonly ChunkRecord[],
  after = 0,
): Promise<Position[]> {
  const positions: Position[] = [];
  for (const record of records) {
    const outcome = await chunks.append(record, (positions.at(-1) ?? after) as Position);
    if (outcome.kind !== "appended") throw new Error(`append was ${outcome.kind}`);
    positions.push(outcome.position);
  }
  return positions;
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The first `count` of a read without end; the signal ends it. */
export async function take<Item>(
  items: AsyncIterable<Item>,
  count: number,
  end: AbortController,
): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) {
    all.push(item);
    if (all.length === count) break;
  }
  end.abort();
  return all;
}

/**
 * Where CHUNKS begins: a manifest that names more than the log has makes it one that is not whole.
 */
export async function beginningOf(
  log: Log,
): Promise<{ readonly to: Position; readonly incarnation: number }> {
  const incarnation = incarnationOf(await log.docs.lastSequence());
  return { to: (incarnation * incarnationSpan) as Position, incarnation };
}

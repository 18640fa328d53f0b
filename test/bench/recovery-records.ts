/**
 * Filling CHUNKS without embedding: the records of a sample that a real engine made, again and again under new
 * document ids. Each has the size and the shape of a real one, with real texts and vectors. Each follows an
 * operation in DOCS, as an engine would have left it.
 */

import type { DocumentId, Position, TenantId, Version } from "../../src/contract/ids.ts";
import type { UpsertRecord } from "../../src/contract/record.ts";
import type { Log } from "../../src/log/port.ts";

const publishesUnderWay = 64;

/** Appends documents of `sample` until the tenant has `chunks` more. No engine may own the tenant meanwhile. */
export async function fillChunks(
  log: Log,
  options: {
    readonly tenant: TenantId;
    readonly sample: readonly UpsertRecord[];
    readonly chunks: number;
  },
): Promise<number> {
  const { tenant } = options;
  const copies = copiesOf(options);
  const versions = await publishAll(log, tenant, copies);
  const last = await log.chunks.last(tenant);
  const epoch = last?.epoch ?? copies[0]?.epoch;
  let expected = last?.position ?? (0 as Position);
  for (const [index, copy] of copies.entries()) {
    const version = versions[index] as Version;
    const record = { ...copy, tenant, version, epoch: epoch ?? copy.epoch };
    const outcome = await log.chunks.append(record, expected);
    if (outcome.kind !== "appended") throw new Error(`an append was ${outcome.kind}`);
    expected = outcome.position;
  }
  return copies.reduce((sum, { chunkCount }) => sum + chunkCount, 0);
}

function copiesOf({
  sample,
  chunks,
}: {
  readonly sample: readonly UpsertRecord[];
  readonly chunks: number;
}): readonly UpsertRecord[] {
  const copies: UpsertRecord[] = [];
  let count = 0;
  for (let index = 0; count < chunks; index += 1) {
    const record = sample[index % sample.length];
    if (record === undefined) throw new Error("there is no sample to copy");
    copies.push({ ...record, documentId: `${record.documentId}-${index}` as DocumentId });
    count += record.chunkCount;
  }
  return copies;
}

/** Versions in the order of the records: one connection keeps the order of its publishes. */
async function publishAll(
  log: Log,
  tenant: TenantId,
  records: readonly UpsertRecord[],
): Promise<readonly number[]> {
  const versions: number[] = [];
  for (let at = 0; at < records.length; at += publishesUnderWay) {
    const page = records.slice(at, at + publishesUnderWay);
    const results = await Promise.all(
      page.map(({ documentId: id, body }) => {
        const text = body.chunks.map((chunk) => chunk.text).join("\n");
        const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
        return log.docs.publish({ tenant, payload });
      }),
    );
    versions.push(...results.map(({ seq }) => seq));
  }
  return versions;
}

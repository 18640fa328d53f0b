/** Pure: whether CHUNKS says of each operation of DOCS exactly once what became of it, under rising epochs (I2, I3, I6, I7). */

import type { RecordHeader } from "../../src/contract/record.ts";
import type { OperationKind } from "./operations.ts";
import type { TenantOracle } from "./oracle.ts";

const kindOf: Readonly<Record<OperationKind, RecordHeader["kind"]>> = {
  upsert: "upsert",
  delete: "delete",
  invalid: "reject",
};

type Header = Pick<
  RecordHeader,
  "kind" | "version" | "epoch" | "position" | "previous" | "documentId" | "chunkCount"
> &
  Partial<Pick<RecordHeader, "reason">>;

/**
 * Takes a tenant's records in the order of CHUNKS, from the first on. Those of a generation begin
 * with what a build wrote, under epoch 0: the documents that were live, and not what became of each
 * operation. One that is given up ends with a tombstone.
 */
export class ChainChecker {
  #last: Header | undefined;
  #isOver = false;
  readonly #oracle: TenantOracle;
  readonly #chunks = new Map<number, number>();
  readonly #rejects: number[] = [];
  readonly #versions = new Map<number, number>();

  constructor(oracle: TenantOracle) {
    this.#oracle = oracle;
  }

  get lastVersion(): number {
    return this.#last?.version ?? 0;
  }

  get lastPosition(): number {
    return this.#last?.position ?? 0;
  }

  /** Versions whose operations were rejected. */
  get rejects(): readonly number[] {
    return this.#rejects;
  }

  chunksOf(version: number): number | undefined {
    return this.#chunks.get(version);
  }

  /** Version of the record at a position. */
  versionAt(position: number): number | undefined {
    return this.#versions.get(position);
  }

  /** What is wrong with the next record, one line each. DOCS must be known up to its version. */
  accept(record: Header): readonly string[] {
    const last = this.#last;
    // Given up: its records go, some of them before they were read here.
    if (isTombstone(record)) {
      this.#isOver = true;
      return [];
    }
    this.#last = record;
    this.#versions.set(record.position, record.version);
    const wrong = [...this.#checkLink(record, last), ...this.#checkOperation(record, last)];
    if (record.kind === "upsert") this.#chunks.set(record.version, record.chunkCount);
    if (record.kind === "reject") this.#rejects.push(record.version);
    return wrong.map(
      (line) => `record ${record.position} (${record.kind} ${record.version}): ${line}`,
    );
  }

  #checkLink(record: Header, last: Header | undefined): readonly string[] {
    const wrong: string[] = this.#isOver ? ["stands behind a tombstone"] : [];
    const expected = last?.position ?? 0;
    if (record.previous !== expected) {
      wrong.push(`names ${record.previous} as the one before, which is ${expected}`);
    }
    if (record.epoch < (last?.epoch ?? 0)) {
      wrong.push(`epoch ${record.epoch} wrote behind epoch ${last?.epoch}: a zombie`);
    }
    return wrong;
  }

  #checkOperation(record: Header, last: Header | undefined): readonly string[] {
    const before = last?.version ?? 0;
    if (record.kind === "fence") {
      return record.version === before ? [] : [`a fence stands at ${before}, not here`];
    }
    const isBuilt = record.epoch === 0;
    const next = this.#oracle.nextAfter(isBuilt ? Math.max(before, record.version - 1) : before);
    if (next === undefined) return [`DOCS has no operation behind ${before}`];
    if (next.version !== record.version) return [`the next operation of DOCS is ${next.version}`];
    if (next.isRetry === true) {
      return record.kind === "duplicate" ? [] : ["the operation repeats an earlier one"];
    }
    if (kindOf[next.kind] !== record.kind) return [`the operation is an ${next.kind}`];
    return record.documentId === next.documentId ? [] : [`it is about ${next.documentId}`];
  }
}

const isTombstone = ({ kind, reason }: Header): boolean =>
  kind === "reject" && reason === "tenant_erased";

/** DOCS in memory. */

import { FreshetError } from "../../contract/errors.ts";
import type { PublishResult } from "../../contract/events.ts";
import { type Partition, partitionOf, type TenantId, type Version } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Clock } from "../../runtime/clock.ts";
import { checkReadStart } from "../log-identity.ts";
import type { DocsLog, StoredMessageId, StoredOperation } from "../port.ts";
import { isWildcard, unplacedPartition } from "../subjects.ts";
import type { Availability } from "./availability.ts";

/** What a message of DOCS says besides its document. */
type Marks = Pick<StoredOperation, "messageId" | "replay">;

interface Options {
  readonly clock: Clock;
  readonly partitions: number;
  /** The sequence before the first. */
  readonly base: number;
  readonly availability: Availability;
}

export class MemoryDocs implements DocsLog {
  readonly #options: Options;
  #operations: StoredOperation[] = [];
  lastSeq: Version;

  constructor(options: Options) {
    this.#options = options;
    this.lastSeq = options.base as Version;
  }

  async publish(message: Parameters<DocsLog["publish"]>[0]): Promise<PublishResult> {
    await this.#options.availability.pass();
    if (message.payload.byteLength > limits.docsMessageBytesMax) {
      throw new FreshetError("document_too_large");
    }
    const { version: seq } = this.store(message.tenant, message.payload, message);
    return { seq };
  }

  store(tenant: string, payload: Uint8Array, { messageId, replay }: Marks = {}): StoredOperation {
    this.lastSeq = (this.lastSeq + 1) as Version;
    const operation: StoredOperation = {
      tenant,
      version: this.lastSeq,
      atMs: this.#options.clock.nowMs(),
      payload: payload.slice(),
      ...(messageId === undefined ? {} : { messageId }),
      ...(replay === undefined ? {} : { replay }),
    };
    this.#operations.push(operation);
    this.#options.availability.wake();
    return operation;
  }

  async *read(options: Parameters<DocsLog["read"]>[0]): AsyncGenerator<StoredOperation> {
    const { availability, base } = this.#options;
    let next = options.from;
    while (!options.signal.aborted && availability.open) {
      availability.checkIdentity();
      checkReadStart({ from: next, base, lastSeq: this.lastSeq });
      const operation = availability.available ? this.#firstOf(options.partition, next) : undefined;
      if (operation === undefined) {
        await availability.changed(options.signal);
        continue;
      }
      next = (operation.version + 1) as Version;
      yield operation;
      await Promise.resolve();
    }
    availability.endRead(options.signal);
  }

  async readTenant(options: Parameters<DocsLog["readTenant"]>[0]): Promise<StoredOperation[]> {
    await this.#options.availability.pass();
    const waiting = this.#operations.filter(
      ({ tenant, version }) => tenant === options.tenant && version > options.after,
    );
    options.onCount?.(waiting.length);
    return firstBytes(waiting.slice(0, options.max), options.bytesMax);
  }

  async *messageIds({
    tenant,
    to,
    windowMs,
  }: Parameters<DocsLog["messageIds"]>[0]): AsyncGenerator<StoredMessageId> {
    await this.#options.availability.pass();
    const newest = this.#operations.find(({ version }) => version === to);
    if (newest === undefined) return;
    const sinceMs = newest.atMs - windowMs;
    for (const { tenant: of, version, atMs, messageId } of [...this.#operations]) {
      if (of !== tenant || version > to || atMs < sinceMs || messageId === undefined) continue;
      yield { version, atMs, messageId };
    }
  }

  async lastVersion(tenant: TenantId): Promise<Version> {
    await this.#options.availability.pass();
    const last = this.#operations.findLast((operation) => operation.tenant === tenant);
    return last?.version ?? (0 as Version);
  }

  async nextVersion({ tenant, after }: Parameters<DocsLog["nextVersion"]>[0]): Promise<Version> {
    await this.#options.availability.pass();
    const next = this.#operations.find((one) => one.tenant === tenant && one.version > after);
    return next?.version ?? (0 as Version);
  }

  async lastSequence(): Promise<Version> {
    await this.#options.availability.pass();
    return this.lastSeq;
  }

  async tenants(partition: Partition): Promise<string[]> {
    await this.#options.availability.pass();
    const tenants = new Set(this.#operations.map(({ tenant }) => tenant));
    return [...tenants].filter((tenant) => this.#partitionOf(tenant) === partition);
  }

  async firstSince(atMs: number): Promise<Version> {
    await this.#options.availability.pass();
    const found = this.#operations.find((operation) => operation.atMs >= atMs);
    return found?.version ?? ((this.lastSeq + 1) as Version);
  }

  async purge({ tenant, below }: Parameters<DocsLog["purge"]>[0]): Promise<number> {
    await this.#options.availability.pass();
    this.#options.availability.checkIdentity();
    const before = this.#operations.length;
    this.#operations = this.#operations.filter(
      (operation) => operation.tenant !== tenant || operation.version >= below,
    );
    return before - this.#operations.length;
  }

  #firstOf(partition: Partition, from: Version): StoredOperation | undefined {
    return this.#operations.find(
      ({ tenant, version }) => version >= from && this.#partitionOf(tenant) === partition,
    );
  }

  /** The server's transform hashes any token but a wildcard; only checked tenants ever ask for a partition by name. */
  #partitionOf(tenant: string): Partition {
    if (isWildcard(tenant)) return unplacedPartition;
    return partitionOf(tenant as TenantId, this.#options.partitions);
  }
}

/** The operations up to the one that reaches the sum. */
function firstBytes(
  operations: readonly StoredOperation[],
  bytesMax = Number.POSITIVE_INFINITY,
): StoredOperation[] {
  let bytes = 0;
  const end = operations.findIndex(({ payload }) => {
    bytes += payload.byteLength;
    return bytes >= bytesMax;
  });
  return operations.slice(0, end === -1 ? operations.length : end + 1);
}

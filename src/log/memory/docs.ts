/** DOCS in memory. */

import { FreshetError } from "../../contract/errors.ts";
import type { PublishResult } from "../../contract/events.ts";
import {
  nextAfter,
  noVersion,
  type Partition,
  type TenantId,
  tenantOf,
  type Version,
  version,
} from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { traceparentOf } from "../../contract/tracing.ts";
import type { ErasureRequest } from "../erasure-port.ts";
import type { PayloadVault } from "../payload-port.ts";
import type { DocsLog, StoredMessageId, StoredOperation } from "../port.ts";
import { checkReadStart } from "../read-start.ts";
import { TenantStream, type TenantStreamOptions } from "./tenant-stream.ts";

/** What a message of DOCS says besides its document. */
type Marks = Pick<StoredOperation, "messageId" | "replay" | "traceparent" | "sealed">;

export class MemoryDocs implements DocsLog {
  readonly #options: TenantStreamOptions;
  readonly #stream: TenantStream<Version, StoredOperation>;
  readonly #vault: PayloadVault | undefined;

  constructor(options: TenantStreamOptions, vault?: PayloadVault) {
    this.#options = options;
    this.#vault = vault;
    this.#stream = new TenantStream(options, version(options.base));
  }

  get lastSeq(): Version {
    return this.#stream.lastSeq;
  }

  async open(operation: StoredOperation): Promise<Uint8Array> {
    return this.#vault === undefined ? operation.payload : await this.#vault.open(operation);
  }

  async publish(plain: Parameters<DocsLog["publish"]>[0]): Promise<PublishResult> {
    const message = { ...plain, ...(await this.#vault?.seal(plain)) };
    await this.#options.availability.pass();
    if (message.payload.byteLength > limits.docsMessageBytesMax) {
      throw new FreshetError("document_too_large");
    }
    const { version: seq } = this.store(message.tenant, message.payload, message);
    return { seq };
  }

  store(tenant: string, payload: Uint8Array, marks: Marks = {}): StoredOperation {
    const { messageId, replay, sealed } = marks;
    const traceparent = traceparentOf(marks.traceparent);
    const operation = this.#stream.add(tenant, (version, atMs) => ({
      ...{ tenant, version, atMs },
      payload: payload.slice(),
      ...(messageId === undefined ? {} : { messageId }),
      ...(replay === undefined ? {} : { replay }),
      ...(sealed === undefined ? {} : { sealed }),
      ...(traceparent === undefined ? {} : { traceparent }),
    }));
    this.#options.availability.wake();
    return operation;
  }

  async *read(options: Parameters<DocsLog["read"]>[0]): AsyncGenerator<StoredOperation> {
    const { availability, base } = this.#options;
    let next = options.from;
    while (!options.signal.aborted && availability.open) {
      availability.checkIdentity();
      checkReadStart({ from: next, base, lastSeq: this.lastSeq });
      const operation = availability.available
        ? this.#stream.firstFrom(options.partition, next)
        : undefined;
      if (operation === undefined) {
        await availability.changed(options.signal);
        continue;
      }
      next = nextAfter(operation.version);
      yield operation;
      await Promise.resolve();
    }
    availability.endRead(options.signal);
  }

  async readTenant(options: Parameters<DocsLog["readTenant"]>[0]): Promise<StoredOperation[]> {
    await this.#options.availability.pass();
    const { after } = options;
    const tenant = tenantOf(options.tenant);
    const waiting = this.#stream.of(tenant).slice(this.#stream.indexAfter(tenant, after));
    options.onCount?.(waiting.length);
    return firstBytes(waiting.slice(0, options.max), options.bytesMax);
  }

  async *messageIds({
    tenant,
    to,
    windowMs,
  }: Parameters<DocsLog["messageIds"]>[0]): AsyncGenerator<StoredMessageId> {
    await this.#options.availability.pass();
    const newest = this.#stream.all().find(({ version }) => version === to);
    if (newest === undefined) return;
    const sinceMs = newest.atMs - windowMs;
    for (const { version, atMs, messageId } of [...this.#stream.of(tenantOf(tenant))]) {
      if (version > to || atMs < sinceMs || messageId === undefined) continue;
      yield { version, atMs, messageId };
    }
  }

  async lastVersion(tenant: TenantId): Promise<Version> {
    await this.#options.availability.pass();
    return this.#stream.of(tenantOf(tenant)).at(-1)?.version ?? noVersion;
  }

  async nextVersion(above: Parameters<DocsLog["nextVersion"]>[0]): Promise<Version> {
    await this.#options.availability.pass();
    const { after } = above;
    const tenant = tenantOf(above.tenant);
    const next = this.#stream.of(tenant)[this.#stream.indexAfter(tenant, after)];
    return next?.version ?? noVersion;
  }

  async lastSequence(): Promise<Version> {
    await this.#options.availability.pass();
    return this.lastSeq;
  }

  async tenants(partition: Partition): Promise<string[]> {
    await this.#options.availability.pass();
    return this.#stream.tenantsOf(partition);
  }

  async *newest(partition: Partition): AsyncGenerator<{ tenant: string; version: Version }> {
    await this.#options.availability.pass();
    for (const tenant of this.#stream.tenantsOf(partition)) {
      const newest = this.#stream.of(tenant).at(-1);
      if (newest !== undefined) yield { tenant, version: newest.version };
    }
  }

  /** How many below a bound; removed for good with `isRemoved`. */
  erase(
    tenant: TenantId,
    { below, max, except }: Pick<ErasureRequest, "max" | "except"> & { readonly below: number },
    isRemoved: boolean,
  ): number {
    const all = this.#stream.of(tenant).filter(({ version }) => version < below);
    const found = all.filter(({ version }) => except?.has(version) !== true).slice(0, max);
    const last = found.at(-1);
    if (isRemoved && last !== undefined) {
      this.#stream.purgeBelow(tenant, nextAfter(last.version), except);
    }
    return found.length;
  }

  async firstSince(atMs: number): Promise<Version> {
    await this.#options.availability.pass();
    return this.#stream.firstSince(atMs);
  }

  async purge({ tenant, below }: Parameters<DocsLog["purge"]>[0]): Promise<number> {
    await this.#options.availability.pass();
    return this.#stream.purgeBelow(tenant, below);
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

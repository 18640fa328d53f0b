/** DOCS on JetStream. */

import { FreshetError } from "../contract/errors.ts";
import type { PublishResult } from "../contract/events.ts";
import { type Partition, partitionOf, type TenantId, type Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { checkReadStart } from "./log-identity.ts";
import {
  headerReader,
  type NatsContext,
  newestMessage,
  oldestMessage,
  publishPlain,
} from "./nats-connection.ts";
import { logError } from "./nats-errors.ts";
import { type Delivered, pullMessages } from "./nats-pull.ts";
import { firstSince, purgeBelow } from "./nats-retention.ts";
import { retryReads } from "./nats-retry.ts";
import type { GuardedStream } from "./nats-stream-guard.ts";
import type { DocsLog, StoredOperation } from "./port.ts";
import { replayHeaders, replayIn } from "./replay-header.ts";
import { docsIn, docsOf, docsOfPartition, tenantIn } from "./subjects.ts";

export class NatsDocs implements DocsLog {
  readonly #context: NatsContext;
  readonly #stream: GuardedStream;
  readonly #partitions: number;

  constructor(context: NatsContext, stream: GuardedStream, partitions: number) {
    this.#context = context;
    this.#stream = stream;
    this.#partitions = partitions;
  }

  async publish(message: Parameters<DocsLog["publish"]>[0]): Promise<PublishResult> {
    const { tenant, payload, messageId, replay } = message;
    const before = this.#stream.highest;
    try {
      const headers = replay === undefined ? undefined : replayHeaders(replay);
      const subject = docsIn(tenant);
      const ack = await publishPlain(this.#context, { subject, payload, headers, messageId });
      // A duplicate is the sequence of its first publish, whenever that was.
      this.#stream.stored(ack.seq, ack.duplicate ? ack.seq - 1 : before);
      return { seq: ack.seq as Version, duplicate: ack.duplicate };
    } catch (thrown) {
      throw logError(thrown);
    }
  }

  /**
   * A first message later than `from` is legal here: DOCS is purged per tenant, below the cursors. What may
   * not be skipped is guarded by the cursor itself, the version of the tenant's newest record in CHUNKS.
   */
  async *read(options: Parameters<DocsLog["read"]>[0]): AsyncGenerator<StoredOperation> {
    let next: number = options.from;
    const once = async function* (this: NatsDocs): AsyncGenerator<StoredOperation> {
      checkReadStart({ from: next, ...(await this.#stream.verify()) });
      const messages = pullMessages(this.#context, {
        stream: this.#stream.name,
        filter: docsOfPartition(options.partition),
        start: next,
        until: "aborted",
        page: limits.pullMax,
        signal: options.signal,
      });
      for await (const message of messages) {
        this.#stream.saw(message);
        next = message.seq + 1;
        yield operationOf(message);
      }
    }.bind(this);
    yield* retryReads(this.#context, options.signal, once);
  }

  async readTenant(options: Parameters<DocsLog["readTenant"]>[0]): Promise<StoredOperation[]> {
    const { tenant, after, max, onCount } = options;
    const start = after + 1;
    const through = await this.lastVersion(tenant);
    checkReadStart({ from: start, ...(await this.#stream.state()) });
    const operations: StoredOperation[] = [];
    if (through < start) onCount?.(0);
    if (max < 1 || through < start) return operations;
    const messages = pullMessages(this.#context, {
      stream: this.#stream.name,
      filter: this.#subject(tenant),
      start,
      until: { through },
      page: Math.min(max, limits.pullMax),
      onCount,
    });
    for await (const message of messages) {
      operations.push(operationOf(message));
      if (operations.length >= max) break;
    }
    return operations;
  }

  async lastVersion(tenant: TenantId): Promise<Version> {
    const subject = this.#subject(tenant);
    const message = await newestMessage(this.#context, this.#stream.name, subject);
    return (message?.seq ?? 0) as Version;
  }

  async nextVersion({ tenant, after }: Parameters<DocsLog["nextVersion"]>[0]): Promise<Version> {
    const { name } = this.#stream;
    const from = { subject: this.#subject(tenant), seq: after + 1 };
    const message = await oldestMessage(this.#context, name, from);
    return (message?.seq ?? 0) as Version;
  }

  async lastSequence(): Promise<Version> {
    const { lastSeq } = await this.#stream.state();
    return lastSeq as Version;
  }

  async tenants(partition: Partition): Promise<string[]> {
    const filter = docsOfPartition(partition);
    const subjects = await this.#stream.subjects(filter);
    return subjects.map(tenantIn);
  }

  async firstSince(atMs: number): Promise<Version> {
    return (await firstSince(this.#context, this.#stream, { filter: "docs.>", atMs })) as Version;
  }

  purge({ tenant, below }: Parameters<DocsLog["purge"]>[0]): Promise<number> {
    return purgeBelow(this.#context, this.#stream, { filter: this.#subject(tenant), below });
  }

  #subject(tenant: TenantId): string {
    return docsOf(partitionOf(tenant, this.#partitions), tenant);
  }
}

function operationOf(message: Delivered): StoredOperation {
  const tenant = tenantIn(message.subject);
  if (tenant === "") throw new FreshetError("internal", "an operation has no tenant");
  return {
    tenant,
    version: message.seq as Version,
    atMs: message.atMs,
    payload: message.data,
    ...replayIn(headerReader(message.headers)),
  };
}

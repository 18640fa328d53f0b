/** DOCS on JetStream. */

import type { PubAck } from "nats";
import { FreshetError } from "../../contract/errors.ts";
import type { PublishResult } from "../../contract/events.ts";
import {
  nextAfter,
  noVersion,
  type Partition,
  type TenantId,
  type Version,
  version,
} from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { traceparentOf } from "../../contract/tracing.ts";
import type { PayloadVault, SealedPayload } from "../payload-port.ts";
import type { DocsLog, StoredMessageId, StoredOperation } from "../port.ts";
import { checkReadStart } from "../read-start.ts";
import { replayHeaders, replayIn } from "../wire/replay.ts";
import {
  isWildcard,
  publishSubject,
  tenantIn,
  unplacedDocs,
  unplacedPartition,
} from "../wire/subjects.ts";
import {
  headerReader,
  messageAt,
  type NatsContext,
  newestMessage,
  oldestMessage,
} from "./connection.ts";
import { logError } from "./errors.ts";
import { publishPlain } from "./publish.ts";
import { type Delivered, pullMessages } from "./pull.ts";
import { retryReads } from "./retry.ts";
import { TenantStream } from "./tenant-stream.ts";
import { removeUnplaced, unplacedMessages } from "./unplaced.ts";
import type { VerifiedStream } from "./verified-stream.ts";

/**
 * Where a message id is: in the header that every client sets, or in one that the server's
 * duplicate window ignores.
 */
const idHeaders = { publishers: "Nats-Msg-Id", own: "Freshet-Message-Id" } as const;

const sealedHeader = "Freshet-Sealed";

export interface NatsDocsOptions {
  readonly context: NatsContext;
  readonly verified: VerifiedStream;
  readonly partitions: number;
  readonly vault: PayloadVault;
}

export class NatsDocs implements DocsLog {
  readonly #context: NatsContext;
  readonly #stream: TenantStream;
  readonly #vault: PayloadVault;

  constructor({ context, verified, partitions, vault }: NatsDocsOptions) {
    this.#context = context;
    this.#stream = new TenantStream({ context, stream: verified, root: "docs", partitions });
    this.#vault = vault;
  }

  open(operation: StoredOperation): Promise<Uint8Array> {
    return this.#vault.open(operation);
  }

  async publish(plain: Parameters<DocsLog["publish"]>[0]): Promise<PublishResult> {
    const message = { ...plain, ...(await this.#vault.seal(plain)) };
    const ack = await this.#send(message, idHeaders.publishers);
    if (!ack.duplicate) return { seq: version(ack.seq) };
    // DOCS was given a duplicate window again: what it calls a repetition may repeat another
    // tenant's operation, so nothing is stored yet.
    const { seq } = await this.#send(message, idHeaders.own);
    return { seq: version(seq) };
  }

  async #send(
    message: Parameters<DocsLog["publish"]>[0] & SealedPayload,
    idHeader: string,
  ): Promise<PubAck> {
    const { tenant, payload, sealed, messageId, replay, traceparent } = message;
    const before = this.#stream.verified.highest;
    const headers = {
      ...(messageId === undefined ? {} : { [idHeader]: messageId }),
      ...(replay === undefined ? {} : replayHeaders(replay)),
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(sealed === undefined ? {} : { [sealedHeader]: sealed }),
    };
    try {
      const message = { subject: publishSubject(tenant), payload, headers };
      const ack = await publishPlain(this.#context, message);
      if (!ack.duplicate) this.#stream.verified.stored(ack.seq, before);
      return ack;
    } catch (thrown) {
      throw logError(thrown);
    }
  }

  /**
   * A first message later than `from` is legal here: DOCS is purged per tenant, below the cursors.
   * What may not be skipped is protected by the cursor itself, the version of the tenant's newest
   * record in CHUNKS.
   */
  async *read(options: Parameters<DocsLog["read"]>[0]): AsyncGenerator<StoredOperation> {
    let next: number = options.from;
    const once = async function* (this: NatsDocs): AsyncGenerator<StoredOperation> {
      checkReadStart({ from: next, ...(await this.#stream.verified.verify()) });
      const messages = pullMessages(this.#context, {
        stream: this.#stream.name,
        filter: this.#filtersOf(options.partition),
        start: next,
        until: "aborted",
        page: limits.pullMax,
        signal: options.signal,
      });
      for await (const message of messages) {
        this.#stream.verified.saw(message);
        next = message.seq + 1;
        yield operationOf(message);
      }
    }.bind(this);
    yield* retryReads(this.#context, options.signal, once);
  }

  async readTenant(options: Parameters<DocsLog["readTenant"]>[0]): Promise<StoredOperation[]> {
    const { tenant, after, max, bytesMax = Number.POSITIVE_INFINITY, onCount } = options;
    const start = after + 1;
    const through = await this.lastVersion(tenant);
    checkReadStart({ from: start, ...(await this.#stream.verified.state()) });
    const operations: StoredOperation[] = [];
    if (through < start) onCount?.(0);
    if (max < 1 || through < start) return operations;
    const stream = this.#stream.name;
    const messages = isWildcard(tenant)
      ? unplacedMessages(this.#context, { stream, token: tenant, from: start })
      : pullMessages(this.#context, {
          ...{ stream, filter: this.#stream.subjectOf(tenant), start, until: { through } },
          ...{ page: Math.min(max, limits.pullMax), onCount },
        });
    let bytes = 0;
    for await (const message of messages) {
      operations.push(operationOf(message));
      bytes += message.data.byteLength;
      if (operations.length >= max || bytes >= bytesMax) break;
    }
    return operations;
  }

  async *messageIds({
    tenant,
    to,
    windowMs,
    signal,
  }: Parameters<DocsLog["messageIds"]>[0]): AsyncGenerator<StoredMessageId> {
    await this.#stream.verified.state();
    const newest = await messageAt(this.#context, this.#stream.name, to);
    if (newest === null) return;
    const messages = pullMessages(this.#context, {
      stream: this.#stream.name,
      filter: this.#stream.subjectOf(tenant),
      start: { sinceMs: newest.time.getTime() - windowMs },
      until: { through: to },
      headersOnly: true,
      page: limits.pullMax,
      signal,
    });
    for await (const { seq, atMs, headers } of messages) {
      if (seq > to) break;
      const { messageId } = messageIdIn(headerReader(headers));
      if (messageId !== undefined) yield { version: version(seq), atMs, messageId };
      if (seq === to) return;
    }
    signal?.throwIfAborted();
    throw new FreshetError("log_unavailable", "the message ids of a tenant were not all there");
  }

  async lastVersion(tenant: TenantId): Promise<Version> {
    // For a wildcard it is that of both wildcards: an end for reads, which no tenant asks for.
    const filter = isWildcard(tenant) ? unplacedDocs : this.#stream.subjectOf(tenant);
    const message = await newestMessage(this.#context, this.#stream.name, filter);
    return version(message?.seq ?? noVersion);
  }

  async nextVersion({ tenant, after }: Parameters<DocsLog["nextVersion"]>[0]): Promise<Version> {
    const subject = this.#stream.subjectOf(tenant);
    const wanted = { stream: this.#stream.name, subject, from: nextAfter(after) };
    const message = await oldestMessage(this.#context, wanted);
    return version(message?.seq ?? noVersion);
  }

  async lastSequence(): Promise<Version> {
    const { lastSeq } = await this.#stream.verified.state();
    return version(lastSeq);
  }

  tenants(partition: Partition): Promise<string[]> {
    return this.#stream.tokens(this.#filtersOf(partition));
  }

  async *newest(partition: Partition): AsyncGenerator<{ tenant: string; version: Version }> {
    await this.#stream.verified.state();
    const filter = this.#stream.filterOf(partition);
    const stream = this.#stream.name;
    const end = await newestMessage(this.#context, stream, filter);
    if (end === null) return;
    const messages = pullMessages(this.#context, {
      ...{ stream, filter, start: "newest-of-each", until: { through: end.seq } },
      ...{ headersOnly: true, page: limits.pullMax },
    });
    for await (const { subject, seq } of messages) {
      yield { tenant: tenantIn(subject), version: version(seq) };
    }
  }

  async firstSince(atMs: number): Promise<Version> {
    return version(await this.#stream.firstSince(atMs));
  }

  async purge({ tenant, below }: Parameters<DocsLog["purge"]>[0]): Promise<number> {
    if (!isWildcard(tenant)) return this.#stream.purgeBelow(tenant, below);
    await this.#stream.verified.verify();
    return removeUnplaced(this.#context, { stream: this.#stream.name, token: tenant, below });
  }

  #filtersOf(partition: Partition): readonly string[] {
    const own = this.#stream.filterOf(partition);
    return partition === unplacedPartition ? [own, unplacedDocs] : [own];
  }
}

function operationOf({ subject, seq, atMs, headers, data: payload }: Delivered): StoredOperation {
  const read = headerReader(headers);
  const sealed = read(sealedHeader);
  const marks = {
    ...{ ...messageIdIn(read), ...replayIn(read), ...traceIn(read) },
    ...(sealed === undefined ? {} : { sealed }),
  };
  return { tenant: tenantIn(subject), version: version(seq), atMs, payload, ...marks };
}

/** Publishers can write any header: what is no context of a trace begins none. */
function traceIn(read: (name: string) => string | undefined): { readonly traceparent?: string } {
  const traceparent = traceparentOf(read("traceparent"));
  return traceparent === undefined ? {} : { traceparent };
}

function messageIdIn(read: (name: string) => string | undefined): { readonly messageId?: string } {
  const messageId = read(idHeaders.own) ?? read(idHeaders.publishers);
  return messageId === undefined ? {} : { messageId };
}

/**
 * Small records of tenants on JetStream: one message each, beside the manifest.
 *
 *   NQ1  a foreign message hides none: the newest record before it counts, for who asks and for who
 *        reads all. A tenant that is suspended or erased would be served again, for one message.
 */

import { isDeepStrictEqual } from "node:util";
import { isTenantId, type TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { tenantIn } from "../wire/subjects.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { newestReadable } from "./newest.ts";
import { publishIfLastUntilKnown } from "./publish.ts";
import { type PullRequest, pullMessages } from "./pull.ts";
import { retryReads } from "./retry.ts";
import { streamNames } from "./streams.ts";

const stream = streamNames.manifests;

export interface RecordKind<Value> {
  readonly subjectOf: (tenant: TenantId) => string;
  /** Of all tenants. */
  readonly filter: string;
  readonly encode: (value: Value) => Uint8Array;
  /** Undefined for a foreign message. */
  readonly decode: (data: Uint8Array) => Value | undefined;
  /** What is said when a change gets no answer. */
  readonly silence: string;
}

export interface StoredValue<Value> {
  readonly tenant: TenantId;
  readonly value: Value;
  readonly revision: number;
}

export class NatsTenantRecords<Value> {
  readonly #context: NatsContext;
  readonly #kind: RecordKind<Value>;

  constructor(context: NatsContext, kind: RecordKind<Value>) {
    this.#context = context;
    this.#kind = kind;
  }

  async get(
    tenant: TenantId,
  ): Promise<{ readonly value: Value | null; readonly revision: number }> {
    const { subjectOf, decode } = this.#kind;
    const { value, tail } = await newestReadable(this.#context, {
      ...{ stream, subject: subjectOf(tenant) },
      read: ({ data }) => decode(data),
    });
    return { value, revision: tail };
  }

  /** False when another was stored meanwhile. */
  put(tenant: TenantId, value: Value, expectedRevision: number): Promise<boolean> {
    const { subjectOf, encode, decode, silence } = this.#kind;
    const payload = encode(value);
    return publishIfLastUntilKnown<boolean>(this.#context, {
      message: { subject: subjectOf(tenant), payload, expectedLast: expectedRevision },
      stored: () => true,
      readBack: async () => {
        const found = await this.get(tenant);
        if (found.revision === expectedRevision) return { kind: "open" };
        // As it is read: an absent field of the value may have been one that is undefined.
        return { kind: "known", result: isDeepStrictEqual(found.value, decode(payload)) };
      },
      silence,
    });
  }

  async *all(): AsyncGenerator<StoredValue<Value>> {
    const newest = await newestMessage(this.#context, stream, this.#kind.filter);
    if (newest === null) return;
    yield* this.#from("newest-of-each", { through: newest.seq });
  }

  async *watch(signal: AbortSignal): AsyncGenerator<StoredValue<Value>> {
    let start: PullRequest["start"] = "newest-of-each";
    const once = async function* (
      this: NatsTenantRecords<Value>,
    ): AsyncGenerator<StoredValue<Value>> {
      for await (const found of this.#from(start, "aborted", signal)) {
        start = found.revision + 1;
        yield found;
      }
    }.bind(this);
    yield* retryReads(this.#context, signal, once);
  }

  async *#from(
    start: PullRequest["start"],
    until: PullRequest["until"],
    signal?: AbortSignal,
  ): AsyncGenerator<StoredValue<Value>> {
    const { filter, decode } = this.#kind;
    const messages = pullMessages(this.#context, {
      ...{ stream, filter, start, until, page: limits.pullMax, signal },
    });
    for await (const { subject, data, seq } of messages) {
      const tenant = tenantIn(subject);
      const value = decode(data);
      if (isTenantId(tenant) && value !== undefined) {
        yield { tenant, value, revision: seq };
        continue;
      }
      this.#context.quarantine.add({ stream, seq, subject, why: "foreign" });
      // What lies before it was yielded already, unless only the newest message of each tenant was
      // asked for.
      if (start !== "newest-of-each" || !isTenantId(tenant)) continue;
      const found = await this.get(tenant);
      if (found.value !== null) yield { tenant, value: found.value, revision: found.revision };
    }
  }
}

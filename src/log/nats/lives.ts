/** What tenants are at, on JetStream: one message each, beside the manifest. */

import { isDeepStrictEqual } from "node:util";
import { isTenantId, type TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { activeLife, type TenantLife } from "../../contract/tenant-life.ts";
import type { LifeStore, NamedLife, StoredLife } from "../life-port.ts";
import { decodeLife, encodeLife } from "../wire/life.ts";
import { lifeSubject, livesFilter, tenantIn } from "../wire/subjects.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { newestReadable } from "./newest.ts";
import { publishIfLastUntilKnown } from "./publish.ts";
import { type PullRequest, pullMessages } from "./pull.ts";
import { retryReads } from "./retry.ts";
import { streamNames } from "./streams.ts";

export class NatsLives implements LifeStore {
  readonly #context: NatsContext;

  constructor(context: NatsContext) {
    this.#context = context;
  }

  async get(tenant: TenantId): Promise<StoredLife> {
    const { value, tail } = await newestReadable(this.#context, {
      ...{ stream: streamNames.manifests, subject: lifeSubject(tenant) },
      read: ({ data }) => decodeLife(data),
    });
    return { life: value ?? activeLife, revision: tail };
  }

  put(tenant: TenantId, life: TenantLife, expectedRevision: number): Promise<boolean> {
    return publishIfLastUntilKnown<boolean>(this.#context, {
      message: {
        subject: lifeSubject(tenant),
        payload: encodeLife(life),
        expectedLast: expectedRevision,
      },
      stored: () => true,
      readBack: async () => {
        const found = await this.get(tenant);
        if (found.revision === expectedRevision) return { kind: "open" };
        return { kind: "known", result: isDeepStrictEqual(found.life, life) };
      },
      silence: "a change of what a tenant is at got no answer",
    });
  }

  async *all(): AsyncGenerator<NamedLife> {
    const newest = await newestMessage(this.#context, streamNames.manifests, livesFilter);
    if (newest === null) return;
    yield* this.#from("newest-of-each", { through: newest.seq });
  }

  async *watch(signal: AbortSignal): AsyncGenerator<NamedLife> {
    let start: PullRequest["start"] = "newest-of-each";
    const once = async function* (this: NatsLives): AsyncGenerator<NamedLife> {
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
  ): AsyncGenerator<NamedLife> {
    const stream = streamNames.manifests;
    const messages = pullMessages(this.#context, {
      ...{ stream, filter: livesFilter, start, until, page: limits.pullMax, signal },
    });
    for await (const { subject, data, seq } of messages) {
      const tenant = tenantIn(subject);
      const life = decodeLife(data);
      if (isTenantId(tenant) && life !== undefined) yield { tenant, life, revision: seq };
      else this.#context.quarantine.add({ stream, seq, subject, why: "foreign" });
    }
  }
}

/**
 * Feedback in a stream of its own, which the first one makes. It is no part of the log's identity:
 * nothing that is served rests on it. The oldest leave: by age, above a tenant's number, and when
 * the stream is full.
 */

import { DiscardPolicy, nanos, RetentionPolicy, StorageType } from "nats";
import type { FreshetError } from "../../contract/errors.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { FeedbackLog, FeedbackMessage } from "../feedback-port.ts";
import { feedbackSubject, feedbackSubjects } from "../wire/subjects.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { apiCode, jetStream, logError } from "./errors.ts";
import { publishPlain } from "./publish.ts";
import { pullMessages } from "./pull.ts";
import { feedbackStream, streamInfo } from "./streams.ts";

export class NatsFeedback implements FeedbackLog {
  readonly #context: NatsContext;
  readonly #replicas: number;
  #isThere = false;

  constructor(context: NatsContext, { replicas }: { readonly replicas: number }) {
    this.#context = context;
    this.#replicas = replicas;
  }

  async append(tenant: TenantId, data: Uint8Array): Promise<number> {
    if (!this.#isThere) await this.#ensure();
    try {
      const message = { subject: feedbackSubject(tenant), payload: data };
      return (await publishPlain(this.#context, message)).seq;
    } catch (thrown) {
      // Somebody may have deleted it: the next one looks.
      this.#isThere = false;
      throw logError(thrown);
    }
  }

  async read({
    tenant,
    after,
    max,
  }: Parameters<FeedbackLog["read"]>[0]): Promise<readonly FeedbackMessage[]> {
    if ((await streamInfo(this.#context, "feedback")) === null) return [];
    const filter = feedbackSubject(tenant);
    const newest = await newestMessage(this.#context, feedbackStream, filter);
    if (newest === null || newest.seq <= after) return [];
    const found: FeedbackMessage[] = [];
    const messages = pullMessages(this.#context, {
      ...{ stream: feedbackStream, filter, start: after + 1, until: { through: newest.seq } },
      page: Math.min(max, limits.pullMax),
    });
    for await (const { seq, atMs, data } of messages) {
      found.push({ seq, atMs, data });
      if (found.length >= max) break;
    }
    return found;
  }

  async #ensure(): Promise<void> {
    for (let bytes: number = limits.feedbackStreamBytesMax; ; bytes = Math.floor(bytes / 2)) {
      const refusal = await this.#create(bytes);
      if (refusal === null) break;
      if (bytes <= limits.streamBytesMin) throw refusal;
    }
    this.#isThere = true;
  }

  /** Null: it is there. Else why there is no room for one of this size. */
  async #create(bytes: number): Promise<FreshetError | null> {
    if ((await streamInfo(this.#context, "feedback")) !== null) return null;
    try {
      await this.#context.jsm.streams.add({
        ...{ name: feedbackStream, subjects: [feedbackSubjects], num_replicas: this.#replicas },
        ...{ storage: StorageType.File, retention: RetentionPolicy.Limits },
        ...{ discard: DiscardPolicy.Old, max_bytes: bytes, max_age: nanos(limits.feedbackKeptMs) },
        ...{ max_msgs_per_subject: limits.feedbackPerTenantMax, allow_direct: false },
        max_msg_size: limits.feedbackBytesMax,
      });
      return null;
    } catch (thrown) {
      if (apiCode(thrown) === jetStream.streamNameInUse) return null;
      const error = logError(thrown);
      if (error.code !== "overloaded") throw error;
      return error;
    }
  }
}

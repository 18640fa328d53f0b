/**
 * Feedback in a stream of its own, which the first one makes. It is no part of the log's identity:
 * nothing that is served rests on it. The oldest leave: by age, above a tenant's number, and when
 * the stream is full.
 */

import { DiscardPolicy, nanos, RetentionPolicy, StorageType } from "nats";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { feedbackStream } from "../../contract/own-streams.ts";
import type { FeedbackLog, FeedbackMessage } from "../feedback-port.ts";
import { feedbackSubject, feedbackSubjects } from "../wire/subjects.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { apiCode, jetStream, logError } from "./errors.ts";
import { publishPlain } from "./publish.ts";
import { pullMessages } from "./pull.ts";
import { createBeside } from "./room.ts";
import { streamInfo } from "./streams.ts";

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
    if ((await streamInfo(this.#context, "feedback")) === null) {
      await createBeside(this.#context, limits.feedbackStreamBytesMax, (bytesMax) =>
        this.#create(bytesMax),
      );
    }
    this.#isThere = true;
  }

  async #create(bytesMax: number): Promise<void> {
    try {
      await this.#context.jsm.streams.add({
        ...{ name: feedbackStream, subjects: [feedbackSubjects], num_replicas: this.#replicas },
        ...{ storage: StorageType.File, retention: RetentionPolicy.Limits },
        ...{ discard: DiscardPolicy.Old, max_bytes: bytesMax },
        ...{ max_age: nanos(limits.feedbackKeptMs), allow_direct: false },
        max_msgs_per_subject: limits.feedbackPerTenantMax,
        max_msg_size: limits.feedbackBytesMax,
      });
    } catch (thrown) {
      if (apiCode(thrown) !== jetStream.streamNameInUse) throw logError(thrown);
    }
  }
}

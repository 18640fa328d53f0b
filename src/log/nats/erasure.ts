/**
 * Erasing on JetStream.
 *
 *   NE1  a purge leaves the bytes in the stream's files for as long as the block lives; what is
 *        erased is overwritten first, message by message, and then gone for the server as well;
 *   NE2  a removal that was cut off and is repeated removes the rest.
 */

import { type Partition, partitionOf, type TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Erasable, Erasure, ErasureRequest } from "../erasure-port.ts";
import {
  attemptsSubject,
  deadLetterSubject,
  deadLettersFilter,
  feedbackSubject,
  generationsSubject,
  manifestSubject,
  owedSubject,
  piecesFilter,
  privacySubject,
  tenantSubject,
  tokensSubject,
} from "../wire/subjects.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { isMessageGone, logError } from "./errors.ts";
import { pullMessages } from "./pull.ts";
import { nameOf, type StreamRole, streamInfo } from "./streams.ts";
import type { VerifiedStream } from "./verified-stream.ts";

interface Where {
  readonly role: StreamRole | "feedback";
  readonly subjects: readonly string[];
}

export interface NatsErasureOptions {
  readonly context: NatsContext;
  /** Sequences of another stream mean something else: looked at before anything is removed. */
  readonly verified: readonly Pick<VerifiedStream, "verify">[];
  readonly partitions: number;
}

export class NatsErasure implements Erasure {
  readonly #options: NatsErasureOptions;

  constructor(options: NatsErasureOptions) {
    this.#options = options;
  }

  async remove(request: ErasureRequest): Promise<number> {
    const { context, verified } = this.#options;
    for (const stream of verified) await stream.verify();
    const { role, subjects } = this.#whereOf(request);
    let removed = 0;
    for (const subject of subjects) {
      removed += await this.#removeSubject(role, subject, request);
      request.onProgress?.(removed);
    }
    context.logger.debug({ stream: nameOf(role), removed }, "messages were erased");
    return removed;
  }

  async count(request: ErasureRequest): Promise<number> {
    const { role, subjects } = this.#whereOf(request);
    let found = 0;
    for (const subject of subjects) {
      if (request.below !== undefined) {
        for await (const _ of this.#sequences(role, subject, request)) found += 1;
        continue;
      }
      const info = await streamInfo(this.#options.context, role, subject);
      for (const messages of Object.values(info?.state.subjects ?? {})) found += messages;
    }
    return found;
  }

  async #removeSubject(role: StreamRole | "feedback", subject: string, request: ErasureRequest) {
    const { onProgress } = request;
    let removed = 0;
    let page: number[] = [];
    const flush = async (): Promise<void> => {
      await Promise.all(page.map((seq) => this.#overwrite(nameOf(role), seq)));
      removed += page.length;
      page = [];
      onProgress?.(removed);
    };
    for await (const seq of this.#sequences(role, subject, request)) {
      page.push(seq);
      if (page.length >= limits.erasePageMax) await flush();
    }
    await flush();
    return removed;
  }

  /** In order, below the bound. */
  async *#sequences(
    role: StreamRole | "feedback",
    subject: string,
    { below = Number.POSITIVE_INFINITY, ...request }: ErasureRequest,
  ): AsyncGenerator<number> {
    const { context } = this.#options;
    const { max = Number.POSITIVE_INFINITY, except, signal } = request;
    const stream = nameOf(role);
    if ((await streamInfo(context, role)) === null) return;
    const newest = await newestMessage(context, stream, subject);
    if (newest === null) return;
    const messages = pullMessages(context, {
      ...{ stream, filter: subject, start: 1, until: { through: newest.seq }, signal },
      ...{ headersOnly: true, page: limits.pullMax },
    });
    let given = 0;
    for await (const { seq } of messages) {
      if (seq >= below || given >= max) return;
      if (except?.has(seq) === true) continue;
      given += 1;
      yield seq;
    }
  }

  async #overwrite(stream: string, seq: number): Promise<void> {
    try {
      await this.#options.context.jsm.streams.deleteMessage(stream, seq, true);
    } catch (thrown) {
      // Another attempt was faster.
      if (isMessageGone(thrown)) return;
      throw logError(thrown);
    }
  }

  #whereOf({ tenant, of, version }: ErasureRequest): Where {
    const at = partitionOf(tenant, this.#options.partitions);
    if (of === "letters" && version !== undefined) {
      return { role: "deadLetters", subjects: [deadLetterSubject(tenant, version)] };
    }
    return places[of](tenant, at);
  }
}

const places: Readonly<Record<Erasable, (tenant: TenantId, at: Partition) => Where>> = {
  operations: (tenant, at) => ({ role: "docs", subjects: [tenantSubject("docs", at, tenant)] }),
  records: (tenant, at) => ({ role: "chunks", subjects: [tenantSubject("chunks", at, tenant)] }),
  heads: (tenant) => ({ role: "heads", subjects: [piecesFilter(tenant)] }),
  letters: (tenant) => ({ role: "deadLetters", subjects: [deadLettersFilter(tenant)] }),
  keys: (tenant) => ({ role: "manifests", subjects: [privacySubject(tenant)] }),
  feedback: (tenant) => ({ role: "feedback", subjects: [feedbackSubject(tenant)] }),
  generation: (tenant) => ({
    role: "manifests",
    subjects: [manifestSubject(tenant), owedSubject(tenant), attemptsSubject(tenant)],
  }),
  generations: (tenant) => ({ role: "manifests", subjects: [generationsSubject(tenant)] }),
  manifests: (tenant) => ({
    role: "manifests",
    subjects: [
      manifestSubject(tenant),
      owedSubject(tenant),
      attemptsSubject(tenant),
      tokensSubject(tenant),
    ],
  }),
};

/**
 * A small in-memory engine behind the surfaces: it stores, finds by substring, and can be told to
 * fail or wait.
 */

import { type Operation, operationSchema } from "../../src/contract/document.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { StoredEvent } from "../../src/contract/events.ts";
import type { Feedback, StoredFeedback } from "../../src/contract/feedback.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import type { Answer, AnswerEvent, Question, Source } from "../../src/contract/query.ts";
import type { QuotaUser, TenantUsage } from "../../src/contract/quota.ts";
import type {
  AskRequest,
  DocumentPageRequest,
  EngineStatus,
  PublishOptions,
  Reader,
  Service,
} from "../../src/contract/service.ts";

const decoder = new TextDecoder();

interface Stored {
  readonly operation: Operation;
  readonly seq: number;
}

export class FakeService implements Service {
  readonly documentTextBytesMax = 1_000;
  readonly payloads: string[] = [];
  readonly messageIds: (string | undefined)[] = [];
  readonly asked: {
    readonly tenant: string;
    readonly question: Question;
    readonly credential?: string | undefined;
  }[] = [];
  /** What was said of each publish beside its payload. */
  readonly publishers: Pick<PublishOptions, "credential" | "isDelete">[] = [];
  readonly admitted: (QuotaUser & { readonly bytes: number })[] = [];
  /** Of questions, look-ups and listings, in the order they came. */
  readonly readers: Reader[] = [];
  /** Signals of questions, in the order they came. */
  readonly signals: AbortSignal[] = [];
  ready = true;
  failure: Error | undefined;
  publishFailure: FreshetError | undefined;
  /** When set, a question waits for it after its retrieval event. */
  hold: Promise<void> | undefined;
  /** Deltas that a streamed answer sends. */
  deltas: readonly string[] = ["It ", "was."];
  /** The model's tokens were used up. */
  isCut = false;
  failsAtOnce = false;
  stored: readonly StoredEvent[] = [];
  /** Readers of events now. */
  listening = 0;
  readonly said: StoredFeedback[] = [];
  publishing = 0;
  publishingMost = 0;
  #seq = 0;
  readonly #tenants = new Map<string, Map<string, Stored>>();

  async ask({ tenant, groups, question, credential, ...options }: AskRequest): Promise<Answer> {
    this.asked.push({ tenant, question, credential });
    this.readers.push({ tenant, groups });
    this.signals.push(options.signal);
    if (this.failure !== undefined) throw this.failure;
    const sources = this.#find(tenant, question);
    if (sources.length === 0) throw new FreshetError("no_results");
    const coverage = { hot: "complete", cold: "empty", llm: "extractive" } as const;
    const emit = (event: AnswerEvent) => options.onEvent?.(event);
    emit({ type: "retrieval", sources, coverage });
    await Promise.race([this.hold, aborted(options.signal, this.hold !== undefined)]);
    for (const text of this.deltas) {
      options.signal.throwIfAborted();
      emit({ type: "delta", text });
      await new Promise(setImmediate);
    }
    return {
      answer: this.deltas.join(""),
      ...(this.isCut && { finish_reason: "length" as const }),
      sources,
      coverage,
      visible_seq: this.#seq,
      timings: { embed: 0, hot: 0, cold: 0, fuse: 0, llm: 0, total: 0 },
    };
  }

  async publish(tenant: string, options: PublishOptions) {
    const { payload, messageId, credential, isDelete } = options;
    this.publishers.push({ credential, isDelete });
    this.publishing += 1;
    this.publishingMost = Math.max(this.publishingMost, this.publishing);
    await new Promise(setImmediate);
    this.publishing -= 1;
    if (this.publishFailure !== undefined) throw this.publishFailure;
    this.#seq += 1;
    const text = decoder.decode(payload);
    const operation = operationSchema.parse(JSON.parse(text));
    this.payloads.push(text);
    this.messageIds.push(messageId);
    const documents = this.#tenants.get(tenant) ?? new Map<string, Stored>();
    this.#tenants.set(tenant, documents);
    if (operation.op === "delete") documents.delete(operation.id);
    else documents.set(operation.id, { operation, seq: this.#seq });
    return { seq: this.#seq as Version };
  }

  async feedback(tenant: TenantId, said: Feedback) {
    this.said.push({ ...said, seq: this.said.length + 1, at: "2026-11-29T00:00:00.000Z" });
    this.readers.push({ tenant });
    return { seq: this.said.length };
  }

  async feedbackAfter(_: TenantId, { after, limit }: { after: number; limit: number }) {
    const page = this.said.filter(({ seq }) => seq > after).slice(0, limit);
    return { feedback: page, next: page.length < limit ? null : (page.at(-1)?.seq ?? null) };
  }

  async document({ tenant, groups }: Reader, id: string) {
    this.readers.push({ tenant, groups });
    const stored = this.#tenants.get(tenant)?.get(id);
    if (stored === undefined) return { id, status: "absent", visible_seq: this.#seq } as const;
    return { id, status: "visible", seq: stored.seq, shard: "hot" } as const;
  }

  /** Pages without a document that a listing begins with, as that of memory once all is merged. */
  emptyPages = 0;

  async documents({ tenant, groups }: Reader, { after = "-0", limit }: DocumentPageRequest) {
    this.readers.push({ tenant, groups });
    if (after.startsWith("-") && Number(after) > -this.emptyPages) {
      return { documents: [], next: `${Number(after) - 1}` };
    }
    const all = [...(this.#tenants.get(tenant) ?? [])];
    const from = Math.max(0, Number(after));
    const documents = all
      .slice(from, from + limit)
      .map(([id, { seq }]) => ({ id, seq, shard: "hot" as const }));
    return { documents, next: from + limit < all.length ? `${from + limit}` : null };
  }

  async *events(
    _tenant: string,
    { after = this.#seq as Version, signal }: Parameters<Service["events"]>[1],
  ): AsyncGenerator<readonly StoredEvent[]> {
    this.listening += 1;
    try {
      if (this.failsAtOnce && this.failure !== undefined) throw this.failure;
      yield [];
      if (this.failure !== undefined) throw this.failure;
      const stays = this.hold !== undefined;
      await this.hold;
      yield this.stored.filter(({ seq }) => seq > after);
      if (stays) await aborted(signal, true);
    } finally {
      this.listening -= 1;
    }
  }

  async admit({ tenant, credential }: QuotaUser, bytes: number): Promise<void> {
    this.admitted.push({ tenant, credential, bytes });
    if (this.publishFailure !== undefined) throw this.publishFailure;
  }

  async usage(tenant: string): Promise<TenantUsage> {
    const documents = this.#tenants.get(tenant)?.size ?? 0;
    return {
      ...{ tenant, documents, stored_chunks: documents, hot_bytes: 0, operations_behind: 0 },
      last_minute: { documents, bytes: 0, questions: this.asked.length },
      model_tokens_today: 0,
      quota: { questions_per_second: 10 },
      left: { questions_per_second: 9.5 },
    };
  }

  async lastVersion(): Promise<Version> {
    return this.#seq as Version;
  }

  status(): EngineStatus {
    return {
      node: "n1",
      ready: this.ready,
      partitions: { total: 8, owned: 8, joining: 0 },
      tenants: [...this.#tenants].map(([tenant, documents]) => ({
        tenant,
        state: this.ready ? "ready" : "recovering",
        visible_seq: this.#seq,
        documents: documents.size,
        hot: { documents: documents.size, chunks: documents.size, bytes: 0 },
        watermark: 0,
        unmerged_chunks: documents.size,
        records_to_replay: documents.size,
        records_replayed: 0,
        operations_behind: 0,
      })),
      services: { log: "up", cold: this.ready ? "up" : "down", temporal: "up", model: "none" },
    };
  }

  /** A filter for one id finds it whatever is asked; other filters are not looked at. */
  #find(tenant: string, question: Question): Source[] {
    const wanted = (question.filter as { readonly id?: unknown } | undefined)?.id;
    const fits = ({ id, text }: { readonly id: string; readonly text: string }): boolean =>
      wanted === undefined ? text.includes(question.query) : id === wanted;
    return [...(this.#tenants.get(tenant)?.values() ?? [])]
      .flatMap(({ operation, seq }) =>
        operation.op === "upsert" && fits(operation)
          ? [{ ...describedBy(operation), id: operation.id, version: seq, text: operation.text }]
          : [],
      )
      .slice(0, question.top_k)
      .map((found) => ({ ...found, chunk: 0, score: 1, shard: "hot" as const }));
  }
}

function describedBy({ title, source }: Extract<Operation, { op: "upsert" }>) {
  return { ...(title === undefined ? {} : { title }), ...(source === undefined ? {} : { source }) };
}

function aborted(signal: AbortSignal, waits: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!waits) resolve();
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

/**
 * What every surface does with a request, whichever way it came: parse, check, bound, ask the
 * service.
 *
 * Owns: the bounds on questions and on listings in flight, of which no tenant takes all.
 * Never: knows a transport. It takes values and bytes, returns values, and throws FreshetError
 * only.
 */

import { checkOperation } from "../contract/document.ts";
import { type ErrorBody, errorBody, FreshetError, toFreshetError } from "../contract/errors.ts";
import type { PublishResult, StoredEvent } from "../contract/events.ts";
import {
  type DocumentId,
  isDocumentId,
  lastBefore,
  type TenantId,
  type Version,
  version,
} from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Logger } from "../contract/observation.ts";
import { type Answer, parseQuestion } from "../contract/query.ts";
import type { TenantUsage } from "../contract/quota.ts";
import { contentOf } from "../contract/same-operation.ts";
import type {
  AskRequest,
  DocumentPage,
  DocumentPageRequest,
  DocumentState,
  EngineStatus,
  Reader,
  Service,
} from "../contract/service.ts";
import {
  type Span,
  silentTracer,
  spanned,
  type Tracer,
  traceparentOf,
} from "../contract/tracing.ts";
import type { Clock } from "../runtime/clock.ts";
import { FairShares } from "../runtime/fair-shares.ts";
import { createFeedbackHandler, type FeedbackHandler } from "./feedback-routes.ts";
import { checkKey, IdempotencyKeys } from "./idempotency.ts";

/** A question as it comes in; `body` is parsed JSON, unchecked. */
export type UncheckedAsk = Omit<AskRequest, "question" | "span"> & {
  readonly body: unknown;
  /** The caller's trace, unchecked. */
  readonly traceparent?: unknown;
};

export interface PublishRequest {
  readonly tenant: TenantId;
  /** Parsed JSON, unchecked. */
  readonly body: unknown;
  readonly idempotencyKey?: string | undefined;
  /** Of the caller: quotas count by it. */
  readonly credential?: string | undefined;
  /** The publisher's trace, unchecked. */
  readonly traceparent?: unknown;
}

export interface EventsRequest {
  /** The newest event that the caller has. */
  readonly after?: unknown;
  /** The first one that it wants. */
  readonly from?: unknown;
}

export interface Handler {
  /** @throws FreshetError */
  answer(request: UncheckedAsk): Promise<Answer>;
  /** @throws FreshetError */
  publish(request: PublishRequest): Promise<PublishResult & { readonly id: DocumentId }>;
  document(reader: Reader, id: string): Promise<DocumentState>;
  /** `limit` as it came, unchecked. */
  documents(
    reader: Reader,
    page: { readonly after?: unknown; readonly limit?: unknown },
  ): Promise<DocumentPage>;
  /**
   * Pages of events, until the signal aborts. `after` and `from` as they came, unchecked: at most
   * one of them. Not for a reader with groups: events name every document of the tenant.
   */
  events(
    reader: Reader,
    request: EventsRequest & { readonly signal: AbortSignal },
  ): AsyncIterable<readonly StoredEvent[]>;
  /** The newest operation that was stored: what comes after it is "from now on". */
  lastVersion(tenant: TenantId): Promise<Version>;
  status(): EngineStatus;
  usage(tenant: TenantId): Promise<TenantUsage>;
  readonly feedback: FeedbackHandler;
  /** The error as a caller may see it; an unexpected one is logged and loses its message. */
  explain(thrown: unknown): FreshetError;
}

export interface HandlerOptions {
  readonly service: Service;
  readonly log: Logger;
  readonly clock: Clock;
  readonly questionsInFlightMax?: number | undefined;
  readonly tracer?: Tracer | undefined;
}

const encoder = new TextEncoder();

const toDocs = (tenant: TenantId) => ({
  "messaging.system": "nats",
  "messaging.destination.name": "DOCS",
  "freshet.tenant": tenant,
});

export function createHandler(options: HandlerOptions): Handler {
  const { service, log } = options;
  const keys = new IdempotencyKeys(options.clock);
  // Those that run, and those that wait for a free question actor at the tenant's owner.
  const total = options.questionsInFlightMax ?? 2 * limits.questionsInFlightMax;
  const questions = new FairShares({ total });
  const listings = new FairShares({ total: limits.listingsInFlightMax });

  const { tracer = silentTracer } = options;

  async function answer({ traceparent, ...asked }: UncheckedAsk): Promise<Answer> {
    const attributes = { "freshet.tenant": asked.tenant };
    const span = tracer.start("question", { traceparent: traceparentOf(traceparent), attributes });
    return spanned(span, () => answerIn(asked, span));
  }

  async function answerIn(asked: Omit<UncheckedAsk, "traceparent">, span: Span): Promise<Answer> {
    const { body, ...caller } = asked;
    const request = { ...caller, question: parseQuestion(body), span };
    const share = questions.tryTake(request.tenant);
    if (share === undefined) throw new FreshetError("overloaded", "too many questions at once");
    try {
      const answered = await service.ask(request);
      span.set({
        "freshet.sources": answered.sources.length,
        "freshet.coverage.cold": answered.coverage.cold,
      });
      return answered;
    } finally {
      share.release();
    }
  }

  return {
    answer,
    publish: publishing(options, keys),
    document: async (reader, id) => service.document(reader, documentIdOf(id)),
    async documents(reader, page) {
      const request = pageOf(page);
      const share = listings.tryTake(reader.tenant);
      if (share === undefined) throw new FreshetError("overloaded", "too many listings at once");
      try {
        return await service.documents(reader, request);
      } finally {
        share.release();
      }
    },
    events: eventsOf(service),
    lastVersion: (tenant) => service.lastVersion(tenant),
    status: () => service.status(),
    usage: (tenant) => service.usage(tenant),
    feedback: createFeedbackHandler(service),
    explain: explaining(log),
  };
}

/** The error as a caller may see it; an unexpected one is logged and loses its message. */
export function explaining(log: Logger): Handler["explain"] {
  return (thrown) => {
    const error = toFreshetError(thrown);
    if (error.code !== "internal") return error;
    log.error({ error: thrown }, "a request failed unexpectedly");
    return new FreshetError("internal");
  };
}

function eventsOf(service: Service): Handler["events"] {
  const streams = new FairShares({ total: limits.eventStreamsMax });
  return async function* events({ tenant, groups }, { signal, ...request }) {
    if (groups !== undefined)
      throw new FreshetError("forbidden", "events are for keys without groups");
    const after = startOf(request);
    const share = streams.tryTake(tenant);
    if (share === undefined) throw new FreshetError("overloaded", "too many event streams");
    try {
      yield* service.events(tenant, { after, signal });
    } finally {
      share.release();
    }
  };
}

/**
 * The last version that is not wanted; undefined for "from now on".
 * @throws FreshetError invalid_request
 */
function startOf({ after, from }: EventsRequest): Version | undefined {
  if (after !== undefined) return version(sequenceOf(after, "after (Last-Event-ID)"));
  if (from === undefined) return undefined;
  return lastBefore(version(sequenceOf(from, "from_seq")));
}

/** @throws FreshetError invalid_request */
function sequenceOf(value: unknown, name: string): number {
  const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : -1;
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new FreshetError("invalid_request", `${name}: the seq of an event or a receipt`);
}

/** Publishes a checked operation, and remembers what its key brought. */
function publishing(
  { service, tracer = silentTracer }: HandlerOptions,
  keys: IdempotencyKeys,
): Handler["publish"] {
  return async (request) => {
    const { tenant, body, idempotencyKey, credential } = request;
    if (idempotencyKey !== undefined) checkKey(idempotencyKey);
    const parsed = checkOperation(body, service.documentTextBytesMax);
    if (!parsed.ok) throw parsed.error;
    // DOCS holds what the publisher said, not what the schema made of it (a timestamp keeps its
    // form).
    const payload = encoder.encode(JSON.stringify(body));
    const { id, op } = parsed.operation;
    const keyed =
      idempotencyKey === undefined
        ? undefined
        : { tenant, key: idempotencyKey, content: contentOf(parsed.operation) };
    const before = keyed && keys.receiptOf(keyed);
    if (before !== undefined) return { id, seq: before };
    const messageId = idempotencyKey;
    const from = { traceparent: traceparentOf(request.traceparent), attributes: toDocs(tenant) };
    const span = tracer.start("publish", from);
    const { traceparent } = span;
    const isDelete = op === "delete";
    const traced = traceparent === undefined ? {} : { traceparent };
    const message = { payload, messageId, credential, isDelete, ...traced };
    const { seq } = await spanned(span, () => service.publish(tenant, message));
    if (keyed !== undefined) keys.remember(keyed, seq);
    return { id, seq };
  };
}

/** @throws FreshetError invalid_request */
function pageOf({
  after,
  limit = `${limits.documentPageDefault}`,
}: {
  readonly after?: unknown;
  readonly limit?: unknown;
}): DocumentPageRequest {
  const number = typeof limit === "string" && /^\d{1,6}$/.test(limit) ? Number(limit) : 0;
  if (number < 1 || number > limits.documentPageMax) {
    const message = `limit: a whole number from 1 to ${limits.documentPageMax}`;
    throw new FreshetError("invalid_request", message);
  }
  if (after !== undefined && typeof after !== "string") {
    throw new FreshetError("invalid_request", "after: not the `next` of a page");
  }
  return { after, limit: number };
}

/** @throws FreshetError invalid_request */
function documentIdOf(id: string): DocumentId {
  if (isDocumentId(id)) return id;
  throw new FreshetError(
    "invalid_request",
    "a document id is 1-512 bytes without control characters",
  );
}

/** The error body as every surface but HTTP sends it. */
export function explainAsBody(handler: Handler, thrown: unknown): ErrorBody {
  return errorBody(handler.explain(thrown));
}

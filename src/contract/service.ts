/** What every surface (NATS, HTTP, MCP, the console) may ask of the engine. */

import type { ErrorCode } from "./errors.ts";
import type { PublishResult, StoredEvent } from "./events.ts";
import type { Feedback, FeedbackPage } from "./feedback.ts";
import type { DocumentId, TenantId, Version } from "./ids.ts";
import type { QuarantinedRecord } from "./quarantine.ts";
import type { Answer, AnswerEvent, Question } from "./query.ts";
import type { QuotaUser, TenantUsage } from "./quota.ts";
import type { TenantRecovery } from "./recovery.ts";
import type { LifeSummary } from "./tenant-life.ts";
import type { Span } from "./tracing.ts";

/** Who reads: a tenant's documents, as far as the groups of the credential go (access.ts). */
export interface Reader {
  readonly tenant: TenantId;
  /** Undefined: sees everything of its tenant. */
  readonly groups?: readonly string[] | undefined;
}

/** Who asks. */
export interface Asker extends Reader {
  /** Of the caller, where the surface knows one: quotas count by it. */
  readonly credential?: string | undefined;
}

/** A checked question with its caller: one shape from the gateway to the question actor. */
export interface AskRequest extends Asker {
  readonly question: Question;
  /** Aborts when the caller has gone: work for it ends. */
  readonly signal: AbortSignal;
  /** For streamed answers. */
  readonly onEvent?: ((event: AnswerEvent) => void) | undefined;
  /** What is traced of it. */
  readonly span?: Span | undefined;
}

export type DocumentState =
  | {
      readonly id: string;
      readonly status: "visible";
      readonly seq: number;
      readonly shard: "hot" | "cold";
    }
  | { readonly id: string; readonly status: "absent"; readonly visible_seq: number };

/** A page of a tenant's live documents. */
export interface DocumentPage {
  readonly documents: readonly {
    readonly id: string;
    readonly seq: number;
    readonly shard: "hot" | "cold";
  }[];
  /** What the next page begins after; null at the end. A page may be empty before it. */
  readonly next: string | null;
}

export interface DocumentPageRequest {
  /** `next` of the page before; undefined for the first. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface TenantStatus extends TenantRecovery {
  readonly tenant: string;
  /** DOCS sequence up to which every operation of the tenant is applied. */
  readonly visible_seq: number;
  readonly documents: number;
  readonly hot: { readonly documents: number; readonly chunks: number; readonly bytes: number };
  readonly watermark: number;
  readonly unmerged_chunks: number;
}

export interface EngineStatus {
  readonly node: string;
  readonly ready: boolean;
  /** Why the log is refused, and what to do; absent while it is trusted. */
  readonly refusal?: string | undefined;
  /**
   * `joining`: this node's own, but not here yet; `blocked_by`: the log's error that keeps one of
   * them away. The rest belongs to other nodes.
   */
  readonly partitions: {
    readonly total: number;
    readonly owned: number;
    readonly joining: number;
    readonly blocked_by?: ErrorCode | undefined;
  };
  readonly tenants: readonly TenantStatus[];
  /** Tenants of the installation that are not served now; absent while there are none. */
  readonly resting?: LifeSummary | undefined;
  /** The newest records that this node met in the log and skipped; absent while there are none. */
  readonly quarantined?: readonly QuarantinedRecord[] | undefined;
  readonly services: Readonly<
    Record<"log" | "cold" | "temporal" | "model", "up" | "down" | "none"> & {
      /** Absent where the embedding model is in the engine's process. */
      embedding?: "up" | "down" | undefined;
    }
  >;
}

/** Other nodes, by the name in their leases. All reject with not_ready when the node is gone. */
export interface Peers {
  ask(node: string, request: AskRequest): Promise<Answer>;
  document(node: string, reader: Reader, id: DocumentId): Promise<DocumentState>;
  documents(node: string, reader: Reader, page: DocumentPageRequest): Promise<DocumentPage>;
  /** As `Quotas.admitDocument`, at the tenant's owner. */
  admit(node: string, user: QuotaUser, bytes: number): Promise<void>;
  usage(node: string, tenant: TenantId): Promise<TenantUsage>;
}

export interface PublishOptions {
  readonly payload: Uint8Array;
  readonly messageId?: string | undefined;
  /** As in `AskRequest`. */
  readonly credential?: string | undefined;
  /** A delete passes every quota. */
  readonly isDelete?: boolean | undefined;
  /** The publisher's trace; kept with the operation. */
  readonly traceparent?: string | undefined;
}

export interface Service {
  /** @throws FreshetError; codes in contract/errors.ts */
  ask(request: AskRequest): Promise<Answer>;
  /**
   * Publishes one checked operation: `payload` is what DOCS will hold.
   * @throws FreshetError quota_exceeded, and others
   */
  publish(tenant: TenantId, options: PublishOptions): Promise<PublishResult>;
  /** What the tenant uses, and what its quotas leave. */
  usage(tenant: TenantId): Promise<TenantUsage>;
  /** A document that the reader may not see is told as one that is absent. */
  document(reader: Reader, id: DocumentId): Promise<DocumentState>;
  /**
   * The tenant's live documents that the reader may see, page by page, in no order. What is there
   * from the first page to the last in one version is listed; what changes meanwhile may be missed,
   * or come twice.
   */
  documents(reader: Reader, page: DocumentPageRequest): Promise<DocumentPage>;
  /**
   * What became of the tenant's operations after `after`, in their order, without end until the
   * signal aborts; undefined: from now on. The first page comes at once, and may be empty.
   * @throws FreshetError events_expired, and what a log that is away throws
   */
  events(
    tenant: TenantId,
    options: { readonly after: Version | undefined; readonly signal: AbortSignal },
  ): AsyncIterable<readonly StoredEvent[]>;
  /** Stores what somebody thinks of an answer, redacted. @throws FreshetError; see errors.ts */
  feedback(tenant: TenantId, said: Feedback): Promise<{ readonly seq: number }>;
  /** Page by page, oldest first. */
  feedbackAfter(
    tenant: TenantId,
    page: { readonly after: number; readonly limit: number },
  ): Promise<FeedbackPage>;
  /** Bytes that the log's `max_payload` leaves for a document's text. */
  readonly documentTextBytesMax: number;
  status(): EngineStatus;
  /** The newest version that a publisher could wait for; 0 when the tenant has none. */
  lastVersion(tenant: TenantId): Promise<Version>;
}

/** What every surface (NATS, HTTP, MCP, the console) may ask of the engine. */

import type { PublishResult } from "./events.ts";
import type { DocumentId, TenantId, Version } from "./ids.ts";
import type { QuarantinedRecord } from "./quarantine.ts";
import type { Answer, AnswerEvent, Question } from "./query.ts";
import type { TenantRecovery } from "./recovery.ts";
import type { Span } from "./tracing.ts";

/** A checked question with its caller: one shape from the gateway to the question actor. */
export interface AskRequest {
  readonly tenant: TenantId;
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
  /** `joining`: this node's own, but not here yet. The rest belongs to other nodes. */
  readonly partitions: {
    readonly total: number;
    readonly owned: number;
    readonly joining: number;
  };
  readonly tenants: readonly TenantStatus[];
  /** The newest records that this node met in the log and skipped; absent while there are none. */
  readonly quarantined?: readonly QuarantinedRecord[] | undefined;
  readonly services: Readonly<
    Record<"log" | "cold" | "temporal" | "model", "up" | "down" | "none">
  >;
}

/** Other nodes, by the name in their leases. All reject with not_ready when the node is gone. */
export interface Peers {
  ask(node: string, request: AskRequest): Promise<Answer>;
  document(node: string, tenant: TenantId, id: DocumentId): Promise<DocumentState>;
  documents(node: string, tenant: TenantId, page: DocumentPageRequest): Promise<DocumentPage>;
}

export interface Service {
  /** @throws FreshetError; codes in contract/errors.ts */
  ask(request: AskRequest): Promise<Answer>;
  /** Publishes one checked operation: `payload` is what DOCS will hold. */
  publish(
    tenant: TenantId,
    options: {
      readonly payload: Uint8Array;
      readonly messageId?: string | undefined;
      readonly traceparent?: string | undefined;
    },
  ): Promise<PublishResult>;
  document(tenant: TenantId, id: DocumentId): Promise<DocumentState>;
  /**
   * The tenant's live documents, page by page, in no order. What is there from the first page to
   * the last in one version is listed; what changes meanwhile may be missed, or come twice.
   */
  documents(tenant: TenantId, page: DocumentPageRequest): Promise<DocumentPage>;
  /** Bytes that the log's `max_payload` leaves for a document's text. */
  readonly documentTextBytesMax: number;
  status(): EngineStatus;
  /** The newest version that a publisher could wait for; 0 when the tenant has none. */
  lastVersion(tenant: TenantId): Promise<Version>;
}
